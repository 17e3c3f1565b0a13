"""Declares the versioned tables of the history, and creates and checks all tables that Python writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from pipedrive_graph.errors import OtherVersionError
from pipedrive_graph.warehouse.database import attached, rows
from pipedrive_graph.warehouse.schema import ADDED, KEPT, POLICY


@dataclass(frozen=True, slots=True)
class HistoryTable:
    """A versioned table.

    Attributes:
        name: the table's name in the schema history.
        subject: the column that staging.proven refers to when it lists subjects with complete answers.
        key: the columns that identify a row, with their types.
        versioned: the columns of which a change starts a new version.
        latest: the columns of which only the latest value is kept, in the table `<name>_latest`.
    """

    name: str
    subject: str
    key: dict[str, str]
    versioned: dict[str, str]
    latest: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, str]:
        """All columns except `valid_from` and `valid_to`, with their types."""
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
            "access_given": "BOOLEAN",
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
    HistoryTable(
        "role_visibility",
        "role_id",
        key={"role_id": "BIGINT", "item": "VARCHAR"},
        versioned={"value": "INTEGER"},
    ),
    HistoryTable(
        "pipelines",
        "pipeline_id",
        key={"pipeline_id": "BIGINT"},
        versioned={"name": "VARCHAR", "deleted": "BOOLEAN"},
        latest={"order_nr": "BIGINT"},
    ),
    HistoryTable(
        "role_pipelines",
        "role_id",
        key={"role_id": "BIGINT"},
        versioned={"hidden": "BIGINT[]"},
    ),
    HistoryTable(
        "teams",
        "team_id",
        key={"team_id": "BIGINT"},
        versioned={
            "name": "VARCHAR",
            "manager_id": "BIGINT",
            "active": "BOOLEAN",
            "deleted": "BOOLEAN",
            "members": "BIGINT[]",
        },
    ),
)


def columns() -> dict[str, dict[str, str]]:
    """The columns of every table of the history, with their types (and compression, if declared)."""
    tables = dict(KEPT)
    for table in TABLES:
        tables[table.name] = {**table.columns, "valid_from": "TIMESTAMP", "valid_to": "TIMESTAMP"}
        if table.latest:
            tables[f"{table.name}_latest"] = {"company": "VARCHAR", **table.key, **table.latest}
    return tables


def check(path: Path) -> list[str]:
    """Check that a warehouse has the tables of this version, or that `create` can upgrade them.

    The warehouse is only read: `create` runs on a copy without rows.

    Returns:
        The tables that an earlier version created with fewer columns, or not at all; empty if the warehouse
        has no tables yet.

    Raises:
        OtherVersionError: if `create` cannot upgrade the tables.
        duckdb.Error: if it cannot be read, or another process writes it.
    """
    with attached(path) as connection:
        columns_held = rows(
            connection,
            """
            SELECT schema_name, table_name, column_name, data_type
            FROM duckdb_columns()
            WHERE database_name = 'held' AND schema_name IN ('history', 'policy')
            ORDER BY ALL""",
        )
        existing: dict[tuple[str, str], list[str]] = {}
        for schema, table, column, type_ in columns_held:
            existing.setdefault((schema, table), []).append(f'"{column}" {type_}')
        connection.execute("ATTACH ':memory:' AS copied")
        connection.execute("USE copied")
        connection.execute("CREATE SCHEMA history; CREATE SCHEMA policy")
        for (schema, table), listed in existing.items():
            connection.execute(f"CREATE TABLE {schema}.{table} ({', '.join(listed)})")
        create(connection)
    declared = {"history": columns(), "policy": POLICY}
    return sorted(
        f"{schema}.{name}"
        for schema, tables in declared.items()
        for name, types in tables.items()
        if existing and len(existing.get((schema, name), ())) < len(types)
    )


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the missing tables of the history and of the policy, and add missing columns.

    Raises:
        OtherVersionError: if an existing table has other columns because another version created it.
    """
    for schema in ("history", "policy", "rules"):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    declared = {
        f"{schema}.{name}": types
        for schema, tables in {"history": columns(), "policy": POLICY}.items()
        for name, types in tables.items()
    }
    existing = _held_columns(connection)
    for table, types in declared.items():
        if existing.get(table) == types.keys():
            continue  # the usual case; skips statements that would take time and change nothing
        listed = ", ".join(f"{column} {type_}" for column, type_ in types.items())
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({listed})")
        for column in ADDED.get(table, ()):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} {types[column]}")
    existing = _held_columns(connection)
    for table, types in declared.items():
        if existing[table] != types.keys():
            raise OtherVersionError(f"The warehouse was made by another version ({table} has other columns).")


def _held_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    """The columns of the existing tables, by qualified name."""
    existing: dict[str, set[str]] = {}
    for table, column in rows(
        connection,
        """
        SELECT schema_name || '.' || table_name, column_name
        FROM duckdb_columns()
        WHERE database_name = current_database() AND schema_name IN ('history', 'policy')""",
    ):
        existing.setdefault(table, set()).add(column)
    return existing
