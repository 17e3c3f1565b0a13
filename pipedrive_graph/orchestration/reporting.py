"""Receives what happens in a run that Dagster has started: progress to its log, and each company's record.

The record is the one that `sync` keeps for its own runs, so `status`, metrics and heartbeat hold for both.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.collect import Progress
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.runs.company_run import CompanyRun, CompanyRuns
from pipedrive_graph.runs.metrics import write_metrics

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


class LoggedRun(CompanyRuns):
    """The companies of a run that Dagster has started: records each, and logs how far all of them are.

    Args:
        configuration: what the files in the home folder say.
        companies: the names of the companies of the run.
        run_id: its id in Dagster.
        log: the run's log.
    """

    names_people = False

    def __init__(
        self, configuration: Configuration, companies: Sequence[str], run_id: str, log: logging.Logger
    ) -> None:
        runs = [CompanyRun(name, LogObserver(name, self), run_id) for name in companies]
        super().__init__(configuration.settings, runs)
        self._configuration = configuration
        self._run_id, self.log = run_id, log
        self.has_several = len(companies) > 1
        self._logged_at = float("-inf")

    def sentence(self, error: Exception) -> str:
        """What the record says of an error."""
        if isinstance(error, PipedriveGraphError):
            return str(error)
        return f"an unexpected error, {type(error).__name__}; see run {self._run_id} in Dagster."

    @contextlib.contextmanager
    def about(self, company: str) -> Iterator[None]:
        """Nothing: the messages name the company."""
        yield

    def progressed(self, company: str) -> None:
        """Log how far all companies are, every few seconds, and when one is done alone."""
        found = [run.observer.last for run in self.runs.values() if run.observer.last]
        done, total = sum(one.done for one in found), sum(one.total for one in found)
        now = time.monotonic()
        if now - self._logged_at < EVERY and (self.has_several or done < total):
            return
        self._logged_at = now
        one = f", of {len(found)} companies" if self.has_several else ""
        last = self.runs[company].observer.last
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

    def finish(self) -> None:
        """Record the companies that have not ended as interrupted, and write the metrics."""
        for run in self.under_way:
            run.interrupt("Interrupted.")
        write_metrics(self.settings, self._configuration.alerts_file, self.log.warning)
