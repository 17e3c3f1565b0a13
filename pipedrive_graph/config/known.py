"""The settings as far as they are known while a file or a variable cannot be used: enough to send alerts."""

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
    """The settings; where they cannot be read, what is known without them. Enough to send alerts."""
    return as_known(variables, [])


def as_known(variables: Mapping[str, str] | None, problems: list[Exception]) -> Settings:
    """The same, with what is wrong with them added to `problems`."""
    try:
        return settings_module.load(variables)
    except Exception as error:  # noqa: BLE001 - the caller reports it
        problems.append(error)
    try:
        home = settings_module.home(variables)
    except PipedriveGraphError:
        home = settings_module.default_home()  # what the variable holds may be a secret
    names = _names(home, variables) or [DEFAULT_COMPANY]
    return Settings(home, tuple(Company(name) for name in names), guessed=True)


def known_names(variables: Mapping[str, str] | None = None) -> list[str]:
    """The names of the companies, as far as they are known while the settings may be unreadable."""
    try:
        return [company.name for company in settings_module.load(variables).companies]
    except PipedriveGraphError:
        pass
    try:
        return _names(settings_module.home(variables), variables)
    except PipedriveGraphError:
        return []


def _names(home: Path, variables: Mapping[str, str] | None) -> list[str]:
    """The companies that there are most likely, while the settings cannot be read.

    They are those that companies.toml names, as far as it can be read, else those that were collected before.
    What looks like a token is no company's name: Dagster would store it with every run.
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
