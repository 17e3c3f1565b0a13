"""Opening the warehouse: errors for a file that turns out to be damaged while it is in use."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pytest

from pipedrive_graph.errors import UnusableError
from pipedrive_graph.warehouse import database


def test_a_block_that_is_missing_is_damage_whenever_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    values = random.Random(1)  # noqa: S311 - so that nothing can be compressed
    with database.writer(path) as connection:
        connection.execute("CREATE TABLE numbers (number UBIGINT)")
        connection.execute(
            "INSERT INTO numbers SELECT unnest(?)", [[values.getrandbits(63) for _ in range(300_000)]]
        )
    with path.open("r+b") as file:
        file.seek(1_000_000)
        file.write(bytes(1_000_000))

    with (
        pytest.raises(UnusableError, match=r"Cannot (read|open) .*warehouse.duckdb \("),
        database.writer(path) as connection,
    ):
        connection.execute("SELECT sum(number) FROM numbers").fetchall()


def test_an_error_of_a_query_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(duckdb.CatalogException), database.writer(tmp_path / "w.duckdb") as connection:
        connection.execute("SELECT 1 FROM nothing")
