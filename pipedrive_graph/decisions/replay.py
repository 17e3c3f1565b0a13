"""Takes what people decided from the journal into the warehouse: each line once, after its snapshot.

A decision is first written into the journal and then done, by the handler of its kind. Where a crash comes
between, the next writer finds a line that the warehouse has not seen, and does it then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import duckdb

from pipedrive_graph.common.text import counted
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.config.waivers import Waivers
from pipedrive_graph.decisions.finding_handlers import WAIVERS, Handler
from pipedrive_graph.decisions.journal import Journal, Line
from pipedrive_graph.errors import LossError
from pipedrive_graph.findings.apply_waivers import update_waived
from pipedrive_graph.landing import Landing, Mark
from pipedrive_graph.warehouse.database import quoted, rows
from pipedrive_graph.warehouse.sql_project import Models


@dataclass(frozen=True, slots=True)
class _Applied:
    """How many entries of a journal the warehouse has applied; an earlier version kept no sha256 of them."""

    lines: int = 0
    sha256: str | None = None

    @property
    def mark(self) -> Mark | None:
        """What the journal must still begin with, as far as known."""
        return None if self.sha256 is None else Mark(lines=self.lines, sha256=self.sha256)


@dataclass(slots=True)
class Decisions:
    """What was decided about the companies of an open warehouse.

    Attributes:
        handlers: what does the lines of a kind; a line of another kind changes nothing in the warehouse.
    """

    connection: duckdb.DuckDBPyConnection
    models: Models
    settings: Settings
    handlers: Mapping[str, Handler]
    _journals: dict[str, list[Line]] = field(default_factory=dict)

    def settle(self) -> None:
        """Settle the companies in landing.batch, by the time of their snapshots.

        What was decided while a snapshot was read counts from that snapshot on, or the next one would tell
        it once more.
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
        """Do what the journal says after this snapshot, as far as it is not done yet."""
        if company not in self._journals:
            aside = Landing(self.settings.storage).of(company).before_set_aside()
            self._journals[company] = placed(Journal.of(self.settings, company).lines(), aside)
        due = [line for line in self._journals[company] if line.snapshot_id == snapshot_id]
        if not due:
            return
        done = self._done(company).lines
        for line in due:
            if line.number > done:
                self._do(company, line)

    def catch_up(self, company: str) -> None:
        """Do what the journal says after the newest snapshot, as far as it is not done yet.

        Raises:
            LandingError: if the journal is not whole, or not what the warehouse has applied.
            LossError: if the journal has lost entries; a new one would take the number of a lost one.
        """
        journal, done = Journal.of(self.settings, company), self._done(company)
        lost = done.lines - journal.mark().lines
        if lost > 0 and done.sha256 is None:
            raise LossError(
                f"{journal.path} lacks {counted(lost, 'entry', 'entries')} of which the warehouse knows:"
                " restore it from a backup, then try again. Without a backup,"
                " `pipedrive-graph rebuild --accept-loss` goes on without them."
            )
        journal.check(done.mark)
        journal.settle()
        if done.lines and done.sha256 is None:  # an earlier version has applied these lines
            self._note(company, journal.beginning(done.lines))
        self.replay(company, self._newest(company))

    def are_done(self, company: str) -> bool:
        """Whether all that the journal says is done; only then may a decision be added to it."""
        return self._done(company).lines >= Journal.of(self.settings, company).mark().lines

    def read(self, company: str, waivers: Waivers) -> None:
        """Take over what stands in waivers.toml, if it differs from what is known."""
        known = rows(self.connection, "SELECT waiver_id FROM history.waivers WHERE company = ?", company)
        told = waivers.of(company)
        if {waiver.waiver_id for waiver in told} != {name for (name,) in known}:
            self.decide(company, WAIVERS, waivers=[waiver.written for waiver in told])

    def decide(self, company: str, kind: str, **content: object) -> None:
        """Write a decision down, and do it."""
        journal = Journal.of(self.settings, company)
        self._do(company, journal.append(kind, snapshot_id=self._newest(company), **content))
        self._journals.pop(company, None)

    def _done(self, company: str) -> _Applied:
        """Which entries of the journal are done."""
        seen = rows(self.connection, "SELECT lines, sha256 FROM history.journal WHERE company = ?", company)
        return _Applied(*seen[0]) if seen else _Applied()

    def _note(self, company: str, mark: Mark) -> None:
        """Note which entries of the journal are done."""
        self.connection.execute("DELETE FROM history.journal WHERE company = ?", [company])
        self.connection.execute(
            "INSERT INTO history.journal (company, lines, sha256) VALUES (?, ?, ?)",
            [company, mark.lines, mark.sha256],
        )

    def _newest(self, company: str) -> str | None:
        found = rows(
            self.connection,
            """
            SELECT snapshot_id FROM history.snapshots
            WHERE company = ? AND status IN ('complete', 'partial')
            ORDER BY position DESC LIMIT 1""",
            company,
        )
        return str(found[0][0]) if found else None

    def _do(self, company: str, line: Line) -> None:
        handle = self.handlers.get(line.kind)
        if handle is not None:
            handle(self.connection, self.settings, company, line)
        if line.snapshot_id is not None:
            moment = f"SELECT {quoted(company)} AS company, CAST({quoted(line.naive_at)} AS TIMESTAMP) AS at"
            update_waived(self.connection, self.models, moment)
        self._note(company, line.mark)


def placed(lines: list[Line], aside: Mapping[str, str | None]) -> list[Line]:
    """The lines of a journal, each after a snapshot that counts.

    A line about a snapshot that was set aside belongs after the one before that. A line without a snapshot
    belongs where the one before it does: where the warehouse was lost, older versions wrote such lines in
    the middle of a journal.

    Args:
        lines: as they are written.
        aside: the snapshots that were set aside, each with the one before it that counts.
    """
    placed: list[Line] = []
    for line in lines:
        if line.snapshot_id is not None and line.snapshot_id in aside:
            line = replace(line, snapshot_id=aside[line.snapshot_id])
        if line.snapshot_id is None and placed:
            line = replace(line, snapshot_id=placed[-1].snapshot_id)
        placed.append(line)
    return placed
