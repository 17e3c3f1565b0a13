"""An in-memory warehouse with every model of sql/ as a view over literal rows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import duckdb
import pytest

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.warehouse import database, tables
from pipedrive_graph.warehouse.sql_project import PUBLISHED, STEPS, Models

from .batch import Batch
from .literal import COMPANY, Company, create, create_for_steps


@pytest.fixture(scope="session")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty warehouse with every model but those of staging and the steps."""
    with duckdb.connect(config=database.CONFIG) as connection:
        tables.create(connection)
        for model in Models(sql_folder()):
            if model.schema not in {"staging", PUBLISHED, *STEPS}:
                create(connection, model)
        yield connection


@pytest.fixture(scope="module")
def empty_run() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse without rows, with the tables that the steps of a batch read and create."""
    with duckdb.connect(config=database.CONFIG) as connection:
        create_for_steps(connection)
        yield connection


@pytest.fixture
def connection(warehouse: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse; rows that the test writes are rolled back."""
    warehouse.execute("BEGIN")
    yield warehouse
    warehouse.execute("ROLLBACK")


@pytest.fixture(scope="module")
def batch(warehouse: duckdb.DuckDBPyConnection, request: pytest.FixtureRequest) -> Batch:
    """The cached answers to the queries of the module's tests."""
    batch = Batch()
    batch.learn(warehouse, [item for item in request.session.items if item.path == request.path])
    return batch


@pytest.fixture
def new_company(
    connection: duckdb.DuckDBPyConnection, batch: Batch, request: pytest.FixtureRequest
) -> Callable[[str], Company]:
    """A function that creates an empty company by name; a test that needs a second one uses `Company`."""
    # a test that takes the connection as well finds the rows there
    direct = "connection" in inspect.signature(request.function).parameters
    return lambda name: Company(connection, name, None if direct else batch)


@pytest.fixture
def company(new_company: Callable[[str], Company]) -> Company:
    """A company with one complete snapshot (night 0) and no users."""
    acme = new_company(COMPANY)
    acme.snapshot(0)
    return acme
