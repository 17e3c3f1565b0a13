"""Queries the warehouse or the published file; a file that cannot be read has no rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from pipedrive_graph.warehouse.database import attached, rows


def rows_of(database: Path, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """The rows of a query; none if the file is missing or cannot be read.

    Args:
        database: the file; the query refers to it as `held`.
        query: the SQL text.
        parameters: the parameters of the query.
    """
    if not database.is_file():
        return []
    try:
        with attached(database) as connection:
            return rows(connection, query, *parameters)
    except duckdb.Error:
        return []
