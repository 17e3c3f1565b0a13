"""Does in the warehouse what a line of the journal says about findings: a function per kind of line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import duckdb

from pipedrive_graph.config.settings import Settings
from pipedrive_graph.config.waivers import Waiver
from pipedrive_graph.decisions.journal import Line
from pipedrive_graph.warehouse.database import rows

Handler = Callable[[duckdb.DuckDBPyConnection, Settings, str, Line], None]
"""Does a line of a company's journal. Done again in another warehouse, it comes to the same."""

WAIVERS = "waivers"
"""Kind of the line that holds all waivers of the company, as they stood in waivers.toml."""

ACKNOWLEDGED = "acknowledged"
"""Kind of the line that says that somebody has looked into an event."""


def replace_waivers(
    connection: duckdb.DuckDBPyConnection, _settings: Settings, company: str, line: Line
) -> None:
    """Know these waivers; one that was known keeps the time at which it was read first."""
    before = dict(
        rows(connection, "SELECT waiver_id, read_at FROM history.waivers WHERE company = ?", company)
    )
    connection.execute("DELETE FROM history.waivers WHERE company = ?", [company])
    for waiver in map(Waiver.of, line.content["waivers"]):
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
                before.get(waiver.waiver_id, line.naive_at),
            ],
        )


def acknowledge(connection: duckdb.DuckDBPyConnection, _settings: Settings, company: str, line: Line) -> None:
    """Resolve an event, for good."""
    note = f"Acknowledged by {line.content['by']}"
    note += f": {line.content['note']}" if line.content.get("note") else "."
    connection.execute(
        """
        UPDATE history.findings
        SET
            status = 'resolved', resolved_reason = 'acknowledged', resolved_at = ?, acknowledged_at = ?,
            note = ?, waiver_reason = NULL, waiver_owner = NULL, waiver_expires = NULL
        WHERE company = ? AND finding_id = ?""",
        [line.naive_at, line.naive_at, note, company, line.content["finding_id"]],
    )


HANDLERS: Mapping[str, Handler] = {WAIVERS: replace_waivers, ACKNOWLEDGED: acknowledge}
"""What does the lines that are about findings."""
