"""Makes the tables of the graph with nothing in them, to see what a query would give, and of which types."""

from __future__ import annotations

import duckdb

from pipedrive_graph.warehouse import tables
from pipedrive_graph.warehouse.sql_project import Models
from pipedrive_graph.warehouse.transform import create_macro


def create(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Create what rules may read: the tables of the graph, its macros, the history and the policy."""
    tables.create(connection)
    for model in models.of("main"):
        if model.kind.is_macro:
            create_macro(connection, model)
        else:
            connection.execute(f"CREATE TABLE {model.qualified} AS {model.query}")
