"""The companies of one build: what each has pending, and which of them an error keeps out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb

from pipedrive_graph.builder.process_snapshot import Builder
from pipedrive_graph.common.text import counted
from pipedrive_graph.common.timed import timed
from pipedrive_graph.config.settings import Settings
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
    """The work of one build, company by company; an error of one company is kept, and the others go on.

    Attributes:
        waivers: what waivers.toml says.
        pending: the snapshots that are not in the warehouse yet, oldest first, by company.
        taken: ids of the snapshots that this build has taken in, by company.
        rosters: the companies' rosters as they are now.
        failed: the error of each company that is kept out.
    """

    settings: Settings
    connection: duckdb.DuckDBPyConnection
    decisions: Decisions
    waivers: Waivers
    pending: dict[str, list[Pending]] = field(default_factory=dict)
    taken: dict[str, list[str]] = field(default_factory=dict)
    rosters: Rosters = field(default_factory=lambda: Rosters({}))
    failed: dict[str, Exception] = field(default_factory=dict)
    _behind: set[str] = field(default_factory=set)

    def prepare(self, company: str) -> None:
        """Do what was decided about a company since its last snapshot, and find what is pending."""
        self.taken[company] = []
        with self._kept_out(company):
            people = rosters.load(one for one in self.settings.companies if one.name == company)
            with database.transaction(self.connection):
                # what was decided since the last snapshot was decided about what that snapshot found
                self.decisions.catch_up(company)
                if self.decisions.are_applied(company):
                    self._read_decisions(company, people)
                else:
                    # the warehouse was lost: what is decided now comes after all that the journal says
                    self._behind.add(company)
            seen = ingest.taken(self.connection, company)
            pending = ingest.pending(Landing(self.settings.storage).of(company), seen)
            self.rosters = Rosters({**self.rosters.of, **people.of})
            self.pending[company] = pending

    def advance(self, builder: Builder, batch: list[Pending]) -> dict[str, int]:
        """Take in a batch of at most one snapshot per company; where that fails, in halves.

        Returns:
            How often each rule fires, as `Builder.advance` returns it.
        """
        batch = [snapshot for snapshot in batch if snapshot.landing.company not in self.failed]
        if not batch:
            return {}
        if len(batch) == 1:
            fired: dict[str, int] = {}
            with self._kept_out(batch[0].landing.company):
                fired |= self._take(builder, batch)
            return fired
        try:
            return self._take(builder, batch)
        except Exception as error:
            if concerns_all(error):
                raise
            half = len(batch) // 2
            first, second = self.advance(builder, batch[:half]), self.advance(builder, batch[half:])
            return {name: first.get(name, 0) + second.get(name, 0) for name in first | second}

    def finish(self, company: str) -> None:
        """Read the decisions of a company whose journal was ahead of the warehouse."""
        if company in self._behind and company not in self.failed:
            people = Rosters({company: self.rosters.of.get(company, [])})
            with self._kept_out(company), database.transaction(self.connection):
                self._read_decisions(company, people)

    def _read_decisions(self, company: str, people: Rosters) -> None:
        self.decisions.record_waivers(company, self.waivers)
        rosters.keep(self.decisions, self.settings, people)

    def _take(self, builder: Builder, batch: list[Pending]) -> dict[str, int]:
        (first, *others) = batch
        step = f"Building snapshot {first.manifest.snapshot_id} of '{first.landing.company}'"
        if others:
            step += f" and those of {counted(len(others), 'other company', 'other companies')}"
        with timed(_log, step, announced=True):
            fired = builder.advance(batch)
        for snapshot in batch:
            self.taken[snapshot.landing.company].append(snapshot.manifest.snapshot_id)
        return fired

    @contextmanager
    def _kept_out(self, company: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if concerns_all(error):
                raise
            self.failed[company] = error


def concerns_all(error: Exception) -> bool:
    """Whether an error says nothing about the company that met it: a full disk, full memory, Ctrl-C."""
    if isinstance(error, duckdb.Error | RuntimeError):
        return database.is_interrupt(error) or (
            isinstance(error, duckdb.Error)
            and (database.is_from_outside(error) or database.is_damaged(error))
        )
    return isinstance(error, BusyError | NoSpaceError | MemoryError)
