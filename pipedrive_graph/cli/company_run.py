"""What came of one company in a run of `sync`: exit code, record, and the object that `--json` prints."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pipedrive_graph import clock
from pipedrive_graph.cli.frame import exit_code, failure, sentence
from pipedrive_graph.cli.progress import CompanyObserver
from pipedrive_graph.companies import Collect
from pipedrive_graph.errors import BusyError, PipedriveGraphError
from pipedrive_graph.findings.rules import SEVERITIES
from pipedrive_graph.landing import Manifest, Verdict
from pipedrive_graph.runs import record
from pipedrive_graph.settings import Settings

if TYPE_CHECKING:
    from pipedrive_graph.reports.summary import Summary
    from pipedrive_graph.runs.recording import Recording

KEPT = "What was read so far is kept; a sync within 6 hours goes on from there."

EARLIER = "An earlier run has read this snapshot; it was built and published without reading again."
"""The reason of a result without requests."""

UNFINISHED = "unfinished"
"""Status of a run that was cut off: its snapshot is not committed, and the next run goes on with it."""


@dataclass(slots=True)
class CompanyRun:
    """One company in a run.

    Attributes:
        company: its name in the settings.
        observer: has its progress.
        run_id: the id of its run, in the record and in log messages.
        recording: the record; None before it has begun.
        manifest: the snapshot that the run has committed, or found.
        is_earlier: whether an earlier run has read it.
        undelivered: a sentence for each alert that could not be sent.
        error: what has ended it.
        summary: what is published.
        seconds: how long it took.
        ended_at: when it ended; None while it is under way.
    """

    company: str
    observer: CompanyObserver
    run_id: str = field(default_factory=lambda: str(uuid4()))
    recording: Recording | None = None
    manifest: Manifest | None = None
    is_earlier: bool = False
    undelivered: list[str] = field(default_factory=list)
    error: Exception | None = None
    summary: Summary | None = None
    seconds: float = 0.0
    ended_at: datetime | None = None
    _began: float = field(default_factory=time.monotonic)

    def end(self, settings: Settings) -> None:
        """Look at what is published, and record how the run has ended."""
        from pipedrive_graph.reports.summary import summarise  # takes a while, which reading hides

        self.seconds, self.ended_at = time.monotonic() - self._began, clock.now()
        try:
            self.summary = summarise(settings.published, self.company)
        except PipedriveGraphError as caught:
            self.error = self.error or caught  # what ended the run says more than that nothing can be shown
        if self.recording is None:
            return
        if isinstance(self.error, BusyError):
            self.recording.drop()  # the record is that of the run that is at work
            return
        verdict, (requests, throttled) = self.verdict, self.sent
        self.recording.end(
            self.exit_code,
            error=sentence(self.error) if self.error else None,
            status=verdict.status if verdict else UNFINISHED if self.error else None,
            snapshot_id=self.manifest.snapshot_id if self.manifest else None,
            requests=requests,
            throttled=throttled,
            alerts_not_sent=self.undelivered,
            summary=self.summary,
        )

    def interrupt(self, shown: Mapping[str, str]) -> str:
        """Record that the run was interrupted; a sentence about how far it has come, by what is published."""
        how_far = interrupted(self.manifest, shown)
        self.ended_at = clock.now()
        if self.recording is not None:
            self.recording.end(1, error=f"Interrupted. {how_far}")
        return how_far

    @property
    def exit_code(self) -> int:
        """The exit code of this company alone."""
        return record.exit_code(
            exit_code(self.error) if self.error else None,
            is_partial=self.is_partial or bool(self.broken),
            is_undelivered=bool(self.undelivered),
        )

    @property
    def verdict(self) -> Verdict | None:
        """What the snapshot is worth: as published, where it is, else as it was collected."""
        manifest, summary = self.manifest, self.summary
        if manifest and summary and summary.snapshot_id == manifest.snapshot_id:
            return Verdict.model_validate({"status": summary.status, "reason": summary.reason})
        return manifest.verdict if manifest else None

    @property
    def is_partial(self) -> bool:
        """Whether the snapshot has not everything."""
        return self.verdict is not None and self.verdict.status == "partial"

    @property
    def broken(self) -> tuple[str, ...]:
        """The rules that could not be run."""
        return self.summary.broken if self.summary else ()

    @property
    def sent(self) -> tuple[int, int]:
        """How many requests this run has sent, and how many of them were throttled."""
        counted = None if self.is_earlier else self.manifest or self.observer.last
        return (counted.requests, counted.throttled) if counted else (0, 0)

    def as_json(self, settings: Settings) -> dict[str, Any]:
        """The object that `--json` prints."""
        error = sentence(self.error, settings.named(self.company)) if self.error else None
        undelivered = {"alerts_not_sent": self.undelivered} if self.undelivered else {}
        if self.exit_code in {1, 2, 3}:
            return {**failure(self.company, self.exit_code, str(error), at=self.ended_at), **undelivered}
        manifest, summary = self.manifest, self.summary
        earlier = EARLIER if self.is_earlier else None
        verdict, (requests, throttled) = self.verdict, self.sent
        reason = error or " ".join(filter(None, [verdict.reason if verdict else None, earlier]))
        by_access = manifest if manifest and manifest.identity.collect == Collect.BY_ACCESS else None
        return {
            "company": self.company,
            "snapshot_id": manifest.snapshot_id if manifest else None,
            "status": verdict.status if verdict else UNFINISHED,
            "users": manifest.users if manifest else None,
            "roles": manifest.roles if manifest else None,
            "requests": requests,
            "throttled": throttled,
            "seconds": round(self.seconds, 2),
            "findings": summary.counts if summary else dict.fromkeys(SEVERITIES),
            "database": str(settings.published),
            "reports": str(settings.reports / self.company),
            "at": clock.iso(self.ended_at or clock.now()),
            "exit_code": self.exit_code,
            **({"inferred": by_access.inferred} if by_access else {}),
            **({"lists_not_given": [*summary.not_given]} if summary and summary.not_given else {}),
            **({"count_mismatches": summary.mismatches} if summary and summary.mismatches else {}),
            **({"rules_not_run": [*self.broken]} if self.broken else {}),
            **({"reason": reason} if reason else {}),
            **undelivered,
        }


def interrupted(manifest: Manifest | None, shown: Mapping[str, str]) -> str:
    """What is true of a run that was interrupted, by how far it has come.

    Args:
        manifest: the snapshot that the run has committed, if it has come so far.
        shown: the snapshot of each company that is published.
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
