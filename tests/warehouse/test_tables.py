"""The declared tables of the warehouse, and tables made by an earlier version."""

from __future__ import annotations

import duckdb

from pipedrive_graph.warehouse import tables
from pipedrive_graph.warehouse.schema import ADDED


def test_a_warehouse_of_an_earlier_version_gets_the_columns_that_it_lacks() -> None:
    with duckdb.connect() as connection:
        tables.create(connection)
        connection.execute(
            "INSERT INTO history.peer_comparisons (company, user_id, permission) VALUES ('acme', 1, 'can_x')"
        )
        for table, columns in ADDED.items():
            for column in columns:
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")

        tables.create(connection)

        rows = connection.execute("SELECT company, permission, kind FROM history.peer_comparisons").fetchall()
        assert rows == [("acme", "can_x", None)]
