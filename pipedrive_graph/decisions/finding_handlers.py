"""Applies journal entries about findings to the warehouse: a function per kind of entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import duckdb

from pipedrive_graph.config.home import Home
from pipedrive_graph.config.waivers import Waiver
from pipedrive_graph.decisions.journal import Entry
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.sql_project import Models


@dataclass(frozen=True, slots=True)
class Target:
    """What the entries of a company's journal are applied to: an open warehouse.

    Attributes:
        connection: the warehouse, in a transaction.
        models: all models, including the steps.
        home: the home folder.
        company: the company.
    """

    connection: duckdb.DuckDBPyConnection
    models: Models
    home: Home
    company: str


Handler = Callable[[Target, Entry], None]
"""Applies one journal entry. Deterministic: replaying an entry yields the same rows."""

WAIVERS = "waivers"
"""Kind of the entry with all waivers of the company, as they were in waivers.toml."""

ACKNOWLEDGED = "acknowledged"
"""Kind of the entry that acknowledges an event."""


def replace_waivers(target: Target, entry: Entry) -> None:
    """Replace the company's waivers; a known waiver keeps the time when it was first read."""
    connection, company = target.connection, target.company
    before = dict(
        rows(connection, "SELECT waiver_id, read_at FROM history.waivers WHERE company = ?", company)
    )
    connection.execute("DELETE FROM history.waivers WHERE company = ?", [company])
    for waiver in map(Waiver.of, entry.content["waivers"]):
        connection.execute(
            "INSERT INTO history.waivers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'unmatched', 0)",
            [
                company,
                waiver.waiver_id,
                waiver.rule,
                waiver.subject,
                waiver.object,
                waiver.reason,
                waiver.owner,
                waiver.expires,
                before.get(waiver.waiver_id, entry.naive_at),
            ],
        )


def acknowledge(target: Target, entry: Entry) -> None:
    """Resolve an event permanently."""
    note = f"Acknowledged by {entry.content['by']}"
    note += f": {entry.content['note']}" if entry.content.get("note") else "."
    target.connection.execute(
        """
        UPDATE history.findings
        SET
            status = 'resolved', resolved_reason = 'acknowledged', resolved_at = ?, acknowledged_at = ?,
            note = ?, waiver_reason = NULL, waiver_owner = NULL, waiver_expires = NULL
        WHERE company = ? AND finding_id = ?""",
        [entry.naive_at, entry.naive_at, note, target.company, entry.content["finding_id"]],
    )


HANDLERS: Mapping[str, Handler] = {WAIVERS: replace_waivers, ACKNOWLEDGED: acknowledge}
"""The handlers of entries about findings, by kind."""
