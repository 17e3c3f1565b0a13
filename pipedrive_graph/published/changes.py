"""Reads the access changes from the published file, with names beside the ids."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from pipedrive_graph.common.pasted import shown
from pipedrive_graph.common.text import meant
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.published import queries
from pipedrive_graph.published.connection import reading

KINDS = ("added", "removed", "granted", "revoked", "changed", "correction")
"""The kinds of changes, as in the table access_changes."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the macro labelled_changes: a row of access_changes, with labels for its ids."""

    company: str
    snapshot_id: str
    changed_at: datetime
    at: datetime
    kind: str
    subject_kind: str
    subject_id: str
    object_kind: str | None
    object: str | None
    before: str | None
    after: str | None
    edited_set: str | None
    subject_label: str | None
    object_label: str | None
    before_label: str | None
    after_label: str | None
    edited_set_label: str | None
    snapshot_status: str

    def as_object(self) -> dict[str, Any]:
        """Return the object that `--json` prints; times are in UTC."""
        columns = asdict(self) | dict.fromkeys(("changed_at", "at"), f"{self.changed_at.isoformat()}Z")
        del columns["snapshot_status"]
        return columns


_COLUMNS = ", ".join(f'"{field.name}"' for field in fields(Change))


@dataclass(frozen=True, slots=True)
class Query:
    """Which changes to read: from the day `since` to the day `until`, both included, in UTC.

    If `until` is None, the last snapshot is the end. Without `companies`, `kinds` or `subject` (an e-mail
    address or an id), all are read.
    """

    since: date
    until: date | None = None
    companies: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    subject: str | None = None


def read(published: Path, query: Query) -> list[Change]:
    """Read the changes, oldest first, then by subject.

    Raises:
        ConfigurationError: if a company or the subject is not in the file.
        WarehouseError: if nothing is published yet, or the file cannot be read.
    """
    with reading(published) as connection:
        queries.create(connection, "subject_labels", "subjects_named", "labelled_changes")
        _check(connection, query)
        return _read(connection, query)


def snapshots(published: Path, companies: tuple[str, ...]) -> int:
    """Return the number of accepted snapshots, of the company with most."""
    with reading(published) as connection:
        (number,) = connection.execute(
            """
            SELECT coalesce(max(taken), 0)
            FROM (
                SELECT count(*) AS taken FROM snapshots
                WHERE status <> 'rejected' AND (len($companies) = 0 OR list_contains($companies, company))
                GROUP BY company
            )""",
            {"companies": list(companies)},
        ).fetchall()[0]
    return int(number)


def _check(connection: duckdb.DuckDBPyConnection, query: Query) -> None:
    """Refuse an unknown company or subject, for which 'no changes' would be misleading."""
    known = [name for (name,) in connection.execute("SELECT company FROM current_snapshot").fetchall()]
    unknown = [name for name in query.companies if name not in known]
    if unknown:
        raise ConfigurationError(
            f"There is no company '{shown(unknown[0])}' in the published file"
            f"{meant(unknown[0], known)}; there are: {', '.join(sorted(known))}."
        )
    if query.subject is None:
        return
    matches = connection.execute(
        "SELECT 1 FROM subjects_named($subject) WHERE list_contains($companies, company) LIMIT 1",
        {"subject": query.subject, "companies": list(query.companies or known)},
    ).fetchall()
    if not matches:
        raise ConfigurationError(
            f"No user has the e-mail address '{query.subject}',"
            " and no user, role or permission set has that id."
        )


def _read(connection: duckdb.DuckDBPyConnection, query: Query) -> list[Change]:
    subject = "SEMI JOIN subjects_named($subject) USING (company, subject_kind, subject_id)"
    until = None if query.until is None else query.until + timedelta(days=1)
    values: dict[str, object] = {
        "since": query.since,
        "until": until,
        "companies": list(query.companies),
        "kinds": list(query.kinds or KINDS),
        "order": list(KINDS),
    }
    if query.subject:
        values["subject"] = query.subject
    rows = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM labelled_changes()
        {subject if query.subject else ""}
        WHERE changed_at >= CAST($since AS TIMESTAMP)
            AND coalesce(changed_at < CAST($until AS TIMESTAMP), TRUE)
            AND (len($companies) = 0 OR list_contains($companies, company))
            AND list_contains($kinds, kind)
        ORDER BY
            changed_at, company, list_position(['permission_set', 'role', 'user'], subject_kind),
            subject_label, subject_id, list_position($order, kind), object_kind, object_label, object""",
        values,
    ).fetchall()
    return [Change(*row) for row in rows]
