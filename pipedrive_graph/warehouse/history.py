"""Writes the history: versioned tables of what was observed. A change ends a version and starts the next.

Each table has `valid_from` and `valid_to` (NULL = current). Values that change all the time, such as the last
login, start no version; a separate `…_latest` table keeps their latest value.
"""

from __future__ import annotations

import duckdb

from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.sql_project import Models
from pipedrive_graph.warehouse.tables import TABLES, HistoryTable

_OF_THE_SNAPSHOT = ("coverage", "permission_answers", "permission_names")
"""Tables that keep only the rows of a company's latest snapshot, made by the steps of these names."""

_IN_BATCH = "company IN (SELECT company FROM landing.batch)"

_LEAVING = """
        UNION ALL
        SELECT history.rowid AS ended_row, history.company FROM history.user_permissions AS history
        SEMI JOIN (FROM staging.permission_names WHERE leaves) AS leaving USING (company, permission)
        WHERE history.valid_to IS NULL"""
"""A permission that disappears ends for all users, including users who were not observed in this snapshot."""


def merge(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Merge the staged rows of all companies in landing.batch into the history."""
    _correct(connection, models)
    steps.make(connection, models, "merge.newly_proven", "merge.observed", "merge.omissions")
    for table in TABLES:
        _close(connection, table)
        _open(connection, table)
        if table.latest:
            _replace(connection, f"{table.name}_latest", table.name, [*table.key], [*table.latest])
    _observe(connection)
    _replace(connection, "access_signatures", "access_signatures", ["user_id"], ["signature"])
    for name in (*_OF_THE_SNAPSHOT, "unreadable_values"):
        connection.execute(f"DELETE FROM history.{name} WHERE {_IN_BATCH}")
    for name in _OF_THE_SNAPSHOT:
        steps.insert(connection, models, f"merge.{name}")
    connection.execute("INSERT INTO history.unreadable_values BY NAME FROM staging.unreadable_values")
    _keep_unanswered(connection)
    connection.execute(
        "INSERT INTO history.vendor_changes BY NAME SELECT changes.*, batch.snapshot_id"
        " FROM staging.vendor_changes AS changes JOIN landing.batch AS batch USING (company)"
    )


def differences(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, int]]:
    """Count, per company and table, staged rows that are missing among the current rows of the history.

    Returns:
        Rows (company, table, count) with a count above 0. After a correct merge, the list is empty.
    """
    missing: list[tuple[str, str, int]] = []
    for table in TABLES:
        columns = ", ".join(table.columns)
        # Comparing sums of hashes is many times faster than comparing rows. In a company's first snapshot,
        # all current rows were staged; later, only the rows of the staged subjects are compared.
        subjects = f"(SELECT DISTINCT company, {table.subject} FROM staging.{table.name})"
        if _same(connection, table, "landing.batch", "company") or _same(
            connection, table, subjects, f"company, {table.subject}"
        ):
            continue
        staged = f"SELECT {columns} FROM staging.{table.name}"
        current = f"SELECT {columns} FROM history.{table.name} WHERE valid_to IS NULL"
        query = f"SELECT company, count(*) FROM ({staged} EXCEPT ALL {current}) GROUP BY company"
        missing += [(company, table.name, count) for company, count in rows(connection, query)]
    return missing


def _same(connection: duckdb.DuckDBPyConnection, table: HistoryTable, among: str, key: str) -> bool:
    """Whether the staged rows equal the current rows of all subjects that `among` names."""
    digest = f"SELECT company, sum(hash({', '.join(table.columns)})) AS digest"
    staged = f"{digest} FROM staging.{table.name} GROUP BY company"
    current = (
        f"{digest} FROM history.{table.name} SEMI JOIN {among} AS subjects USING ({key})"
        " WHERE valid_to IS NULL GROUP BY company"
    )
    different = rows(
        connection,
        f"SELECT 1 FROM ({staged}) AS staged FULL JOIN ({current}) AS kept USING (company)"
        " WHERE staged.digest IS DISTINCT FROM kept.digest LIMIT 1",
    )
    return not different


def _close(connection: duckdb.DuckDBPyConnection, table: HistoryTable) -> None:
    """End the versions that this snapshot contradicts or proves to be over."""
    same_key = _equal("staged", "history", "company", *table.key)
    # start from the staged rows, which may be few; the history is always large
    steps.execute(
        connection,
        f"""
        CREATE OR REPLACE TEMP TABLE ended AS
        SELECT history.rowid AS ended_row, history.company
        FROM history.{table.name} AS history
        JOIN staging.{table.name} AS staged ON {same_key}
        WHERE history.valid_to IS NULL AND {_row("staged", table)} IS DISTINCT FROM {_row("history", table)}
        UNION ALL
        SELECT history.rowid AS ended_row, history.company
        FROM history.{table.name} AS history
        SEMI JOIN merge.newly_proven AS proven
            ON proven.history_table = '{table.name}'
            AND proven.company = history.company
            AND TRY_CAST(proven.subject_id AS {table.key[table.subject]}) = history.{table.subject}
        ANTI JOIN staging.{table.name} AS staged ON {same_key}
        WHERE history.valid_to IS NULL
        {_LEAVING if table.name == "user_permissions" else ""}""",
    )
    if rows(connection, "SELECT count(*) FROM ended") == [(0,)]:
        return
    connection.execute(f"""
        UPDATE history.{table.name} AS history
        SET valid_to = batch.as_of
        FROM ended
        JOIN landing.batch AS batch USING (company)
        WHERE history.rowid = ended.ended_row""")


def _open(connection: duckdb.DuckDBPyConnection, table: HistoryTable) -> None:
    """Start a version for every staged row that has no current version."""
    columns = ", ".join(f"staged.{name}" for name in table.columns)
    connection.execute(f"""
        INSERT INTO history.{table.name} BY NAME
        SELECT {columns}, batch.as_of AS valid_from, NULL AS valid_to
        FROM staging.{table.name} AS staged
        JOIN landing.batch AS batch USING (company)
        ANTI JOIN (
            FROM history.{table.name}
            SEMI JOIN staging.{table.name} USING (company, {table.subject})
            WHERE valid_to IS NULL
        ) AS history
            ON {_equal("staged", "history", "company", *table.key)}""")


def _replace(
    connection: duckdb.DuckDBPyConnection, name: str, staged: str, key: list[str], values: list[str]
) -> None:
    """Replace the latest values of the staged subjects; other subjects keep theirs."""
    columns = ", ".join(["company", *key, *values])
    connection.execute(f"""
        DELETE FROM history.{name} AS history
        WHERE EXISTS (
            FROM staging.{staged} AS staged WHERE {_equal("staged", "history", "company", *key)}
        )""")
    connection.execute(f"INSERT INTO history.{name} BY NAME SELECT {columns} FROM staging.{staged}")


def _correct(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Record inferred permissions that this snapshot's answers disprove, for users with unchanged access.

    The inferences are read from the history as it was before this snapshot, so this step runs first.
    """
    made = (
        "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database()"
        " AND schema_name = 'main' AND table_name = 'permission_sources'"
    )
    if not rows(connection, made):
        return  # the first build: nothing was inferred yet
    inferred = f"SELECT 1 FROM main.permission_sources WHERE source = 'inferred' AND {_IN_BATCH} LIMIT 1"
    if rows(connection, inferred):
        steps.insert(connection, models, "merge.corrections")


def _keep_unanswered(connection: duckdb.DuckDBPyConnection) -> None:
    """Keep the permissions that the latest answer about each user omits, as long as they are still known."""
    connection.execute("""
        DELETE FROM history.unanswered_permissions AS kept
        WHERE EXISTS (
            FROM staging.permissions_answered AS answered
            WHERE answered.company = kept.company AND answered.user_id = kept.user_id
        )""")
    connection.execute(
        "INSERT INTO history.unanswered_permissions BY NAME FROM staging.unanswered_permissions"
    )
    connection.execute(f"""
        DELETE FROM history.unanswered_permissions AS kept
        WHERE {_IN_BATCH} AND NOT EXISTS (
            FROM history.user_permissions AS flags
            WHERE {_equal("flags", "kept", "company", "user_id", "permission")} AND flags.valid_to IS NULL
        )""")
    # a permission that was answered before and is omitted now makes the snapshot partial
    steps.execute(
        connection,
        """
        UPDATE history.snapshots AS snapshots
        SET status = 'partial', reason = concat_ws(' ', snapshots.reason, omissions.sentence)
        FROM merge.omissions AS omissions
        WHERE snapshots.company = omissions.company AND snapshots.snapshot_id = omissions.snapshot_id""",
    )


def _observe(connection: duckdb.DuckDBPyConnection) -> None:
    """Record when each subject was first and last answered in full, and the signature of its access."""
    same = _equal("observed", "history", "company", "history_table", "subject_id")
    update = "UPDATE history.observations AS history"
    observed = "FROM merge.observed AS observed"
    steps.execute(connection, f"{update} SET last_at = observed.as_of {observed} WHERE {same} AND is_last")
    # writing texts is slow, and signatures seldom change
    changed = "history.signature IS DISTINCT FROM observed.signature"
    set_signature = f"{update} SET signature = observed.signature {observed}"
    steps.execute(connection, f"{set_signature} WHERE {same} AND {changed}")
    steps.execute(
        connection,
        "INSERT INTO history.observations BY NAME"
        " SELECT observed.* EXCLUDE (as_of, is_last), as_of AS first_at, as_of AS last_at"
        f" {observed} ANTI JOIN history.observations AS history ON {same}",
    )


def _equal(left: str, right: str, *columns: str) -> str:
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in columns)


def _row(alias: str, table: HistoryTable) -> str:
    return "ROW(" + ", ".join(f"{alias}.{name}" for name in table.versioned) + ")"
