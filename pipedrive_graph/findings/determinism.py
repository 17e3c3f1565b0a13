"""Refuses in a rule what a rebuild would not find again: by the clock, by chance, and what is read unseen.

DuckDB says of each overload of a function whether it is consistent. Its releases differ in that, so two
things are left out of account. An overload that takes or returns a time with a time zone depends on the
session's zone, and that is UTC in every run. And a few functions read the clock, a setting or chance, which
no release (or not every one) says of them.
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
"""Functions that are called without brackets."""

_HIDDEN = re.compile(r"query|query_table|histogram_values|json_execute_\w+|(duckdb|pragma|pg)_\w+")
"""Functions that read tables, or run queries, of which the rule's own query says nothing."""

_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")

_ANY = 1_000
"""More arguments than a call has."""


@dataclass(frozen=True, slots=True)
class _Overload:
    """A form of a function: how many arguments a call of it has."""

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
"""What at least one release of DuckDB wrongly calls consistent."""

_ERROR = "error"
"""Only fails, so that it is the same each time."""


def check(connection: duckdb.DuckDBPyConnection, rule: Model) -> None:
    """Check the functions that a rule's query calls.

    Args:
        connection: names the functions of this DuckDB, and which overloads of them are consistent.
        rule: a rule of the installation's own.

    Raises:
        ModelError: naming the first that is refused, with its line.
    """
    refused, schemas = _refused(connection), _schemas(connection)
    tokens = sqlglot.tokenize(rule.in_file, dialect="duckdb")
    words = [token.text.lower() for token in tokens]
    for place, (token, name) in enumerate(zip(tokens, words, strict=True)):
        called = words[place + 1 : place + 2] == ["("]
        if called and _HIDDEN.fullmatch(name):
            raise ModelError(f"{rule.place}: line {token.line}: {token.text} is no table of the graph.")
        if (
            token.token_type.name.lower() in _CLOCK
            or (called and _is_refused(refused.get(name, ()), _arguments(words, place, schemas)))
            or token.token_type.name == "TABLE_SAMPLE"
            or words[place - 1 : place + 1] == ["using", "sample"]
        ):
            raise ModelError(
                f"{rule.place}: line {token.line}: {token.text} is another each time, so a rebuild would "
                "not find the same; the time of the snapshot is current_snapshot.as_of."
            )


def _refused(connection: duckdb.DuckDBPyConnection) -> dict[str, list[_Overload]]:
    """The overloads that may give something else the next time, by the function's name."""
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
    # a macro that DuckDB brings, such as ago(), is no more consistent than what it calls
    for name, definition in rows(
        connection,
        "SELECT function_name, macro_definition FROM duckdb_functions()"
        " WHERE internal AND function_type = 'macro'",
    ):
        if {*re.findall(r"\w+", definition.lower())} & (refused.keys() | _CLOCK):
            refused.setdefault(name, []).append(_Overload())
    return refused


def _schemas(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """What may stand before a function's name and a dot without being an argument of the call."""
    names = rows(
        connection, "SELECT DISTINCT unnest([catalog_name, schema_name]) FROM information_schema.schemata"
    )
    return {str(name).lower() for (name,) in names}


def _is_refused(overloads: Iterable[_Overload], arguments: int) -> bool:
    return any(overload.least <= arguments <= overload.most for overload in overloads)


def _arguments(words: list[str], place: int, schemas: set[str]) -> int:
    """How many arguments a call has: those between the brackets, and the one before a dot, as in x.age()."""
    chained = words[place - 1 : place] == ["."] and words[place - 2] not in schemas
    depth, commas = 0, 0
    for word in words[place + 1 :]:
        depth += (word in _OPENING) - (word in _CLOSING)
        if depth == 0:
            break
        commas += depth == 1 and word == ","
    inside = 0 if words[place + 2 : place + 3] == [")"] else commas + 1
    return inside + chained
