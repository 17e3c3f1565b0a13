"""Proves that a table's key identifies its rows."""

from __future__ import annotations

import duckdb

from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.sql_model import Model

_MANY = 1_000_000
"""Rows from which on a key is proven in a way that takes longer to say, and a tenth of the time."""

_BITS = 126
"""Bits of a HUGEINT that can be shifted to."""


def check_key(connection: duckdb.DuckDBPyConnection, model: Model, table: str, *, count: int) -> None:
    """Prove that a table's key identifies its rows.

    Args:
        connection: where the table is.
        model: its file, which says the key.
        table: its qualified name there.
        count: its rows.

    Raises:
        WarehouseError: naming the table, its key and the first company in which it is not unique.
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
            f"{model.qualified}: {', '.join(model.key)} should identify a row, but of '{repeated[0][0]}' "
            f"one is there {repeated[0][1]} times; nothing was published."
        )


def _proven(connection: duckdb.DuckDBPyConnection, table: str, subject: list[str], rest: list[str]) -> bool:
    """Whether no row is repeated, found without a group for each of many rows.

    There are few different values of the rest of the key, such as permissions. Each gets a bit; a subject,
    such as a user, has as many rows as bits, or one of them is there twice.
    """
    # What has more different values comes first: so the rows of a subject have numbers that are close
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
