"""Refuses in a rule what a rebuild would not find again: by the clock, by chance, and what is read unseen."""

from __future__ import annotations

import re

import duckdb
import sqlglot

from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.model import Model

_CLOCK = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
"""Functions that are called without brackets."""

_HIDDEN = re.compile(r"query|query_table|(duckdb|pragma|pg)_\w+")
"""Functions that read tables of which the query says nothing."""


def check(connection: duckdb.DuckDBPyConnection, rule: Model) -> None:
    """Check the functions that a rule's query calls.

    Args:
        connection: says which functions there are, and which give the same each time.
        rule: a rule of the installation's own.

    Raises:
        ModelError: naming the first that is refused, with its line.
    """
    volatile = {
        name
        for (name,) in rows(
            connection,
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'",
        )
    } - {"error"}
    tokens = sqlglot.tokenize(rule.in_file, dialect="duckdb")
    words = [token.text.lower() for token in tokens]
    for place, (token, name) in enumerate(zip(tokens, words, strict=True)):
        called = words[place + 1 : place + 2] == ["("]
        if (
            token.token_type.name.lower() in _CLOCK
            or (called and (name in volatile or (name == "age" and _has_one_argument(words[place + 2 :]))))
            or token.token_type.name == "TABLE_SAMPLE"
            or words[place - 1 : place + 1] == ["using", "sample"]
        ):
            raise ModelError(
                f"{rule.place}: line {token.line}: {token.text} is another each time, so a rebuild would "
                "not find the same; the time of the snapshot is current_snapshot.as_of."
            )
        if called and _HIDDEN.fullmatch(name):
            raise ModelError(f"{rule.place}: line {token.line}: {token.text} is no table of the graph.")


def _has_one_argument(words: list[str]) -> bool:
    """Whether what follows a bracket has no second argument: `age` then counts from today."""
    depth = 1
    for word in words:
        depth += (word in {"(", "["}) - (word in {")", "]"})
        if depth == 0:
            return True
        if depth == 1 and word == ",":
            return False
    return True
