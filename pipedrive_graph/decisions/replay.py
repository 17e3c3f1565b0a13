"""Replays the journal in the warehouse: applies each entry once, after its snapshot.

A decision is first written to the journal and then applied by the handler of its kind. If a crash comes in
between, the next writer applies the entry that the warehouse has not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import duckdb

from pipedrive_graph.common.text import counted
from pipedrive_graph.config.home import Home
from pipedrive_graph.config.waivers import Waivers
from pipedrive_graph.decisions.finding_handlers import WAIVERS, Handler, Target
from pipedrive_graph.decisions.journal import Entry, Journal
from pipedrive_graph.errors import LossError
from pipedrive_graph.findings.apply_waivers import update_waived
from pipedrive_graph.landing import Landing, Mark
from pipedrive_graph.warehouse.database import quoted, rows
from pipedrive_graph.warehouse.sql_project import Models


@dataclass(frozen=True, slots=True)
class _Applied:
    """How many entries of a journal the warehouse has applied; earlier versions stored no sha256."""

    lines: int = 0
    sha256: str | None = None

    @property
    def mark(self) -> Mark | None:
        """The mark that the journal must still begin with; None if unknown."""
        return None if self.sha256 is None else Mark(lines=self.lines, sha256=self.sha256)


@dataclass(slots=True)
class Decisions:
    """The decisions about the companies of an open warehouse.

    Attributes:
        handlers: apply the entries, by kind; an entry of another kind does not change the warehouse.
    """

    connection: duckdb.DuckDBPyConnection
    models: Models
    home: Home
    handlers: Mapping[str, Handler]
    _journals: dict[str, list[Entry]] = field(default_factory=dict)

    def settle(self) -> None:
        """Settle the companies in landing.batch, as of the time of their snapshots.

        A decision made while a snapshot was read counts from that snapshot on; otherwise the next one would
        report it again.
        """
        for column in ("opened_at", "resolved_at"):
            self.connection.execute(
                f"""
                UPDATE history.findings AS findings SET {column} = batch.as_of
                FROM landing.batch AS batch
                WHERE findings.company = batch.company AND findings.{column} > batch.as_of"""
            )
        update_waived(self.connection, self.models, "SELECT company, as_of AS at FROM landing.batch")

    def replay(self, company: str, snapshot_id: str | None) -> None:
        """Apply the journal's entries of this snapshot that are not applied yet."""
        if company not in self._journals:
            aside = Landing(self.home.storage).of(company).before_set_aside()
            self._journals[company] = placed(Journal.of(self.home, company).lines(), aside)
        due = [entry for entry in self._journals[company] if entry.snapshot_id == snapshot_id]
        if not due:
            return
        applied = self._applied(company).lines
        for entry in due:
            if entry.number > applied:
                self._apply(company, entry)

    def catch_up(self, company: str) -> None:
        """Apply the journal's entries of the newest snapshot that are not applied yet.

        Raises:
            LandingError: if the journal is damaged, or differs from what the warehouse has applied.
            LossError: if the journal lost entries; a new entry would take the number of a lost one.
        """
        journal, applied = Journal.of(self.home, company), self._applied(company)
        lost = applied.lines - journal.mark().lines
        if lost > 0 and applied.sha256 is None:
            raise LossError(
                f"{journal.path} lacks {counted(lost, 'entry', 'entries')} that the warehouse has applied:"
                " restore it from a backup, then try again. Without a backup,"
                " `pipedrive-graph rebuild --accept-loss` goes on without them."
            )
        journal.check(applied.mark)
        journal.update_head()
        if applied.lines and applied.sha256 is None:  # an earlier version applied these entries
            self._note(company, journal.beginning(applied.lines))
        self.replay(company, self._newest(company))

    def are_applied(self, company: str) -> bool:
        """Whether all entries of the journal are applied; only then may a decision be added."""
        return self._applied(company).lines >= Journal.of(self.home, company).mark().lines

    def record_waivers(self, company: str, waivers: Waivers) -> None:
        """Record the waivers of waivers.toml if they differ from the known ones."""
        known = rows(self.connection, "SELECT waiver_id FROM history.waivers WHERE company = ?", company)
        current = waivers.of(company)
        if {waiver.waiver_id for waiver in current} != {name for (name,) in known}:
            self.decide(company, WAIVERS, waivers=[waiver.written for waiver in current])

    def decide(self, company: str, kind: str, **content: object) -> None:
        """Write a decision to the journal, and apply it."""
        journal = Journal.of(self.home, company)
        self._apply(company, journal.append(kind, snapshot_id=self._newest(company), **content))
        self._journals.pop(company, None)

    def _applied(self, company: str) -> _Applied:
        """Return which entries of the journal are applied."""
        marks = rows(self.connection, "SELECT lines, sha256 FROM history.journal WHERE company = ?", company)
        return _Applied(*marks[0]) if marks else _Applied()

    def _note(self, company: str, mark: Mark) -> None:
        """Store which entries of the journal are applied."""
        self.connection.execute("DELETE FROM history.journal WHERE company = ?", [company])
        self.connection.execute(
            "INSERT INTO history.journal (company, lines, sha256) VALUES (?, ?, ?)",
            [company, mark.lines, mark.sha256],
        )

    def _newest(self, company: str) -> str | None:
        newest = rows(
            self.connection,
            """
            SELECT snapshot_id FROM history.snapshots
            WHERE company = ? AND status IN ('complete', 'partial')
            ORDER BY position DESC LIMIT 1""",
            company,
        )
        return str(newest[0][0]) if newest else None

    def _apply(self, company: str, entry: Entry) -> None:
        handle = self.handlers.get(entry.kind)
        if handle is not None:
            handle(Target(self.connection, self.models, self.home, company), entry)
        if entry.snapshot_id is not None:
            moment = f"SELECT {quoted(company)} AS company, CAST({quoted(entry.naive_at)} AS TIMESTAMP) AS at"
            update_waived(self.connection, self.models, moment)
        self._note(company, entry.mark)


def placed(entries: list[Entry], aside: Mapping[str, str | None]) -> list[Entry]:
    """Return the entries of a journal, each with a snapshot that still exists.

    An entry about a snapshot that was set aside moves to the snapshot before it. An entry without a snapshot
    gets that of the entry before it: after the warehouse was lost, older versions wrote such entries in the
    middle of a journal.

    Args:
        entries: the entries as written.
        aside: the snapshots that were set aside, each with the valid one before it.
    """
    placed: list[Entry] = []
    for entry in entries:
        if entry.snapshot_id is not None and entry.snapshot_id in aside:
            entry = replace(entry, snapshot_id=aside[entry.snapshot_id])
        if entry.snapshot_id is None and placed:
            entry = replace(entry, snapshot_id=placed[-1].snapshot_id)
        placed.append(entry)
    return placed
