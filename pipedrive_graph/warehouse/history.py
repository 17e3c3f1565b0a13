"""Writes the history: versions of what was observed, a new one only where something changed.

Each table keeps `valid_from` and `valid_to` (NULL = now). Values that move without meaning anything, such
as the last login, make no version: the latest is kept beside, in a table of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

from pipedrive_graph.warehouse.database import rows


@dataclass(frozen=True, slots=True)
class HistoryTable:
    """One table of versions: what identifies a row, what makes a version, what is kept beside."""

    name: str
    subject: str
    """The column by which staging.proven knows whose rows are told in full."""
    key: dict[str, str]
    versioned: dict[str, str]
    latest: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, str]:
        """All columns of a version but for its times, with their types."""
        return {"company": "VARCHAR", **self.key, **self.versioned}


TABLES = (
    HistoryTable(
        "users",
        "user_id",
        key={"user_id": "BIGINT"},
        versioned={
            "name": "VARCHAR",
            "email": "VARCHAR",
            "active": "BOOLEAN",
            "deleted": "BOOLEAN",
            "is_admin": "BOOLEAN",
            "role_id": "BIGINT",
            "access": "STRUCT(app VARCHAR, admin BOOLEAN, permission_set_id VARCHAR)[]",
            "created": "TIMESTAMP",
            "has_created_company": "BOOLEAN",
            "locale": "VARCHAR",
            "default_currency": "VARCHAR",
            "timezone_name": "VARCHAR",
        },
        latest={
            "last_login": "TIMESTAMP",
            "login_known": "BOOLEAN",
            "modified": "TIMESTAMP",
            "phone": "VARCHAR",
            "timezone_offset": "VARCHAR",
            "icon_url": "VARCHAR",
        },
    ),
    HistoryTable(
        "roles",
        "role_id",
        key={"role_id": "BIGINT"},
        versioned={
            "name": "VARCHAR",
            "parent_role_id": "BIGINT",
            "active": "BOOLEAN",
            "description": "VARCHAR",
        },
        latest={"level": "BIGINT", "assignment_count": "BIGINT", "sub_role_count": "BIGINT"},
    ),
    HistoryTable(
        "user_roles",
        "user_id",
        key={"user_id": "BIGINT", "role_id": "BIGINT"},
        versioned={"active": "BOOLEAN"},
    ),
    HistoryTable(
        "permission_sets",
        "permission_set_id",
        key={"permission_set_id": "VARCHAR"},
        versioned={
            "name": "VARCHAR",
            "app": "VARCHAR",
            "type": "VARCHAR",
            "description": "VARCHAR",
            "contents": "VARCHAR[]",
        },
        latest={"assignment_count": "BIGINT"},
    ),
    HistoryTable(
        "user_permissions",
        "user_id",
        key={"user_id": "BIGINT", "permission": "VARCHAR"},
        versioned={"granted": "BOOLEAN"},
    ),
)

_OTHER_TABLES = {
    "snapshots": {
        "company": "VARCHAR",
        "snapshot_id": "VARCHAR",
        "started_at": "TIMESTAMP",
        "finished_at": "TIMESTAMP",
        "status": "VARCHAR",
        "collect": "VARCHAR",
        "users": "BIGINT",
        "roles": "BIGINT",
        "requests": "BIGINT",
        "throttled": "BIGINT",
        "reason": "VARCHAR",
        "company_id": "BIGINT",
        "token_owner": "BIGINT",
        "position": "INTEGER",
        "manifest_sha256": "VARCHAR",
    },
    "coverage": {
        "company": "VARCHAR",
        "endpoint": "VARCHAR",
        "subject_id": "VARCHAR",
        "outcome": "VARCHAR",
    },
    "observations": {
        "company": "VARCHAR",
        "history_table": "VARCHAR",
        "subject_id": "VARCHAR",
        "first_at": "TIMESTAMP",
        "last_at": "TIMESTAMP",
    },
    "unreadable_values": {
        "company": "VARCHAR",
        "endpoint": "VARCHAR",
        "subject_id": "VARCHAR",
        "field": "VARCHAR",
        "value": "VARCHAR",
    },
    "models": {"name": "VARCHAR", "digest": "VARCHAR"},
    "findings": {
        "company": "VARCHAR",
        "finding_id": "VARCHAR",
        "rule": "VARCHAR",
        "severity": "VARCHAR",
        "subject_kind": "VARCHAR",
        "subject_id": "VARCHAR",
        "object": "VARCHAR",
        "title": "VARCHAR",
        "evidence": "JSON",
        "remedy": "VARCHAR",
        "first_seen": "TIMESTAMP",
        "last_seen": "TIMESTAMP",
        "status": "VARCHAR",
        "resolved_reason": "VARCHAR",
        "resolved_at": "TIMESTAMP",
        "rule_sha256": "VARCHAR",
    },
}


def columns() -> dict[str, dict[str, str]]:
    """Every table of the history: its columns, with their types."""
    tables = dict(_OTHER_TABLES)
    for table in TABLES:
        tables[table.name] = {**table.columns, "valid_from": "TIMESTAMP", "valid_to": "TIMESTAMP"}
        if table.latest:
            tables[f"{table.name}_latest"] = {"company": "VARCHAR", **table.key, **table.latest}
    return tables


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of the history where they are not there yet."""
    for schema in ("history", "rules"):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for name, types in columns().items():
        declared = ", ".join(f"{column} {type_}" for column, type_ in types.items())
        connection.execute(f"CREATE TABLE IF NOT EXISTS history.{name} ({declared})")


def merge(connection: duckdb.DuckDBPyConnection) -> None:
    """Take tonight's staged rows of every company in landing.batch into the history."""
    for table in TABLES:
        _close(connection, table)
        _open(connection, table)
        if table.latest:
            _keep_latest(connection, table)
    _observe(connection)
    for name in ("coverage", "unreadable_values"):
        connection.execute(f"DELETE FROM history.{name} WHERE company IN (SELECT company FROM landing.batch)")
        connection.execute(f"INSERT INTO history.{name} BY NAME SELECT * FROM staging.{name}")


def differences(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, int]]:
    """Count, per company and table, staged rows that are not what the history now holds as current.

    Returns:
        Rows (company, table, count) where the count is not 0: there should be none.
    """
    found: list[tuple[str, str, int]] = []
    for table in TABLES:
        columns = ", ".join(table.columns)
        query = f"""
            SELECT company, '{table.name}', count(*) FROM (
                SELECT {columns} FROM staging.{table.name}
                EXCEPT ALL
                SELECT {columns} FROM history.{table.name} WHERE valid_to IS NULL
            ) GROUP BY company"""
        found += [(company, name, count) for company, name, count in rows(connection, query)]
    return found


def _close(connection: duckdb.DuckDBPyConnection, table: HistoryTable) -> None:
    """End the versions that tonight contradicts, or proves to be over."""
    same_key = _equal("staged", "history", "company", *table.key)
    connection.execute(f"""
        UPDATE history.{table.name} AS history
        SET valid_to = batch.as_of
        FROM landing.batch AS batch
        WHERE history.company = batch.company
            AND history.valid_to IS NULL
            AND (
                EXISTS (
                    FROM staging.{table.name} AS staged
                    WHERE {same_key} AND {_row("staged", table)} IS DISTINCT FROM {_row("history", table)}
                )
                OR (
                    EXISTS (
                        FROM staging.proven AS proven
                        WHERE proven.company = history.company
                            AND proven.history_table = '{table.name}'
                            AND proven.subject_id = CAST(history.{table.subject} AS VARCHAR)
                    )
                    AND NOT EXISTS (FROM staging.{table.name} AS staged WHERE {same_key})
                )
            )""")


def _open(connection: duckdb.DuckDBPyConnection, table: HistoryTable) -> None:
    """Begin a version for every staged row that has no current one."""
    columns = ", ".join(f"staged.{name}" for name in table.columns)
    connection.execute(f"""
        INSERT INTO history.{table.name} BY NAME
        SELECT {columns}, batch.as_of AS valid_from, NULL AS valid_to
        FROM staging.{table.name} AS staged
        JOIN landing.batch AS batch USING (company)
        ANTI JOIN (FROM history.{table.name} WHERE valid_to IS NULL) AS history
            ON {_equal("staged", "history", "company", *table.key)}""")


def _keep_latest(connection: duckdb.DuckDBPyConnection, table: HistoryTable) -> None:
    columns = ", ".join(["company", *table.key, *table.latest])
    connection.execute(f"""
        DELETE FROM history.{table.name}_latest AS history
        WHERE EXISTS (
            FROM staging.{table.name} AS staged WHERE {_equal("staged", "history", "company", *table.key)}
        )""")
    connection.execute(
        f"INSERT INTO history.{table.name}_latest BY NAME SELECT {columns} FROM staging.{table.name}"
    )


def _observe(connection: duckdb.DuckDBPyConnection) -> None:
    """Remember when each subject was told in full for the first and for the last time."""
    same = _equal("proven", "history", "company", "history_table", "subject_id")
    connection.execute(f"""
        UPDATE history.observations AS history
        SET last_at = batch.as_of
        FROM staging.proven AS proven
        JOIN landing.batch AS batch USING (company)
        WHERE {same}""")
    connection.execute(f"""
        INSERT INTO history.observations BY NAME
        SELECT proven.*, batch.as_of AS first_at, batch.as_of AS last_at
        FROM staging.proven AS proven
        JOIN landing.batch AS batch USING (company)
        ANTI JOIN history.observations AS history ON {same}""")


def _equal(left: str, right: str, *columns: str) -> str:
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in columns)


def _row(alias: str, table: HistoryTable) -> str:
    return "ROW(" + ", ".join(f"{alias}.{name}" for name in table.versioned) + ")"
