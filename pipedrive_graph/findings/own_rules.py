"""Adds the installation's own rules to those that are shipped, each checked before it is run.

A file that cannot be used is left out and told by its place, and by the line if there is one; the other
rules are run, and what it found before stays.
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp

from pipedrive_graph import files, trust
from pipedrive_graph.errors import ConfigurationError, ModelError
from pipedrive_graph.findings import policy, repeatable
from pipedrive_graph.findings.rules import SEVERITIES, is_event
from pipedrive_graph.settings import Settings
from pipedrive_graph.text import near
from pipedrive_graph.warehouse import empty
from pipedrive_graph.warehouse.database import CONFIG, rows
from pipedrive_graph.warehouse.model import RULE_COLUMNS, Kind, Model
from pipedrive_graph.warehouse.model import load as load_model
from pipedrive_graph.warehouse.models import Models, sql_folder

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


def load(settings: Settings) -> Models:
    """All models of an installation: those that are shipped, and its own rules.

    Raises:
        ConfigurationError: if findings.toml or the folder of rules cannot be used.
        ModelError: if a file of sql/ cannot be used.
    """
    return added(Models(sql_folder()), policy.load(settings).rules)


def names(settings: Settings) -> set[str]:
    """The names of all rules of an installation, of its own that cannot be run today as well.

    Raises:
        ConfigurationError: as `load` does.
    """
    own = _files(policy.load(settings).rules)
    return {path.stem for path in [*(sql_folder() / "findings").glob("*.sql"), *own]}


def added(models: Models, folder: Path) -> Models:
    """The models with the installation's own rules among them.

    Args:
        models: what is shipped.
        folder: where the own rules lie; it need not be there.

    Returns:
        All of them; its `broken` says which files cannot be used, and why.

    Raises:
        ConfigurationError: if the folder cannot be read.
    """
    files = _files(folder)
    if not files:
        return models
    shipped = {rule.name for rule in models.of("rules", Kind.RULE)}
    good, broken = [], {}
    # an empty warehouse, which has no way to any file
    with duckdb.connect(config={**CONFIG, "enable_external_access": False}) as connection:
        empty.create(connection, models)
        for path in files:
            try:
                good.append(_checked(connection, models, path, shipped))
            except (ModelError, RecursionError) as error:
                # a name that is taken is the other rule's, and so is what was found under it
                name = path.stem if path.stem not in shipped else f"{path.stem}/own"
                nested = f"{path}: its query is nested too deeply."
                broken[f"rules.{name}"] = nested if isinstance(error, RecursionError) else str(error)
    return models.with_rules(good, broken)


def _files(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        if isinstance(error, NotADirectoryError) and not folder.exists():
            return []  # the home folder cannot be one, which is told where it is written to
        raise ConfigurationError(
            f"Cannot read the folder of your own rules, {folder}: {files.reason(folder, error)}."
        ) from error
    rules = [path for path in entries if path.suffix.lower() == ".sql" and not path.name.startswith(".")]
    for path in (folder, *rules):
        trust.check(path)
    return rules


def _checked(connection: duckdb.DuckDBPyConnection, models: Models, path: Path, shipped: set[str]) -> Model:
    """Load a rule and prove that it can be run, as far as that can be told without data."""
    place = str(path)
    if not _NAME.fullmatch(path.stem):
        raise ModelError(
            f"{place}: a rule is called like its file, with a-z, 0-9 and _ only, as in ana_is_watched.sql."
        )
    if path.stem in shipped:
        raise ModelError(f"{place}: there is a shipped rule of that name; call yours otherwise.")
    rule = load_model(path, schema="rules", place=place, kind=Kind.RULE)
    _check_header(rule)
    repeatable.check(connection, rule)
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
