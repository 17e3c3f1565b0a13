"""The state of each company during a run, and the record that is written from it.

Both `sync` and runs of Dagster receive the events of the steps here, so their records are the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from pipedrive_graph.collect import Observer, Progress
from pipedrive_graph.common import clock
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import BusyError, PipedriveGraphError
from pipedrive_graph.landing import Manifest, Verdict
from pipedrive_graph.runs import record
from pipedrive_graph.runs.recording import Recording

if TYPE_CHECKING:
    from pipedrive_graph.pipeline import Landed
    from pipedrive_graph.published.summary import Summary

UNFINISHED = "unfinished"
"""The status of a run that was cut off: its snapshot is not committed, and the next run continues it."""


class RunObserver(Observer, Protocol):
    """An observer that keeps the progress of its company.

    Attributes:
        last: the latest progress.
    """

    last: Progress | None


@dataclass(slots=True)
class CompanyRun:
    """One company in a run.

    Attributes:
        company: its name in the settings.
        observer: keeps its progress.
        run_id: the id of its run, in the record and in log messages.
        recording: the record; None before the run has begun.
        manifest: the snapshot that the run committed or found.
        is_earlier: whether an earlier run collected that snapshot.
        undelivered: one sentence per alert that could not be sent.
        error: the error that ended it.
        summary: the published summary.
        seconds: its duration.
        ended_at: when it ended; None while it is running.
    """

    company: str
    observer: RunObserver
    run_id: str
    recording: Recording | None = None
    manifest: Manifest | None = None
    is_earlier: bool = False
    undelivered: list[str] = field(default_factory=list)
    error: Exception | None = None
    summary: Summary | None = None
    seconds: float = 0.0
    ended_at: datetime | None = None
    _began: float = field(default_factory=time.monotonic)

    def end(self, home: Home, sentence: Callable[[Exception], str]) -> None:
        """Read the published summary, and record the end of the run.

        Args:
            home: the home folder.
            sentence: words an error for the record.
        """
        from pipedrive_graph.published.summary import summarise  # imported late: slow

        self.seconds, self.ended_at = time.monotonic() - self._began, clock.now()
        try:
            self.summary = summarise(home.published, self.company)
        except PipedriveGraphError as caught:
            self.error = self.error or caught  # the error that ended the run matters more
        if self.recording is None:
            return
        if isinstance(self.error, BusyError):
            self.recording.drop()  # the record belongs to the other, running process
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

    def interrupt(self, error: str) -> None:
        """Record that the run was interrupted."""
        self.ended_at = clock.now()
        if self.recording is not None:
            self.recording.end(1, error=error)

    @property
    def exit_code(self) -> int:
        """The exit code of this company alone."""
        code = self.error.exit_code if isinstance(self.error, PipedriveGraphError) else 1
        return record.exit_code(
            code if self.error else None,
            is_partial=self.is_partial or bool(self.broken),
            is_undelivered=bool(self.undelivered),
        )

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on the snapshot: as published, or if it is not published, as collected."""
        manifest, summary = self.manifest, self.summary
        if manifest and summary and summary.snapshot_id == manifest.snapshot_id:
            return Verdict.model_validate({"status": summary.status, "reason": summary.reason})
        return manifest.verdict if manifest else None

    @property
    def is_partial(self) -> bool:
        """Whether the snapshot is partial."""
        return self.verdict is not None and self.verdict.status == "partial"

    @property
    def broken(self) -> tuple[str, ...]:
        """The rules that could not be run."""
        return self.summary.broken if self.summary else ()

    @property
    def sent(self) -> tuple[int, int]:
        """The number of requests that this run sent, and of those that were throttled."""
        counts = None if self.is_earlier else self.manifest or self.observer.last
        return (counts.requests, counts.throttled) if counts else (0, 0)


class CompanyRuns:
    """Receives the events of the steps, and records each company.

    Args:
        home: the home folder, which holds the records.
        runs: the companies.
    """

    def __init__(self, home: Home, runs: Sequence[CompanyRun]) -> None:
        self.home = home
        self.runs = {run.company: run for run in runs}

    def sentence(self, error: Exception) -> str:
        """An error as the record states it."""
        raise NotImplementedError

    def observer(self, company: str) -> Observer:
        """The observer of a company."""
        return self.runs[company].observer

    def began(self, company: str) -> None:
        """Record that the run of a company has begun."""
        run = self.runs[company]
        run.recording = Recording(self.home, company, run.run_id, run.observer.warn)
        run.recording.start()

    def landed(self, landed: Landed) -> None:
        """Keep the snapshot of a company."""
        run = self.runs[landed.company]
        run.manifest, run.is_earlier = landed.manifest, landed.is_earlier

    def published(self, companies: Sequence[str], rows: dict[str, int]) -> None:
        """Do nothing: the summaries of the companies include this."""

    def alerted(self, company: str, problems: Sequence[str]) -> None:
        """Keep the alerts that could not be sent."""
        self.runs[company].undelivered += problems

    def failed(self, company: str, error: Exception) -> None:
        """Keep the error of a company."""
        self.runs[company].error = error

    def ended(self, company: str) -> None:
        """Record how the run of a company has ended."""
        self.runs[company].end(self.home, self.sentence)

    @property
    def under_way(self) -> list[CompanyRun]:
        """The companies that have not ended."""
        return [run for run in self.runs.values() if run.ended_at is None]
