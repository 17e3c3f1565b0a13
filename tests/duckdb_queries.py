"""Runs queries as other programs do, in the installed DuckDB; as a script, in any other version.

The script reads a list of `Session` as JSON from stdin and prints the results. It imports nothing of the
project, because the project may not run with another version of DuckDB.
"""

from __future__ import annotations

import json
import sys
from typing import Any, TypedDict

import duckdb


class Session(TypedDict):
    """One connection: the file that it opens, the statements that it runs first, and the queries."""

    opens: str
    first: list[str]
    queries: list[str]


def answers(session: Session) -> list[Any]:
    """The rows of each query, or the first line of its error."""
    read_only = session["opens"] != ":memory:"
    with duckdb.connect(session["opens"], read_only=read_only) as connection:
        for statement in session["first"]:
            connection.execute(statement)
        return [_answer(connection, query) for query in session["queries"]]


def _answer(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    try:
        rows = connection.execute(query).fetchall()
    except duckdb.Error as error:
        return str(error).splitlines()[0]
    return json.loads(json.dumps(rows, default=str))


if __name__ == "__main__":
    results = [answers(session) for session in json.load(sys.stdin)]
    json.dump({"version": duckdb.__version__, "answers": results}, sys.stdout)
