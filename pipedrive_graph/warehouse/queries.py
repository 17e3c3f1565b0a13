"""Parses the query of a model: which tables and macros it reads, and a digest of its tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlglot import exp
from sqlglot.dialects import Dialect
from sqlglot.errors import ParseError, TokenError

from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse.parsed import ParsedQuery

_QUOTING = ("'", '"', "$")


def parse(text: str, *, place: str, line: int) -> ParsedQuery:
    """Parse a query.

    Args:
        text: one SELECT.
        place: how errors name the file.
        line: the line of the file on which the query begins.

    Raises:
        ModelError: if the text is not exactly one SELECT; the message has the line if it is known.
    """
    dialect = Dialect.get_or_raise("duckdb")
    try:
        tokens = dialect.tokenize(text)
        statements = dialect.parser().parse(tokens, text)
    except (ParseError, TokenError) as error:
        reason = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
        where = f"line {line - 1 + int(reason['line'])}: " if reason.get("line") else ""
        description = str(reason.get("description", error)).splitlines()[0].rstrip(".")
        raise ModelError(f"{place}: {where}{description}.") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ModelError(f"{place}: expected one bare SELECT.")
    return ParsedQuery(_names(statements[0]), _digest(text[token.start : token.end + 1] for token in tokens))


def _names(statement: exp.Query) -> frozenset[str]:
    ctes = {cte.alias for cte in statement.find_all(exp.CTE)}
    names: set[str] = set()
    for table in statement.find_all(exp.Table):
        if table.name and (table.db or table.name not in ctes):
            names.add(f"{table.db or 'main'}.{table.name}")
    calls = {f"call:{call.name.lower()}" for call in statement.find_all(exp.Anonymous)}
    return frozenset(names | calls | {f"cte:{name}" for name in ctes})


def _digest(tokens: Iterable[str]) -> str:
    """A digest of the texts of the tokens.

    Token types and generated SQL would not be stable: they differ between releases of sqlglot.
    """
    return hashlib.sha256("\n".join(map(_written, tokens)).encode(errors="surrogatepass")).hexdigest()


def _written(token: str) -> str:
    """A token with normalized white space and case, unless it is quoted."""
    quoted = any(quote in token for quote in _QUOTING)
    return token if quoted else "\n".join(token.split()).upper()
