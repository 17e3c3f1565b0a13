"""Checks that the key of a table is unique."""

from __future__ import annotations

import duckdb

from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.sql_model import Model

_MANY = 1_000_000
"""From this number of rows on, a more complex query checks the key first: it takes a tenth of the time."""

_BITS = 126
"""How many bits of a HUGEINT can be set by shifting 1."""


def check_key(connection: duckdb.DuckDBPyConnection, model: Model, table: str, *, count: int) -> None:
    """Check that the key of a table is unique.

    Args:
        connection: the connection that has the table.
        model: the model of the table; it declares the key.
        table: the qualified name of the table on the connection.
        count: how many rows the table has.

    Raises:
        WarehouseError: if the key is not unique; the message names the table, the key and a company.
    """
    if not model.key:
        return
    key = [f'"{name}"' for name in model.key]
    if len(key) > 2 and count >= _MANY and _proven(connection, table, key[:2], key[2:]):
        return
    repeated = rows(
        connection,
        f"SELECT {key[0]}, count(*) FROM {table} GROUP BY {', '.join(key)} HAVING count(*) > 1 LIMIT 1",
    )
    if repeated:
        raise WarehouseError(
            f"{model.qualified}: the key ({', '.join(model.key)}) must be unique, but '{repeated[0][0]}' "
            f"has {repeated[0][1]} rows with one key; nothing was published."
        )


def _proven(connection: duckdb.DuckDBPyConnection, table: str, subject: list[str], rest: list[str]) -> bool:
    """Whether the key is unique, computed with one group per subject instead of one per row.

    The rest of the key (such as permissions) has few distinct values. Each value gets a bit. The key is
    unique if every subject (such as a user) has as many rows as distinct bits.
    """
    # sort by the column with the most distinct values, so that the rows of a subject get close numbers
    counts = rows(connection, f"SELECT {', '.join(f'count(DISTINCT {name})' for name in rest)} FROM {table}")
    rest = [name for _, name in sorted(zip(counts[0], rest, strict=True), reverse=True)]
    values, of_subject = ", ".join(rest), ", ".join(f"of.{name}" for name in subject)
    same = " AND ".join(f"of.{name} IS NOT DISTINCT FROM numbered.{name}" for name in rest)
    repeated = rows(
        connection,
        f"""
        WITH numbered AS (
            SELECT {values}, row_number() OVER (ORDER BY {values}) - 1 AS number
            FROM (SELECT DISTINCT {values} FROM {table})
        )
        SELECT count(*) FROM (
            SELECT 1
            FROM {table} AS of JOIN numbered ON {same}
            GROUP BY {of_subject}, number // {_BITS}
            HAVING bit_count(bit_or(CAST(1 AS HUGEINT) << CAST(number % {_BITS} AS INTEGER))) <> count(*)
        )""",
    )
    return repeated == [(0,)]
