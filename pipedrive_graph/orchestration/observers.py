"""Tells how a run goes: through Dagster's log, or through whoever `sync` puts in its place."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pipedrive_graph.collect import Observer, Progress
from pipedrive_graph.landing import Manifest
from pipedrive_graph.runs.recording import Recording

EVERY = 5.0
"""Seconds between two lines of progress in a log."""


class Watch(Protocol):
    """Makes the observer of one run, and is told what the run has committed.

    Attributes:
        names_people: whether warnings may name people. They may where only the operator reads them, and must
            not where Dagster keeps them with the run.
        manifest: the snapshot that the run has committed.
    """

    names_people: bool
    manifest: Manifest | None

    def begin(self, company: str) -> None:
        """Called when a run begins to collect a company."""

    def observer(self, company: str, log: logging.Logger) -> Observer:
        """The observer of one company's collection."""

    def collected(self, manifest: Manifest, *, earlier: bool = False) -> None:
        """Called when a snapshot is committed, whatever it is worth; `earlier`: by a run before this one."""

    def alerted(self, problems: list[str]) -> None:
        """Called after alerts were sent, with a sentence for each that could not be."""


@dataclass
class LogObserver:
    """Writes progress and warnings to a log."""

    log: logging.Logger
    told: float = float("-inf")

    def progress(self, progress: Progress) -> None:
        """Log how far it is, every few seconds."""
        now = time.monotonic()
        if now - self.told >= EVERY or progress.done == progress.total:
            self.told = now
            self.log.info(
                "Answered %d of %d calls, with %d requests and %d throttled; allowed: %d per %g s",
                progress.done,
                progress.total,
                progress.requests,
                progress.throttled,
                progress.limit,
                progress.window,
            )

    def warn(self, sentence: str) -> None:
        """Log a warning."""
        self.log.warning("%s", sentence)


class LogWatch:
    """Dagster's own runs: everything goes to their log, and is kept for the run's record.

    Attributes:
        manifest: the snapshot that the run has committed.
        earlier: whether an earlier run has read it.
        undelivered: a sentence for each alert that could not be sent.
        on_begin: makes the record of a run of a company.
        recording: the record.
        company: whose run it is.
    """

    names_people = False

    def __init__(self) -> None:
        self.manifest: Manifest | None = None
        self.earlier = False
        self.undelivered: list[str] = []
        self.on_begin: Callable[[str], Recording] | None = None
        self.recording: Recording | None = None
        self.company: str | None = None

    def begin(self, company: str) -> None:
        """Begin the record of the run."""
        self.company = company
        self.recording = self.on_begin(company) if self.on_begin else None

    def observer(self, company: str, log: logging.Logger) -> Observer:
        """The observer of one company's collection."""
        return LogObserver(log)

    def collected(self, manifest: Manifest, *, earlier: bool = False) -> None:
        """Keep the snapshot for the record."""
        self.manifest, self.earlier = manifest, earlier

    def alerted(self, problems: list[str]) -> None:
        """Keep the sentences for the record."""
        self.undelivered += problems
