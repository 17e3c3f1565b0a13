"""Creates the macros of sql/reports on a connection to the published file, which does not contain them."""

from __future__ import annotations

from functools import cache

import duckdb

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.warehouse import header


def create(connection: duckdb.DuckDBPyConnection, *names: str) -> None:
    """Create macros of sql/reports; they last as long as the connection.

    Args:
        connection: a connection to the published file.
        names: the names of the macros.
    """
    for name in names:
        connection.execute(_statement(name))


@cache
def _statement(name: str) -> str:
    path = sql_folder() / "reports" / f"{name}.sql"
    lines, query = header.split(path.read_text(encoding="utf-8"))
    parameters = ", ".join(header.parse(lines, place=f"sql/reports/{path.name}").parameters)
    return f"CREATE OR REPLACE TEMP MACRO {name}({parameters}) AS TABLE {query}"
