"""Asks the warehouse or the published file what it holds; one that cannot be read holds nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from pipedrive_graph.warehouse.database import attached, rows


def rows_of(database: Path, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """The rows of a query; none where there is no such file, or it cannot be read.

    Args:
        database: the file; in the query it is called `held`.
        query: in SQL.
        parameters: of the query.
    """
    if not database.is_file():
        return []
    try:
        with attached(database) as connection:
            return rows(connection, query, *parameters)
    except duckdb.Error:
        return []
