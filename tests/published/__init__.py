"""Reads a published file: its tables as rows, with or without values that depend on the clock."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import duckdb

Row = tuple[Any, ...]

CONTRACT = {
    "snapshots": "snapshot_id started_at finished_at status collect users roles requests throttled reason",
    "users": "user_id name email active deleted admin admin_apps role_id last_login created first_seen",
    "roles": "role_id name parent_role_id active depth members",
    "role_tree": "ancestor_role_id role_id distance",
    "permission_sets": "permission_set_id name app type contents",
    "user_roles": "user_id role_id active",
    "user_permission_sets": "user_id app permission_set_id admin",
    "user_permissions": "user_id permission granted source observed_at",
    "role_permissions": "role_id permission members holders share",
    "user_role_permissions": "user_id role_id permission granted granted_by granted_by_admin role_share",
    "nodes": "node_id kind label properties",
    "edges": "source target kind properties",
    "access_changes": "snapshot_id changed_at at kind subject_kind subject_id object before after",
    "users_history": "user_id name email active deleted role_id valid_from valid_to",
    "roles_history": "role_id name parent_role_id active valid_from valid_to",
    "user_roles_history": "user_id role_id active valid_from valid_to",
    "permission_sets_history": "permission_set_id name app type contents valid_from valid_to",
    "user_permissions_history": "user_id permission granted valid_from valid_to",
    "peer_groups": "user_id role_id kind peers abstained reason",
    "findings": "finding_id rule severity subject_kind subject_id object title evidence remedy"
    " first_seen last_seen status resolved_reason",
}
"""The columns that other programs rely on; every table also has `company`."""

OF_THE_RUN = {"snapshot_id", "finished_at", "requests", "throttled", "compared"}
"""Columns that differ between two runs with the same responses."""

_COMPARED = re.compile(r'"snapshots":\{"before":\{[^}]*\},"after":\{[^}]*\}\},?')
"""The part of an event's evidence that names the snapshots before and after it."""


def query(published: Path, text: str, *parameters: object) -> list[Row]:
    """The rows of a query, with the file opened read-only, as analysts do."""
    with duckdb.connect(str(published), read_only=True) as connection:
        return connection.execute(text, parameters or None).fetchall()


def names(published: Path) -> list[str]:
    return [name for (name,) in query(published, "SELECT table_name FROM duckdb_tables() ORDER BY ALL")]


def tables(
    published: Path, *, clock: bool = True, without: Collection[str] = (), company: str | None = None
) -> dict[str, list[Row]]:
    """Every table as sorted rows; with `clock=False`, times of snapshots are cut to the day.

    The columns in `without` are left out of every table. With a `company`, only its rows are returned; a
    table without companies, such as `rules`, is returned whole.
    """
    where = "WHERE company = ?" if company else ""
    names = [company] if company else None
    left_out = {*without} if clock else {*without} | OF_THE_RUN
    result = {}
    with duckdb.connect(str(published), read_only=True) as connection:
        # a snapshot's id also begins with its day
        moments = {
            str(value)
            for row in connection.execute(
                f"SELECT started_at, snapshot_id FROM snapshots {where}",  # noqa: S608
                names,
            ).fetchall()
            for value in row
        }
        events = [
            event
            for (event,) in connection.execute(
                f"SELECT finding_id FROM (FROM findings {where}) WHERE snapshot_id IS NOT NULL",  # noqa: S608
                names,
            ).fetchall()
        ]
        for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall():
            columns = [row[0] for row in connection.execute(f"DESCRIBE {name}").fetchall()]
            selected = ", ".join(f'"{column}"' for column in columns if column not in left_out)
            whole = "company" not in columns
            query = f"SELECT {selected} FROM {name} {'' if whole else where} ORDER BY ALL"  # noqa: S608
            rows = connection.execute(query, None if whole else names).fetchall()
            result[name] = rows if clock else sorted(_cut(row, moments, events) for row in rows)
    return result


def _cut(row: Row, moments: set[str], events: list[str]) -> Row:
    """A row as texts, with times and ids of snapshots cut to the day, and without the ids of their events."""
    texts = [str(value) for value in row]
    for moment in moments:  # DuckDB writes no zeros at the end of a fraction
        texts = [text.replace(moment, moment[:10]).replace(moment.rstrip("0"), moment[:10]) for text in texts]
    for event in events:
        texts = [text.replace(event, "event") for text in texts]
    return tuple(_COMPARED.sub("", text) for text in texts)


def found(published: Path, company: str = "default") -> set[Row]:
    """The open findings, in the form of the simulator's truth."""
    return set(
        query(
            published,
            "SELECT rule, subject_kind, subject_id, object, severity"
            " FROM findings WHERE company = ? AND status = 'open'",
            company,
        )
    )


def changes(published: Path) -> list[Row]:
    """The access changes of the last night."""
    return query(
        published,
        "SELECT kind, subject_kind, subject_id, object_kind, object, before, after"
        " FROM access_changes JOIN current_snapshot USING (company, snapshot_id) ORDER BY ALL",
    )


def differing(left: dict[str, list[Row]], right: dict[str, list[Row]]) -> dict[str, tuple[Any, Any]]:
    """The tables that differ between two installations: rows that only the left or only the right has."""

    def only(rows: list[Row], other_rows: list[Row]) -> list[str]:
        other = [json.dumps(row, default=str) for row in other_rows]
        return [row for row in (json.dumps(row, default=str) for row in rows) if row not in other][:5]

    return {
        name: (only(left.get(name, []), right.get(name, [])), only(right.get(name, []), left.get(name, [])))
        for name in left.keys() | right.keys()
        if left.get(name) != right.get(name)
    }
