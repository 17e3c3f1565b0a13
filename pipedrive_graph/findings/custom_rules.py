"""Adds the installation's own rules to those that are shipped, each checked before it is run.

A file that cannot be used is left out and told by its place, and by the line if there is one; the other
rules are run, and what it found before stays.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from pipedrive_graph.common import files, trust
from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.config import ownership
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ConfigurationError, ModelError
from pipedrive_graph.warehouse import empty
from pipedrive_graph.warehouse.database import CONFIG
from pipedrive_graph.warehouse.parsed import ParsedQueries
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models


def load(settings: Settings, folder: Path) -> Models:
    """All models of an installation: those that are shipped, and its own rules.

    Args:
        settings: the home folder, in which it is noted what the queries read.
        folder: where the own rules lie, as findings.toml says; it need not be there.

    Raises:
        ConfigurationError: if the folder of rules cannot be read.
        ModelError: if a file of sql/ cannot be used.
    """
    parsed = ParsedQueries(settings.parsed_queries)
    models = added(Models(sql_folder(), parsed), folder, parsed)
    # a file of root would be closed to the owner of the home folder
    is_own = os.geteuid() != 0 or ownership.foreign(settings.home) is None
    if is_own and settings.home.is_dir():
        parsed.save()
    return models


def names(folder: Path) -> set[str]:
    """The names of all rules of an installation, of its own that cannot be run today as well.

    Args:
        folder: where the own rules lie; it need not be there.

    Raises:
        ConfigurationError: if the folder cannot be read.
    """
    return {path.stem for path in [*(sql_folder() / "findings").glob("*.sql"), *_files(folder)]}


def added(models: Models, folder: Path, parsed: ParsedQueries | None = None) -> Models:
    """The models with the installation's own rules among them.

    Args:
        models: what is shipped.
        folder: where the own rules lie; it need not be there.
        parsed: says what their queries read; by default, all of them are parsed.

    Returns:
        All of them; its `broken` says which files cannot be used, and why.

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
    # an empty warehouse, which has no way to any file
    with duckdb.connect(config={**CONFIG, "enable_external_access": False}) as connection:
        empty.create(connection, models)
        for path in files:
            try:
                good.append(custom_rule_checks.checked(connection, models, path, shipped, parsed))
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
