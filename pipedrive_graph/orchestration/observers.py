"""Receives what happens in a run that Dagster has started: progress to its log, and each company's record.

The record is the one that `sync` keeps for its own runs, so `status`, metrics and heartbeat hold for both.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipedrive_graph.collect import Progress
from pipedrive_graph.errors import BusyError, PipedriveGraphError
from pipedrive_graph.landing import Manifest
from pipedrive_graph.pipeline import Landed
from pipedrive_graph.reports.summary import Summary, summarise
from pipedrive_graph.runs import record
from pipedrive_graph.runs.metrics import write_metrics
from pipedrive_graph.runs.recording import Recording
from pipedrive_graph.settings import Settings

EVERY = 15.0
"""Seconds between two lines of progress in a log."""


@dataclass
class LogObserver:
    """The observer of one company: its progress counts for the whole run, its warnings are logged at once."""

    company: str
    run: LoggedRun
    last: Progress | None = None

    def progress(self, progress: Progress) -> None:
        """Note how far the company is."""
        self.last = progress
        self.run.progressed(self.company)

    def warn(self, sentence: str) -> None:
        """Log a warning."""
        prefix = f"{self.company}: " if self.run.has_several else ""
        self.run.log.warning("%s%s", prefix, sentence)


@dataclass
class _Company:
    """What is known of one company in the run."""

    observer: LogObserver
    recording: Recording | None = None
    manifest: Manifest | None = None
    is_earlier: bool = False
    undelivered: list[str] = field(default_factory=list)
    error: Exception | None = None
    has_ended: bool = False


class LoggedRun:
    """Receives the events of a run.

    Args:
        settings: where the records lie.
        companies: the names of the companies of the run.
        run_id: its id in Dagster.
        log: the run's log.
    """

    names_people = False

    def __init__(
        self, settings: Settings, companies: Sequence[str], run_id: str, log: logging.Logger
    ) -> None:
        self._settings, self._run_id, self.log = settings, run_id, log
        self.has_several = len(companies) > 1
        self._companies = {name: _Company(LogObserver(name, self)) for name in companies}
        self._logged_at = float("-inf")

    @contextlib.contextmanager
    def about(self, company: str) -> Iterator[None]:
        """Nothing: the messages name the company."""
        yield

    def observer(self, company: str) -> LogObserver:
        """The observer of a company."""
        return self._companies[company].observer

    def began(self, company: str) -> None:
        """Record that the run of a company is under way."""
        recording = Recording(self._settings, company, self._run_id, self.observer(company).warn)
        recording.start()
        self._companies[company].recording = recording

    def progressed(self, company: str) -> None:
        """Log how far all companies are, every few seconds, and when one is done alone."""
        found = [one.observer.last for one in self._companies.values() if one.observer.last]
        done, total = sum(one.done for one in found), sum(one.total for one in found)
        now = time.monotonic()
        if now - self._logged_at < EVERY and (self.has_several or done < total):
            return
        self._logged_at = now
        one = f", of {len(found)} companies" if self.has_several else ""
        last = self._companies[company].observer.last
        pace = f"; allowed: {last.limit} per {last.window:g} s" if last and not self.has_several else ""
        self.log.info(
            "Answered %d of %d calls%s, with %d requests and %d throttled%s",
            done,
            total,
            one,
            sum(one.requests for one in found),
            sum(one.throttled for one in found),
            pace,
        )

    def landed(self, landed: Landed) -> None:
        """Keep the snapshot for the record."""
        company = self._companies[landed.company]
        company.manifest, company.is_earlier = landed.manifest, landed.is_earlier

    def published(self, companies: Sequence[str], rows: dict[str, int]) -> None:
        """Nothing: the summaries of the companies say it."""

    def alerted(self, company: str, problems: Sequence[str]) -> None:
        """Keep the sentences for the record."""
        self._companies[company].undelivered += problems

    def failed(self, company: str, error: Exception) -> None:
        """Keep the error for the record."""
        self._companies[company].error = error

    def ended(self, company: str) -> None:
        """Record how the run of a company has ended."""
        one = self._companies[company]
        one.has_ended = True
        if one.recording is None:
            return
        if isinstance(one.error, BusyError):
            one.recording.drop()  # the record is that of the run that is at work
            return
        summary: Summary | None = None
        try:
            summary = summarise(self._settings.published, company)
        except PipedriveGraphError as error:
            one.error = one.error or error
        self._end(one, one.recording, summary)

    def _end(self, one: _Company, recording: Recording, summary: Summary | None) -> None:
        manifest, error = one.manifest, one.error
        status: str | None = manifest.verdict.status if manifest else "unfinished" if error else None
        if manifest and summary and summary.snapshot_id == manifest.snapshot_id:
            status = summary.status
        counted = None if one.is_earlier else manifest or one.observer.last
        text = str(error) if isinstance(error, PipedriveGraphError) else None
        if error and text is None:
            text = f"an unexpected error, {type(error).__name__}; see run {self._run_id} in Dagster."
        recording.end(
            record.exit_code(
                getattr(error, "exit_code", 1) if error else None,
                is_partial=status == "partial" or bool(summary and summary.broken),
                is_undelivered=bool(one.undelivered),
            ),
            error=text,
            status=status,
            snapshot_id=manifest.snapshot_id if manifest else None,
            requests=counted.requests if counted else 0,
            throttled=counted.throttled if counted else 0,
            alerts_not_sent=one.undelivered,
            summary=summary,
        )

    def finish(self) -> None:
        """Record the companies that have not ended as interrupted, and write the metrics."""
        for one in self._companies.values():
            if one.recording is not None and not one.has_ended:
                one.recording.end(1, error="Interrupted.")
        write_metrics(self._settings, self.log.warning)
