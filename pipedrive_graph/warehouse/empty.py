"""Creates the tables of the graph without rows, to check which columns and types a query returns."""

from __future__ import annotations

import duckdb

from pipedrive_graph.warehouse import tables
from pipedrive_graph.warehouse.sql_project import Models
from pipedrive_graph.warehouse.transform import create_macro


def create(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Create everything that rules may read: the graph's tables and macros, the history and the policy."""
    tables.create(connection)
    for model in models.of("main"):
        if model.kind.is_macro:
            create_macro(connection, model)
        else:
            connection.execute(f"CREATE TABLE {model.qualified} AS {model.query}")
