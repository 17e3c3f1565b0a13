"""Fallback settings while a file or a variable cannot be used: as much as is known, to send alerts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipedrive_graph.common import environment, pasted
from pipedrive_graph.config import settings as settings_module
from pipedrive_graph.config import toml
from pipedrive_graph.config.company import COMPANIES_FILE, Company
from pipedrive_graph.config.settings import COMPANY_VARIABLE, DEFAULT_COMPANY, Settings
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.landing import Landing


def known_settings(variables: Mapping[str, str] | None = None) -> Settings:
    """Return the settings, or as much of them as is known if they cannot be read."""
    return as_known(variables, [])


def as_known(variables: Mapping[str, str] | None, problems: list[Exception]) -> Settings:
    """Return the same as `known_settings`, and add the errors to `problems`."""
    try:
        return settings_module.load(variables)
    except Exception as error:  # noqa: BLE001 - the caller reports it
        problems.append(error)
    try:
        home = settings_module.home(variables)
    except PipedriveGraphError:
        home = settings_module.default_home()  # the variable may hold a secret
    names = _names(home, variables) or [DEFAULT_COMPANY]
    return Settings(home, tuple(Company(name) for name in names), guessed=True)


def known_names(variables: Mapping[str, str] | None = None) -> list[str]:
    """Return the names of the companies, as far as they are known if the settings cannot be read."""
    try:
        return [company.name for company in settings_module.load(variables).companies]
    except PipedriveGraphError:
        pass
    try:
        return _names(settings_module.home(variables), variables)
    except PipedriveGraphError:
        return []


def _names(home: Path, variables: Mapping[str, str] | None) -> list[str]:
    """Return the most likely companies if the settings cannot be read.

    These are the companies in companies.toml, if it can be read, otherwise those with snapshots. A name that
    looks like a token is left out, because Dagster would store it with every run.
    """
    landing = Landing(Settings(home, ()).storage)
    try:
        tables = toml.read(home / COMPANIES_FILE)
        named = (
            [environment.value(COMPANY_VARIABLE, variables) or DEFAULT_COMPANY]
            if tables is None
            else [name for name, table in tables.items() if isinstance(table, dict)]
        )
    except PipedriveGraphError:
        named = []
    try:
        collected = landing.companies()
    except (PipedriveGraphError, OSError):
        collected = []
    named = [name for name in named if name in collected or not pasted.looks_secret(name)]
    usable = (list(filter(settings_module.is_name, names)) for names in (named, collected))
    return next(filter(None, usable), [])
