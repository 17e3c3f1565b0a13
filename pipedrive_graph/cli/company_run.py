"""Describes one company's part of a `sync`: its `--json` object, and what an interrupt left behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipedrive_graph.cli.runner import failure, sentence
from pipedrive_graph.common import clock
from pipedrive_graph.config.company import Collect
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.findings.rule_header import SEVERITIES
from pipedrive_graph.landing import Manifest
from pipedrive_graph.runs.company_run import UNFINISHED, CompanyRun

KEPT = "What was read so far is kept; a sync within 6 hours continues from there."

EARLIER = "An earlier run has read this snapshot; it was built and published without reading again."
"""The reason in a result without requests."""


def as_json(run: CompanyRun, settings: Settings) -> dict[str, Any]:
    """The object that `--json` prints."""
    error = sentence(run.error, settings.named(run.company)) if run.error else None
    undelivered = {"alerts_not_sent": run.undelivered} if run.undelivered else {}
    if run.exit_code in {1, 2, 3}:
        return {**failure(run.company, run.exit_code, str(error), at=run.ended_at), **undelivered}
    manifest, summary = run.manifest, run.summary
    earlier = EARLIER if run.is_earlier else None
    verdict, (requests, throttled) = run.verdict, run.sent
    reason = error or " ".join(filter(None, [verdict.reason if verdict else None, earlier]))
    by_access = manifest if manifest and manifest.identity.collect == Collect.BY_ACCESS else None
    return {
        "company": run.company,
        "snapshot_id": manifest.snapshot_id if manifest else None,
        "status": verdict.status if verdict else UNFINISHED,
        "users": manifest.users if manifest else None,
        "roles": manifest.roles if manifest else None,
        "requests": requests,
        "throttled": throttled,
        "seconds": round(run.seconds, 2),
        "findings": summary.counts if summary else dict.fromkeys(SEVERITIES),
        "database": str(settings.published),
        "reports": str(settings.reports / run.company),
        "at": clock.iso(run.ended_at or clock.now()),
        "exit_code": run.exit_code,
        **({"inferred": by_access.inferred} if by_access else {}),
        **({"lists_not_given": [*summary.not_given]} if summary and summary.not_given else {}),
        **({"count_mismatches": summary.mismatches} if summary and summary.mismatches else {}),
        **({"rules_not_run": [*run.broken]} if run.broken else {}),
        **({"reason": reason} if reason else {}),
        **undelivered,
    }


def interrupted(manifest: Manifest | None, shown: Mapping[str, str]) -> str:
    """Describe what an interrupted run has left, depending on its progress.

    Args:
        manifest: the snapshot that the run committed; None if it did not get that far.
        shown: the published snapshot of each company.
    """
    if manifest is None:
        return KEPT
    if not manifest.accepted:
        return f"Snapshot {manifest.snapshot_id} was rejected; nothing was published."
    if shown.get(manifest.company) == manifest.snapshot_id:
        return (
            f"Snapshot {manifest.snapshot_id} is published; its reports and alerts may be missing:"
            " the next sync writes and sends them."
        )
    return (
        f"Snapshot {manifest.snapshot_id} is read and kept; the next sync builds and publishes it"
        " without reading it again."
    )
