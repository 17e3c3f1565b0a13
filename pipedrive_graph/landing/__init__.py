"""Keeps every answer of Pipedrive as files: one folder per snapshot, committed by its manifest.

    <landing>/<company>/<snapshot_id>/draft.json                 while collecting: whose answers these are
                                      users.id.permissions.ndjson    a line per answer, flushed
                                      …ndjson.gz                 at commit
                                      known.json                 who is to be asked for when no longer listed
                                      memory.json.gz             who was observed when, and under which access
                                      manifest.json              written last: the snapshot is committed
                                      manifest.set-aside.json    instead of the manifest: it no longer counts
                                      abandoned.json             instead, if it was never finished

    <landing>/<company>/gaps.json      where snapshots are missing, and a person has accepted that
                        forgotten.json what `forget` has removed, when and why
                        .seed          the secret from which it is drawn who is observed by-access

A committed snapshot never changes. Each manifest names the digest of the one before, so a damaged or
missing snapshot shows.
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
