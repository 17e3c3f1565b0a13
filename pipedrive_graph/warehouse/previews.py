"""Takes the first rows of a few tables, for who looks at a run and not into the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import duckdb

FIRST = 5
"""Rows of a preview."""


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows of a table, without their company."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def previews(
    connection: duckdb.DuckDBPyConnection, tables: Iterable[str], company: str
) -> dict[str, Preview]:
    """The first rows of a company in each table, by its qualified name."""
    found = {}
    for name in tables:
        result = connection.execute(
            f"SELECT * EXCLUDE (company) FROM {name} WHERE company = ? ORDER BY ALL LIMIT {FIRST}", [company]
        )
        columns = [column[0] for column in result.description or []]
        found[name] = Preview(columns, result.fetchall())
    return found
