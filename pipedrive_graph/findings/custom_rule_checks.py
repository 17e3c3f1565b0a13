"""Checks a rule of an installation's own: its header, its query and its columns."""

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
"""What a rule's header must say."""

_KNOWN = (*NEEDED, "kind", "event", "grows")

ENDPOINTS = (
    "users",
    "users/{id}/roleAssignments",
    "users/{id}/permissions",
    "users/{id}/access",
    "roles",
    "roles/{id}",
    "permissionSets",
    "permissionSets/{id}",
    "roster/{id}",
    "roster/{id}/expectedRole",
)
"""The answers that a rule can rest on."""

_NAME = re.compile(r"[a-z_][a-z0-9_]*")

_FINDINGS = "history.findings"
"""What all rules flow into, so that none can rest on it."""


def checked(
    connection: duckdb.DuckDBPyConnection,
    models: Models,
    path: Path,
    shipped: Collection[str],
    parsed: ParsedQueries,
) -> Model:
    """Load a rule and check that it can be run, as far as that shows without data.

    Args:
        connection: has the tables of the graph, without rows.
        models: what is shipped.
        path: the rule's file.
        shipped: the names of the shipped rules.
        parsed: says what its query reads.

    Raises:
        ModelError: if it cannot be used, with the line where it is known.
    """
    place = str(path)
    if not _NAME.fullmatch(path.stem):
        raise ModelError(
            f"{place}: a rule is called like its file, with a-z, 0-9 and _ only, as in ana_is_watched.sql."
        )
    if path.stem in shipped:
        raise ModelError(f"{place}: there is a shipped rule of that name; call yours otherwise.")
    rule = load_model(path, schema="rules", place=place, parsed=parsed, kind=Kind.RULE)
    _check_header(rule)
    determinism.check(connection, rule)
    _check_columns(connection, rule)
    resolved = models.resolved(rule)
    if _FINDINGS in _origins(models, resolved):
        raise ModelError(f"{place}: reads the findings, which are made from the rules.")
    return resolved


def _check_header(rule: Model) -> None:
    settings, place = rule.header.settings, rule.place
    if rule.kind is not Kind.RULE:
        raise ModelError(f"{place}: is in the folder of rules, so its kind is rule, not {rule.kind}.")
    for name in settings:
        if name not in _KNOWN:
            raise ModelError(f"{place}: the header knows no '{name}:'{near(name, _KNOWN)}")
    for name in NEEDED:
        if not settings.get(name):
            raise ModelError(f"{place}: the header must say '{name}: …'.")
    if settings["severity"] not in SEVERITIES:
        raise ModelError(f"{place}: severity must be one of {', '.join(SEVERITIES)}.")
    if settings.get("event", "yes") != "yes":
        raise ModelError(f"{place}: event can only be yes; leave the line out where it is none.")
    end = ", snapshot_id" if is_event(rule) else ""
    identities = [f"subject{end}", f"subject, object{end}"]
    if settings["identity"] not in identities:
        raise ModelError(f"{place}: identity must be '{identities[0]}' or '{identities[1]}'.")
    for need in settings["needs"].split(","):
        endpoint = need.strip().removeprefix("all ").strip()
        if endpoint not in ENDPOINTS:
            raise ModelError(
                f"{place}: needs knows no '{endpoint}'{near(endpoint, ENDPOINTS)} "
                f"There are {', '.join(ENDPOINTS)}."
            )


def _check_columns(connection: duckdb.DuckDBPyConnection, rule: Model) -> None:
    """Have DuckDB read the query, and compare its columns with those of a rule."""
    try:
        found = dict(row[:2] for row in rows(connection, f"DESCRIBE {rule.in_file}"))
    except duckdb.Error as error:
        raise ModelError(f"{rule.place}: {_said(error)}") from error
    types = dict.fromkeys(RULE_COLUMNS, "VARCHAR") | {"evidence": "JSON"}
    if is_event(rule):
        types["snapshot_id"] = "VARCHAR"
    lines = _lines(rule)
    for name, type_ in types.items():
        if name not in found:
            raise ModelError(f"{rule.place}: has no column {name}.")
        if found[name] != type_:
            raise ModelError(
                f"{rule.place}: {lines.get(name, '')}{name} must be {type_}, not {_plain(found[name])}; "
                f"write {f'CAST(… AS VARCHAR) AS {name}' if type_ == 'VARCHAR' else 'to_json(…) around it'}."
            )
    for name in found:
        if name not in types:
            raise ModelError(
                f"{rule.place}: {lines.get(name, '')}a rule has no column {name}{near(name, types)}"
            )


def _lines(rule: Model) -> dict[str, str]:
    """Where the columns are named, as far as the parser can tell."""
    places = {}
    statement = sqlglot.parse_one(rule.in_file, dialect="duckdb")
    for column in statement.selects if isinstance(statement, exp.Query) else ():
        named = column.args.get("alias") or column.this
        if isinstance(named, exp.Identifier) and "line" in named.meta:
            places[column.alias_or_name] = f"line {named.meta['line']}: "
    return places


def _plain(type_: str) -> str:
    return type_.strip('"').partition("(")[0]


def _said(error: duckdb.Error) -> str:
    """What DuckDB says, with the line first."""
    message = str(error)
    line = re.search(r"^LINE (\d+):", message, flags=re.MULTILINE)
    where = f"line {line[1]}: " if line else ""
    return f"{where}{message.splitlines()[0].rstrip('.!')}."


def _origins(models: Models, rule: Model) -> set[str]:
    """All tables that a rule rests on, however far below."""
    found: set[str] = set()
    below = [*models.tables_read(rule)]
    known = {model.qualified: model for model in models}
    while below:
        name = below.pop()
        if name not in found:
            found.add(name)
            below += models.tables_read(known[name]) if name in known else ()
    return found
