"""Writes the history: versions of what was observed, a new one only where something changed.

Each table keeps `valid_from` and `valid_to` (NULL = now). Values that move without meaning anything, such
as the last login, make no version: the latest is kept beside, in a table of its own.
"""

from __future__ import annotations

import duckdb

from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.tables import TABLES, HistoryTable


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
