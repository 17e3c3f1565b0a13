"""Reads the access changes from the published file, with names beside the ids."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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

_SUBJECTS = """
    SELECT company, 'user' AS subject_kind, CAST(user_id AS VARCHAR) AS subject_id
    FROM users_history
    WHERE lower(email) = lower($subject)
    UNION
    SELECT company, kind, id FROM subject_labels() WHERE id = $subject"""


@dataclass(frozen=True, slots=True)
class Change:
    """One row of access_changes, with labels for its ids.

    The labels are those of the subject, of an object that is a role or a permission set, of a role in
    `before` or `after`, and of the edited set.
    """

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
        queries.create(connection, "subject_labels")
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
        f"SELECT 1 FROM ({_SUBJECTS}) WHERE list_contains($companies, company) LIMIT 1",
        {"subject": query.subject, "companies": list(query.companies or known)},
    ).fetchall()
    if not matches:
        raise ConfigurationError(
            f"No user has the e-mail address '{query.subject}',"
            " and no user, role or permission set has that id."
        )


def _read(connection: duckdb.DuckDBPyConnection, query: Query) -> list[Change]:
    chosen = f"SEMI JOIN ({_SUBJECTS}) USING (company, subject_kind, subject_id)" if query.subject else ""
    until = None if query.until is None else query.until + timedelta(days=1)
    values: dict[str, object] = {
        "since": query.since,
        "until": until,
        "companies": list(query.companies),
        "kinds": list(query.kinds or KINDS),
    }
    if query.subject:
        values["subject"] = query.subject
    rows = connection.execute(
        f"""
        WITH labels AS (FROM subject_labels()),
        changes AS (
            SELECT *
            FROM access_changes
            {chosen}
            WHERE changed_at >= CAST($since AS TIMESTAMP)
                AND coalesce(changed_at < CAST($until AS TIMESTAMP), TRUE)
                AND (len($companies) = 0 OR list_contains($companies, company))
                AND list_contains($kinds, kind)
        )
        SELECT
            changes.company, snapshot_id, changed_at, "at", changes.kind, subject_kind, subject_id,
            object_kind, object, before, after, edited_set, subjects.label, objects.label, befores.label,
            afters.label, edited.label, snapshots.status
        FROM changes
        JOIN snapshots USING (company, snapshot_id)
        LEFT JOIN labels AS subjects ON subjects.company = changes.company
            AND subjects.kind = subject_kind AND subjects.id = subject_id
        LEFT JOIN labels AS objects ON objects.company = changes.company
            AND objects.kind = object_kind AND objects.id = object
        LEFT JOIN labels AS befores ON befores.company = changes.company
            AND befores.kind = 'role' AND befores.id = before
            AND object_kind = 'attribute' AND object IN ('role_id', 'parent_role_id')
        LEFT JOIN labels AS afters ON afters.company = changes.company
            AND afters.kind = 'role' AND afters.id = after
            AND object_kind = 'attribute' AND object IN ('role_id', 'parent_role_id')
        LEFT JOIN labels AS edited ON edited.company = changes.company
            AND edited.kind = 'permission_set' AND edited.id = edited_set
        ORDER BY
            changed_at, changes.company,
            list_position(['permission_set', 'role', 'user'], subject_kind),
            subjects.label, subject_id, list_position($order, changes.kind), object_kind, objects.label,
            object""",
        values | {"order": list(KINDS)},
    ).fetchall()
    return [Change(*row) for row in rows]
