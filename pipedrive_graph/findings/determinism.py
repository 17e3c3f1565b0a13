"""Refuses custom rules whose result a rebuild would not reproduce: by clock, by chance, or by hidden reads.

DuckDB lists for each overload of a function whether it is consistent, but two corrections are needed. Some
releases call overloads that take or return a time with a time zone inconsistent, because they depend on the
session's time zone; they are allowed, because every run uses UTC. And some releases call functions
consistent that read the clock, a setting or random numbers; `_INCONSISTENT` lists them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import sqlglot

from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.sql_model import Model

_CLOCK = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
"""Functions of the clock that are called without brackets."""

_HIDDEN = re.compile(r"query|query_table|histogram_values|json_execute_\w+|(duckdb|pragma|pg)_\w+")
"""Functions that read tables or run queries that do not appear in the rule's own query."""

_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")

_ANY = 1_000
"""Stands for any number of arguments."""


@dataclass(frozen=True, slots=True)
class _Overload:
    """An overload of a function, by the number of arguments that it accepts."""

    least: int = 0
    most: int = _ANY


_INCONSISTENT: dict[str, _Overload] = {
    "age": _Overload(1, 1),  # counts from today
    "current_localtime": _Overload(),
    "current_localtimestamp": _Overload(),
    "current_setting": _Overload(),
    "getvariable": _Overload(),
    "reservoir_quantile": _Overload(),  # draws a sample
    "version": _Overload(),
}
"""Overloads that at least one release of DuckDB wrongly lists as consistent."""

_ERROR = "error"
"""This function only raises an error, so it is deterministic although DuckDB lists it as inconsistent."""


def check(connection: duckdb.DuckDBPyConnection, rule: Model) -> None:
    """Check the functions that a rule's query calls.

    Args:
        connection: any connection; it lists the functions of this version of DuckDB.
        rule: a custom rule.

    Raises:
        ModelError: if a function is refused; the message names the first one and its line.
    """
    refused, schemas = _refused(connection), _schemas(connection)
    tokens = sqlglot.tokenize(rule.in_file, dialect="duckdb")
    words = [token.text.lower() for token in tokens]
    for place, (token, name) in enumerate(zip(tokens, words, strict=True)):
        called = words[place + 1 : place + 2] == ["("]
        if called and _HIDDEN.fullmatch(name):
            raise ModelError(
                f"{rule.place}: line {token.line}: {token.text} is not allowed; read the tables of the graph."
            )
        if (
            token.token_type.name.lower() in _CLOCK
            or (called and _is_refused(refused.get(name, ()), _arguments(words, place, schemas)))
            or token.token_type.name == "TABLE_SAMPLE"
            or words[place - 1 : place + 1] == ["using", "sample"]
        ):
            raise ModelError(
                f"{rule.place}: line {token.line}: {token.text} gives another result each time, so a rebuild "
                "would differ; the time of the snapshot is current_snapshot.as_of."
            )


def _refused(connection: duckdb.DuckDBPyConnection) -> dict[str, list[_Overload]]:
    """The overloads that are not deterministic, by the function's name."""
    refused = {name: [overload] for name, overload in _INCONSISTENT.items()}
    for name, parameters, more in rows(
        connection,
        """
        SELECT function_name, len(parameter_types), varargs IS NOT NULL
        FROM duckdb_functions()
        WHERE stability <> 'CONSISTENT'
            AND function_name <> ?
            AND NOT (
                stability = 'CONSISTENT_WITHIN_QUERY'
                AND len(parameter_types) > 0
                AND regexp_matches(concat_ws(' ', return_type, parameter_types), 'WITH TIME ZONE|TIMESTAMPTZ')
            )""",
        _ERROR,
    ):
        refused.setdefault(name, []).append(_Overload(parameters, _ANY if more else parameters))
    # a built-in macro, such as ago(), is as inconsistent as the functions that it calls
    for name, definition in rows(
        connection,
        "SELECT function_name, macro_definition FROM duckdb_functions()"
        " WHERE internal AND function_type = 'macro'",
    ):
        if {*re.findall(r"\w+", definition.lower())} & (refused.keys() | _CLOCK):
            refused.setdefault(name, []).append(_Overload())
    return refused


def _schemas(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Names of catalogs and schemas: before a dot and a function's name, they are not an argument."""
    names = rows(
        connection, "SELECT DISTINCT unnest([catalog_name, schema_name]) FROM information_schema.schemata"
    )
    return {str(name).lower() for (name,) in names}


def _is_refused(overloads: Iterable[_Overload], arguments: int) -> bool:
    return any(overload.least <= arguments <= overload.most for overload in overloads)


def _arguments(words: list[str], place: int, schemas: set[str]) -> int:
    """How many arguments a call has: those between the brackets, and one before a dot, as in x.age()."""
    chained = words[place - 1 : place] == ["."] and words[place - 2] not in schemas
    depth, commas = 0, 0
    for word in words[place + 1 :]:
        depth += (word in _OPENING) - (word in _CLOSING)
        if depth == 0:
            break
        commas += depth == 1 and word == ","
    inside = 0 if words[place + 2 : place + 3] == [")"] else commas + 1
    return inside + chained
