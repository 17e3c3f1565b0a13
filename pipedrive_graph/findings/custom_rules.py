"""Loads the custom rules of an installation, and checks each of them before it runs.

A file that cannot be used is skipped and reported with its path and line. The other rules run, and the
earlier findings of the skipped rule stay as they are.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from pipedrive_graph.common import files, trust
from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.config import ownership
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import ConfigurationError, ModelError
from pipedrive_graph.warehouse import empty
from pipedrive_graph.warehouse.database import CONFIG
from pipedrive_graph.warehouse.parsed import ParsedQueries
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models


def load(home: Home, folder: Path) -> Models:
    """All models of an installation: the shipped models and the custom rules.

    Args:
        home: the home folder, which holds the cache of parsed queries.
        folder: the folder of the custom rules; it need not exist.

    Raises:
        ConfigurationError: if the folder of rules cannot be read.
        ModelError: if a file of sql/ cannot be used.
    """
    parsed = ParsedQueries(home.parsed_queries)
    models = added(Models(sql_folder(), parsed), folder, parsed)
    # a file that root creates would not be writable by the owner of the home folder
    is_own = os.geteuid() != 0 or ownership.foreign(home.folder) is None
    if is_own and home.folder.is_dir():
        parsed.save()
    return models


def names(folder: Path) -> set[str]:
    """The names of all rules of an installation, including custom rules that cannot be run.

    Args:
        folder: the folder of the custom rules; it need not exist.

    Raises:
        ConfigurationError: if the folder cannot be read.
    """
    return {path.stem for path in [*(sql_folder() / "findings").glob("*.sql"), *_files(folder)]}


def added(models: Models, folder: Path, parsed: ParsedQueries | None = None) -> Models:
    """The shipped models together with the custom rules.

    Args:
        models: the shipped models.
        folder: the folder of the custom rules; it need not exist.
        parsed: a cache of parsed queries; by default, all queries are parsed.

    Returns:
        All models; the attribute `broken` lists the files that cannot be used, with the reasons.

    Raises:
        ConfigurationError: if the folder cannot be read.
    """
    files = _files(folder)
    if not files:
        return models
    from pipedrive_graph.findings import custom_rule_checks  # sqlglot takes long to import

    parsed = parsed or ParsedQueries()
    shipped = {rule.name for rule in models.of("rules", Kind.RULE)}
    good, broken = [], {}
    # an empty warehouse without access to files
    with duckdb.connect(config={**CONFIG, "enable_external_access": False}) as connection:
        empty.create(connection, models)
        for path in files:
            try:
                good.append(custom_rule_checks.checked(connection, models, path, shipped, parsed))
            except (ModelError, RecursionError) as error:
                # under a name that a shipped rule has, findings belong to the shipped rule
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
            return []  # the home folder's path is unusable; the code that writes there reports that
        raise ConfigurationError(
            f"Cannot read the folder of your own rules, {folder}: {files.reason(folder, error)}."
        ) from error
    rules = [path for path in entries if path.suffix.lower() == ".sql" and not path.name.startswith(".")]
    for path in (folder, *rules):
        trust.check(path)
    return rules
