"""Parses the query of a model, to see which tables and macros it reads."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from pipedrive_graph.errors import ModelError


def parse(text: str, *, place: str, line: int) -> frozenset[str]:
    """Return the names in a query: tables as `schema.name`, calls as `call:name`, CTEs as `cte:name`.

    Args:
        text: one SELECT.
        place: how errors name the file.
        line: the line of the file in which the query begins.

    Raises:
        ModelError: if it is not one SELECT, with the line where it is known.
    """
    try:
        statements = sqlglot.parse(text, dialect="duckdb")
    except (ParseError, TokenError) as error:
        reason = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
        where = f"line {line - 1 + int(reason['line'])}: " if reason.get("line") else ""
        description = str(reason.get("description", error)).splitlines()[0].rstrip(".")
        raise ModelError(f"{place}: {where}{description}.") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ModelError(f"{place}: expected one bare SELECT.")
    statement = statements[0]
    ctes = {cte.alias for cte in statement.find_all(exp.CTE)}
    names: set[str] = set()
    for table in statement.find_all(exp.Table):
        if table.name and (table.db or table.name not in ctes):
            names.add(f"{table.db or 'main'}.{table.name}")
    calls = {f"call:{call.name.lower()}" for call in statement.find_all(exp.Anonymous)}
    return frozenset(names | calls | {f"cte:{name}" for name in ctes})
