"""Queries for readers of the published file: macros of sql/reports and sql/reviews, and sql/questions."""

from __future__ import annotations

from functools import cache

import duckdb

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.warehouse import header


def create(connection: duckdb.DuckDBPyConnection, *names: str, folder: str = "reports") -> None:
    """Create macros; they last as long as the connection.

    Args:
        connection: a connection to the published file or to the warehouse.
        names: the names of the macros; a macro comes after those that it calls.
        folder: the folder of sql/ that has them.
    """
    for name in names:
        connection.execute(_statement(folder, name))


def question(name: str) -> str:
    """Return a query of sql/questions as text to run and to show."""
    _, query = header.split((sql_folder() / "questions" / f"{name}.sql").read_text(encoding="utf-8"))
    return f"{query};"


@cache
def _statement(folder: str, name: str) -> str:
    path = sql_folder() / folder / f"{name}.sql"
    lines, query = header.split(path.read_text(encoding="utf-8"))
    parameters = ", ".join(header.parse(lines, place=f"sql/{folder}/{path.name}").parameters)
    return f"CREATE OR REPLACE TEMP MACRO {name}({parameters}) AS TABLE {query}"
