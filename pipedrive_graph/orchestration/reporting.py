"""Receives the events of a run that Dagster has started: logs progress, and writes each company's run record.

`sync` writes the same records, so `status`, metrics and heartbeat cover both kinds of run.
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
"""Seconds between two log lines about progress."""


@dataclass
class LogObserver:
    """The observer of one company: adds its progress to that of the run, and logs warnings at once."""

    company: str
    run: LoggedRun
    last: Progress | None = None

    def progress(self, progress: Progress) -> None:
        """Note the progress of the company."""
        self.last = progress
        self.run.progressed(self.company)

    def warn(self, sentence: str) -> None:
        """Log a warning."""
        prefix = f"{self.company}: " if self.run.has_several else ""
        self.run.log.warning("%s%s", prefix, sentence)


class LoggedRun(CompanyRuns):
    """The companies of a run that Dagster has started: records each, and logs their common progress.

    Args:
        configuration: the configuration files of the home folder.
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
        """An error as the record states it."""
        if isinstance(error, PipedriveGraphError):
            return str(error)
        return f"an unexpected error, {type(error).__name__}; see run {self._run_id} in Dagster."

    @contextlib.contextmanager
    def about(self, company: str) -> Iterator[None]:
        """Do nothing: the messages name the company."""
        yield

    def progressed(self, company: str) -> None:
        """Log the progress of all companies every few seconds; for a single company, also when it is done."""
        latest = [run.observer.last for run in self.runs.values() if run.observer.last]
        done, total = sum(each.done for each in latest), sum(each.total for each in latest)
        now = time.monotonic()
        if now - self._logged_at < EVERY and (self.has_several or done < total):
            return
        self._logged_at = now
        companies = f", of {len(latest)} companies" if self.has_several else ""
        last = self.runs[company].observer.last
        pace = f"; allowed: {last.limit} per {last.window:g} s" if last and not self.has_several else ""
        self.log.info(
            "Answered %d of %d calls%s, with %d requests and %d throttled%s",
            done,
            total,
            companies,
            sum(each.requests for each in latest),
            sum(each.throttled for each in latest),
            pace,
        )

    def finish(self) -> None:
        """Record the unfinished companies as interrupted, and write the metrics."""
        for run in self.under_way:
            run.interrupt("Interrupted.")
        settings = self._configuration.settings
        write_metrics(
            settings,
            settings.names,
            settings.options.metrics.textfile,
            self._configuration.alerts_file,
            self.log.warning,
        )
