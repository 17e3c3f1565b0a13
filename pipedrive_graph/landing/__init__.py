"""Stores every response of Pipedrive in files: one folder per snapshot, committed by its manifest.

    <landing>/<company>/<snapshot_id>/draft.json                 while collecting: the identity of the run
                                      users.id.permissions.ndjson    a line per answer, flushed
                                      …ndjson.gz                 at commit
                                      known.json                 ids to request when they are no longer listed
                                      memory.json.gz             when users were observed, with which access
                                      manifest.json              written last: the snapshot is committed
                                      manifest.set-aside.json    instead of the manifest: it no longer counts
                                      abandoned.json             instead, if it was never finished

    <landing>/<company>/gaps.json      missing snapshots that an operator accepted
                        forgotten.json what `forget` removed, when and why
                        .seed          the secret seed of the sampling by-access

A committed snapshot never changes. Each manifest has the digest of the one before it, so a damaged or missing
snapshot is noticed.
"""

from pipedrive_graph.landing.companies import Landing
from pipedrive_graph.landing.records import (
    Coverage,
    File,
    Identity,
    KnownIds,
    Manifest,
    Mark,
    RemainingBudget,
    Verdict,
)
from pipedrive_graph.landing.snapshot import Snapshot, abandon
from pipedrive_graph.landing.store import CompanyLanding

__all__ = [
    "CompanyLanding",
    "Coverage",
    "File",
    "Identity",
    "KnownIds",
    "Landing",
    "Manifest",
    "Mark",
    "RemainingBudget",
    "Snapshot",
    "Verdict",
    "abandon",
]
