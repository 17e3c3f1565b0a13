"""Runs the steps of a batch (sql/history, sql/lifecycle, sql/peers): one temporary table per file.

Steps read the warehouse, other steps, and the tables `run.<table>` that Python creates (schema.RUN lists
them). DuckDB has no schemas for temporary tables, so the table of `lifecycle.resolved` is called
`lifecycle_resolved`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

import duckdb

from pipedrive_graph.common.timed import timed
from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse.database import insert_rows, is_from_outside
from pipedrive_graph.warehouse.schema import RUN
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import STEPS, Models

_log = logging.getLogger(__name__)

_NAME = re.compile(rf"\b({'|'.join(sorted([*STEPS, 'run']))})\.([a-z_]+)\b")


def make(connection: duckdb.DuckDBPyConnection, models: Models, *names: str) -> None:
    """Create the tables of some steps, in dependency order.

    Args:
        connection: the warehouse.
        models: all models, including the steps.
        names: qualified names of the steps.

    Raises:
        ModelError: if DuckDB refuses a file; the message names it and the reason.
    """
    for model in models:
        if model.qualified in names:
            table = with_temporary_names(model.qualified)
            _run(connection, models, model, f"CREATE OR REPLACE TEMP TABLE {table} AS")


def insert(connection: duckdb.DuckDBPyConnection, models: Models, name: str) -> None:
    """Insert the rows of a step into the table that its header names; no temporary table is made.

    Args:
        connection: the warehouse.
        models: all models, including the steps.
        name: the qualified name of the step, which no other step reads.

    Raises:
        ModelError: like `make`.
    """
    (table,) = models[name].writes
    _run(connection, models, models[name], f"INSERT INTO {table} BY NAME")


def _run(connection: duckdb.DuckDBPyConnection, models: Models, model: Model, statement: str) -> None:
    """Run a statement that ends with the query of a step."""
    try:
        with timed(_log, str(model.place)):
            for name in sorted(model.reads):
                if name.partition(".")[0] in STEPS and models[name].kind is Kind.SCALAR_MACRO:
                    create_macro(connection, models[name])
            connection.execute(f"{statement} {with_temporary_names(model.query)}")
    except duckdb.Error as error:
        if is_from_outside(error):
            raise
        raise ModelError(f"{model.place}: {str(error).splitlines()[0]}") from error


def create_macro(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Create a scalar macro of the steps or of staging on this connection."""
    parameters = ", ".join(model.header.parameters)
    connection.execute(f"CREATE OR REPLACE TEMP MACRO {model.name}({parameters}) AS {model.query}")


def hand_over(
    connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[tuple[object, ...]] = ()
) -> None:
    """Create a table of the schema `run` from rows.

    Args:
        connection: the warehouse.
        name: the table's name without its schema.
        rows: the rows; values are in the order of the declared columns.
    """
    columns = ", ".join(f'"{column}" {type_}' for column, type_ in RUN[name].items())
    execute(connection, f"CREATE OR REPLACE TEMP TABLE run.{name} ({columns})")
    insert_rows(connection, with_temporary_names(f"run.{name}"), rows)


def hand_over_query(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    """Create a table of the schema `run` from the rows of a query."""
    hand_over(connection, name)
    execute(connection, f"INSERT INTO run.{name} BY NAME {query}")


def execute(
    connection: duckdb.DuckDBPyConnection, sql: str, *parameters: object
) -> duckdb.DuckDBPyConnection:
    """Run SQL that names the tables of steps and of `run` as files of sql/ do, such as lifecycle.resolved.

    SQL that contains a custom rule must not be passed: an alias in it may look like such a name.
    """
    return connection.execute(with_temporary_names(sql), parameters or None)


def rows(connection: duckdb.DuckDBPyConnection, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run a query like `execute`, and fetch all rows."""
    return execute(connection, sql, *parameters).fetchall()


def with_temporary_names(sql: str) -> str:
    """Rename the tables of steps in SQL to the names of the temporary tables."""
    return _NAME.sub(r"\1_\2", sql)
