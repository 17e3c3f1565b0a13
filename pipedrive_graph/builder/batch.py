"""The state of one build, per company: pending snapshots, processed snapshots, and errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb

from pipedrive_graph.builder.process_snapshot import SnapshotProcessor
from pipedrive_graph.common.text import counted
from pipedrive_graph.common.timed import timed
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.home import Home
from pipedrive_graph.config.waivers import Waivers
from pipedrive_graph.decisions import rosters
from pipedrive_graph.decisions.replay import Decisions
from pipedrive_graph.decisions.rosters import Rosters
from pipedrive_graph.errors import BusyError, NoSpaceError
from pipedrive_graph.landing import Landing
from pipedrive_graph.warehouse import database, ingest
from pipedrive_graph.warehouse.ingest import Pending

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class BatchWork:
    """The work of one build. An error of one company is recorded, and the other companies continue.

    Attributes:
        waivers: the waivers of waivers.toml.
        pending: the snapshots that are not in the warehouse yet, oldest first, by company.
        taken: ids of the snapshots that this build has added to the warehouse, by company.
        rosters: the companies' current rosters.
        failed: the error of each company that failed; it is skipped for the rest of the build.
    """

    home: Home
    connection: duckdb.DuckDBPyConnection
    decisions: Decisions
    waivers: Waivers
    pending: dict[str, list[Pending]] = field(default_factory=dict)
    taken: dict[str, list[str]] = field(default_factory=dict)
    rosters: Rosters = field(default_factory=lambda: Rosters({}))
    failed: dict[str, Exception] = field(default_factory=dict)
    _behind: set[str] = field(default_factory=set)

    def prepare(self, configured: Company) -> None:
        """Apply the decisions about a company since its last snapshot, and list its pending snapshots."""
        company = configured.name
        self.taken[company] = []
        with self._isolated(company):
            people = rosters.load([configured])
            with database.transaction(self.connection):
                # decisions since the last snapshot are about the findings of that snapshot
                self.decisions.catch_up(company)
                if self.decisions.are_applied(company):
                    self._read_decisions(company, people)
                else:
                    # the warehouse was lost: the journal must be replayed before new decisions are read
                    self._behind.add(company)
            digests = ingest.taken(self.connection, company)
            pending = ingest.pending(Landing(self.home.storage).of(company), digests)
            self.rosters = Rosters({**self.rosters.of, **people.of})
            self.pending[company] = pending

    def process(self, processor: SnapshotProcessor, batch: list[Pending]) -> dict[str, int]:
        """Process a batch of at most one snapshot per company; if that fails, process its halves.

        Returns:
            How many findings each rule has, as `SnapshotProcessor.process` returns it.
        """
        batch = [snapshot for snapshot in batch if snapshot.landing.company not in self.failed]
        if not batch:
            return {}
        if len(batch) == 1:
            fired: dict[str, int] = {}
            with self._isolated(batch[0].landing.company):
                fired |= self._process(processor, batch)
            return fired
        try:
            return self._process(processor, batch)
        except Exception as error:
            if concerns_all(error):
                raise
            half = len(batch) // 2
            first, second = self.process(processor, batch[:half]), self.process(processor, batch[half:])
            return {name: first.get(name, 0) + second.get(name, 0) for name in first | second}

    def finish(self, company: str) -> None:
        """Read new decisions about a company whose journal was ahead of the warehouse."""
        if company in self._behind and company not in self.failed:
            people = Rosters({company: self.rosters.of.get(company, [])})
            with self._isolated(company), database.transaction(self.connection):
                self._read_decisions(company, people)

    def _read_decisions(self, company: str, people: Rosters) -> None:
        self.decisions.record_waivers(company, self.waivers)
        rosters.keep(self.decisions, self.home, people)

    def _process(self, processor: SnapshotProcessor, batch: list[Pending]) -> dict[str, int]:
        (first, *others) = batch
        step = f"Building snapshot {first.manifest.snapshot_id} of '{first.landing.company}'"
        if others:
            step += f" and those of {counted(len(others), 'other company', 'other companies')}"
        with timed(_log, step, announced=True):
            fired = processor.process(batch)
        for snapshot in batch:
            self.taken[snapshot.landing.company].append(snapshot.manifest.snapshot_id)
        return fired

    @contextmanager
    def _isolated(self, company: str) -> Iterator[None]:
        """Record an error as the company's, unless it concerns all companies."""
        try:
            yield
        except Exception as error:
            if concerns_all(error):
                raise
            self.failed[company] = error


def concerns_all(error: Exception) -> bool:
    """Whether an error is not caused by one company: a full disk, too little memory, a lock, Ctrl-C."""
    if isinstance(error, duckdb.Error | RuntimeError):
        return database.is_interrupt(error) or (
            isinstance(error, duckdb.Error)
            and (database.is_from_outside(error) or database.is_damaged(error))
        )
    return isinstance(error, BusyError | NoSpaceError | MemoryError)
