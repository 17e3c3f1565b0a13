"""Checks a custom rule: its header, its query and its columns."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp

from pipedrive_graph.common.text import near
from pipedrive_graph.errors import ModelError
from pipedrive_graph.findings import determinism
from pipedrive_graph.findings.rule_header import SEVERITIES, is_event
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.parsed import ParsedQueries
from pipedrive_graph.warehouse.sql_model import RULE_COLUMNS, Kind, Model
from pipedrive_graph.warehouse.sql_model import load as load_model
from pipedrive_graph.warehouse.sql_project import Models

NEEDED = ("title", "severity", "meaning", "remedy", "reference", "needs", "identity")
"""Settings that the header of a rule must have."""

_KNOWN = (*NEEDED, "kind", "event", "grows")

ENDPOINTS = (
    "users",
    "users/{id}/roleAssignments",
    "users/{id}/permissions",
    "users/{id}/access",
    "roles",
    "roles/{id}",
    "roles/{id}/pipelines",
    "permissionSets",
    "permissionSets/{id}",
    "pipelines",
    "legacyTeams",
    "roster/{id}",
    "roster/{id}/expectedRole",
)
"""The answers that a rule can need."""

_NAME = re.compile(r"[a-z_][a-z0-9_]*")

_FINDINGS = "history.findings"
"""The table of all findings; a rule that reads it would depend on itself."""


def checked(
    connection: duckdb.DuckDBPyConnection,
    models: Models,
    path: Path,
    shipped: Collection[str],
    parsed: ParsedQueries,
) -> Model:
    """Load a custom rule, and check all that can be checked without data.

    Args:
        connection: has the tables of the graph, without rows.
        models: the shipped models.
        path: the rule's file.
        shipped: the names of the shipped rules.
        parsed: a cache of parsed queries.

    Raises:
        ModelError: if the rule cannot be used; the message has the line if it is known.
    """
    place = str(path)
    if not _NAME.fullmatch(path.stem):
        raise ModelError(
            f"{place}: the file name is the rule's name; use only a-z, 0-9 and _, as in ana_is_watched.sql."
        )
    if path.stem in shipped:
        raise ModelError(f"{place}: a shipped rule has this name; rename your file.")
    rule = load_model(path, schema="rules", place=place, parsed=parsed, kind=Kind.RULE)
    _check_header(rule)
    determinism.check(connection, rule)
    _check_columns(connection, rule)
    resolved = models.resolved(rule)
    if _FINDINGS in _origins(models, resolved):
        raise ModelError(f"{place}: reads the findings, which the rules produce; read other tables.")
    return resolved


def _check_header(rule: Model) -> None:
    settings, place = rule.header.settings, rule.place
    if rule.kind is not Kind.RULE:
        raise ModelError(f"{place}: kind must be rule for a file in the folder of rules, not {rule.kind}.")
    for name in settings:
        if name not in _KNOWN:
            raise ModelError(f"{place}: unknown setting '{name}:' in the header{near(name, _KNOWN)}")
    for name in NEEDED:
        if not settings.get(name):
            raise ModelError(f"{place}: the header needs a line '{name}: …'.")
    if settings["severity"] not in SEVERITIES:
        raise ModelError(f"{place}: severity must be one of {', '.join(SEVERITIES)}.")
    if settings.get("event", "yes") != "yes":
        raise ModelError(f"{place}: event can only be yes; leave the line out if the rule finds no events.")
    end = ", snapshot_id" if is_event(rule) else ""
    identities = [f"subject{end}", f"subject, object{end}"]
    if settings["identity"] not in identities:
        raise ModelError(f"{place}: identity must be '{identities[0]}' or '{identities[1]}'.")
    for need in settings["needs"].split(","):
        endpoint = need.strip().removeprefix("all ").strip()
        if endpoint not in ENDPOINTS:
            raise ModelError(
                f"{place}: unknown endpoint '{endpoint}' in needs{near(endpoint, ENDPOINTS)} "
                f"Use {', '.join(ENDPOINTS)}."
            )


def _check_columns(connection: duckdb.DuckDBPyConnection, rule: Model) -> None:
    """Let DuckDB describe the query, and compare its columns with those that a rule must have."""
    try:
        actual = dict(row[:2] for row in rows(connection, f"DESCRIBE {rule.in_file}"))
    except duckdb.Error as error:
        raise ModelError(f"{rule.place}: {_sentence(error)}") from error
    types = dict.fromkeys(RULE_COLUMNS, "VARCHAR") | {"evidence": "JSON"}
    if is_event(rule):
        types["snapshot_id"] = "VARCHAR"
    lines = _lines(rule)
    for name, type_ in types.items():
        if name not in actual:
            raise ModelError(f"{rule.place}: has no column {name}.")
        if actual[name] != type_:
            raise ModelError(
                f"{rule.place}: {lines.get(name, '')}{name} must be {type_}, not {_plain(actual[name])}; "
                f"write {f'CAST(… AS VARCHAR) AS {name}' if type_ == 'VARCHAR' else 'to_json(…) around it'}."
            )
    for name in actual:
        if name not in types:
            raise ModelError(
                f"{rule.place}: {lines.get(name, '')}a rule has no column {name}{near(name, types)}"
            )


def _lines(rule: Model) -> dict[str, str]:
    """Line prefixes for messages about the columns, as far as the parser knows the lines."""
    places = {}
    statement = sqlglot.parse_one(rule.in_file, dialect="duckdb")
    for column in statement.selects if isinstance(statement, exp.Query) else ():
        named = column.args.get("alias") or column.this
        if isinstance(named, exp.Identifier) and "line" in named.meta:
            places[column.alias_or_name] = f"line {named.meta['line']}: "
    return places


def _plain(type_: str) -> str:
    return type_.strip('"').partition("(")[0]


def _sentence(error: duckdb.Error) -> str:
    """DuckDB's error message as one sentence, preceded by the line."""
    message = str(error)
    line = re.search(r"^LINE (\d+):", message, flags=re.MULTILINE)
    where = f"line {line[1]}: " if line else ""
    return f"{where}{message.splitlines()[0].rstrip('.!')}."


def _origins(models: Models, rule: Model) -> set[str]:
    """All tables that a rule depends on, directly or not."""
    origins: set[str] = set()
    below = [*models.tables_read(rule)]
    known = {model.qualified: model for model in models}
    while below:
        name = below.pop()
        if name not in origins:
            origins.add(name)
            below += models.tables_read(known[name]) if name in known else ()
    return origins
