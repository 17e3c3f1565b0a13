"""An in-memory warehouse with every model of sql/ as a view over literal rows."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from pipedrive_graph.warehouse import database, tables
from pipedrive_graph.warehouse.models import PUBLISHED, Models, sql_folder

from .literal import Company, create


@pytest.fixture(scope="session")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty warehouse with every model but those of staging."""
    with duckdb.connect(config=database.CONFIG) as connection:
        tables.create(connection)
        for model in Models(sql_folder()):
            if model.schema not in {"staging", PUBLISHED}:
                create(connection, model)
        yield connection


@pytest.fixture
def connection(warehouse: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, which forgets what the test puts in."""
    warehouse.execute("BEGIN")
    yield warehouse
    warehouse.execute("ROLLBACK")


@pytest.fixture
def company(connection: duckdb.DuckDBPyConnection) -> Company:
    """A company with one complete snapshot, of night 0, and nobody in it yet."""
    acme = Company(connection)
    acme.snapshot(0)
    return acme
