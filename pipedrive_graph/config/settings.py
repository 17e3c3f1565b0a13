"""The settings: the companies, the paths of their data, and the variables of their secrets.

They come from environment variables (one company) or from `companies.toml` in the home folder (one table per
company, which names the variable of its token). A secret is read when it is used and never stored here.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import ValidationError

from pipedrive_graph.common import clock, environment, files, locks, pasted, trust
from pipedrive_graph.config import credentials, options, output_access, toml
from pipedrive_graph.config.company import (
    BASE_URL_VARIABLE,
    CLIENT_ID_VARIABLE,
    CLIENT_SECRET_VARIABLE,
    COMPANIES_FILE,
    DEFAULT_BASE_URL,
    DEFAULT_DAILY_LIMIT,
    DEFAULT_DAILY_RESERVE,
    DEFAULT_OBSERVE_WITHIN,
    TOKEN_VARIABLE,
    Collect,
    Company,
    OAuth,
    check_known,
)
from pipedrive_graph.config.company_values import CompanyValues
from pipedrive_graph.config.home import Home
from pipedrive_graph.config.options import Options
from pipedrive_graph.config.validation import sentence
from pipedrive_graph.errors import ConfigurationError

COMPANY_VARIABLE = "PIPEDRIVE_COMPANY"
HOME_VARIABLE = "PIPEDRIVE_GRAPH_HOME"
OAUTH_URL_VARIABLE = "PIPEDRIVE_OAUTH_URL"
DAILY_RESERVE_VARIABLE = "PIPEDRIVE_DAILY_RESERVE"
DAILY_LIMIT_VARIABLE = "PIPEDRIVE_DAILY_LIMIT"
COLLECT_VARIABLE = "PIPEDRIVE_COLLECT"
OBSERVE_WITHIN_VARIABLE = "PIPEDRIVE_OBSERVE_WITHIN"
ROSTER_VARIABLE = "PIPEDRIVE_ROSTER"
RETENTION_DAYS_VARIABLE = "PIPEDRIVE_RETENTION_DAYS"
VISIBILITY_VARIABLE = "PIPEDRIVE_VISIBILITY"
PLAN_VARIABLE = "PIPEDRIVE_PLAN"
DEFAULT_OAUTH_URL = "https://oauth.pipedrive.com"
DEFAULT_COMPANY = "default"

RESTORED = ".restored"
"""A folder inside the home from which a restore moves the unpacked files; it is removed at the end."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_NAMES = ("api_token_env", "client_id_env", "client_secret_env", "refresh_token_env")
"""The settings that name an environment variable; a user may paste the secret itself there."""
_VARIABLES = {
    "base_url": BASE_URL_VARIABLE,
    "daily_reserve": DAILY_RESERVE_VARIABLE,
    "daily_limit": DAILY_LIMIT_VARIABLE,
    "collect": COLLECT_VARIABLE,
    "observe_within": OBSERVE_WITHIN_VARIABLE,
    "retention_days": RETENTION_DAYS_VARIABLE,
    "visibility": VISIBILITY_VARIABLE,
    "plan": PLAN_VARIABLE,
}
"""The variables with the defaults for settings that are absent in companies.toml."""


@dataclass(frozen=True, slots=True)
class Settings(Home):
    """The home folder with the settings: the companies and the options.

    Attributes:
        companies: in the order of companies.toml.
        guessed: whether the companies' names are a guess because the settings cannot be read.
        listed: whether companies.toml names the companies, and there cannot be others. A variable names only
            one company, and other processes may have other variables.
        loaded: the content of settings.toml; None if it was not read with the rest.
    """

    companies: tuple[Company, ...]
    guessed: bool = False
    listed: bool = False
    loaded: Options | None = None

    @property
    def names(self) -> list[str]:
        """The names of the companies, in order."""
        return [company.name for company in self.companies]

    @property
    def rosters(self) -> tuple[Path, ...]:
        """The rosters that the settings name."""
        return tuple(company.roster for company in self.companies if company.roster)

    @property
    def options(self) -> Options:
        """The content of settings.toml.

        Raises:
            ConfigurationError: if it was not read with the rest, and cannot be used.
        """
        return self.loaded or options.load(self.folder)

    def named(self, company: str) -> str | None:
        """Return the company's name for a message, if there are several companies."""
        return company if len(self.companies) > 1 else None

    def company(self, name: str) -> Company:
        """Return the company of that name.

        Raises:
            ConfigurationError: if it does not exist.
        """
        check_known(name, self.names)
        return next(company for company in self.companies if company.name == name)

    def chosen(self, names: Iterable[str]) -> tuple[Company, ...]:
        """Return the companies of these names, without duplicates; all companies if no name is given.

        Raises:
            ConfigurationError: if a company does not exist.
        """
        return tuple(self.company(name) for name in dict.fromkeys(names)) or self.companies


def load(variables: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        variables: the environment variables to read, by default those of this process.

    Raises:
        ConfigurationError: if `companies.toml` or a variable cannot be used, with the reason, if another
            user may write the home folder, or if a restore to it is not finished.
    """

    def variable(name: str) -> str:
        return environment.value(name, variables)

    folder = home(variables)
    trust.check(folder)
    check_restored(folder)
    # reports mistakes in these now, not when they are needed
    locks.lock_wait(variables)
    clock.tolerance(variables)
    loaded = options.load(folder)
    access = output_access.resolve(folder, loaded.output)
    oauth_url = variable(OAUTH_URL_VARIABLE) or DEFAULT_OAUTH_URL
    defaults = {
        "base_url": variable(BASE_URL_VARIABLE) or DEFAULT_BASE_URL,
        "daily_reserve": _number(DAILY_RESERVE_VARIABLE, variable, DEFAULT_DAILY_RESERVE),
        "daily_limit": _number(DAILY_LIMIT_VARIABLE, variable, DEFAULT_DAILY_LIMIT),
        "collect": variable(COLLECT_VARIABLE) or Collect.EVERY_USER.value,
        "observe_within": _number(OBSERVE_WITHIN_VARIABLE, variable, DEFAULT_OBSERVE_WITHIN),
        "retention_days": (
            _number(RETENTION_DAYS_VARIABLE, variable, 365) if variable(RETENTION_DAYS_VARIABLE) else None
        ),
        "visibility": _switch(VISIBILITY_VARIABLE, variable),
        "plan": variable(PLAN_VARIABLE) or None,
    }
    file = folder / COMPANIES_FILE
    text = toml.text(file)
    if text is not None:
        companies = _from_file(file, text, defaults, oauth_url)
        return Settings(folder, companies, listed=True, access=access, loaded=loaded)
    name = variable(COMPANY_VARIABLE) or DEFAULT_COMPANY
    _check_company_name(name, folder, place=f"The variable {COMPANY_VARIABLE}")
    company = _company(name, defaults, {}, place=f"The variable {COMPANY_VARIABLE}")
    if credentials.is_set(CLIENT_ID_VARIABLE, variables):
        company = replace(company, oauth=OAuth(oauth_url, _token_store(folder, company.name)))
    if variable(ROSTER_VARIABLE):
        roster = _roster(folder, variable(ROSTER_VARIABLE), place=f"The variable {ROSTER_VARIABLE}")
        company = replace(company, roster=roster)
    return Settings(folder, (company,), access=access, loaded=loaded)


def home(variables: Mapping[str, str] | None = None) -> Path:
    """Return the home folder.

    Raises:
        ConfigurationError: if the path is not acceptable for a folder; the message does not repeat it.
    """
    text = environment.value(HOME_VARIABLE, variables)
    folder = files.expanded(text or default_home()).absolute()
    files.check_folder(folder, setting=HOME_VARIABLE if text else "XDG_DATA_HOME or HOME")
    pasted.check_name(text, folder, "the path of a folder", place=f"The variable {HOME_VARIABLE}")
    return folder


def check_restored(home: Path) -> None:
    """Refuse a home folder with a restore that was interrupted at its end, or is about to end.

    Raises:
        ConfigurationError: if there is one.
    """
    if os.path.lexists(home / RESTORED):  # False if the folder cannot be read, which is reported elsewhere
        raise ConfigurationError(
            f"A restore to {home} is not finished: run `pipedrive-graph restore` with the same backup again."
        )


def default_home() -> Path:
    """Return the home folder that is used if no variable names another."""
    return platformdirs.user_data_path("pipedrive-graph")


def is_name(text: str) -> bool:
    """Whether a text is a valid name of a company."""
    return _NAME.fullmatch(text) is not None


def _check_company_name(name: str, home: Path, *, place: str) -> None:
    """Refuse a company's name that looks like a token, unless it already has data under that name."""
    pasted.check_name(name, home / "landing" / name, "the name of a company", place=place)


def _roster(home: Path, text: str, *, place: str) -> Path:
    path = home / files.expanded(text)
    pasted.check_name(text, path, "the path of a file", place=place)
    return path


def _token_store(home: Path, company: str) -> Path:
    return home / "tokens" / f"{company}.json"


def _number(name: str, variable: Callable[[str], str], default: float) -> float:
    """Return the number in a variable; a whole one as an int."""
    text = variable(name)
    try:
        number = float(text or default)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigurationError(f"The variable {name} must hold a number, such as {default}.")
    return int(number) if number.is_integer() else number


def _switch(name: str, variable: Callable[[str], str]) -> bool:
    """Return whether a variable is `true`; `false` if it is not set."""
    text = variable(name).lower() or "false"
    if text not in ("true", "false"):
        raise ConfigurationError(f"The variable {name} must be true or false.")
    return text == "true"


def _from_file(file: Path, text: str, defaults: Mapping[str, Any], oauth_url: str) -> tuple[Company, ...]:
    tables = toml.parse(text, file)
    if not tables:
        raise ConfigurationError(f"{file} names no company; write one table per company, such as [acme].")
    companies = []
    for name, table in tables.items():
        _check_company_name(name, file.parent, place=f"{file}: a table's name{toml.on_line(text, name)}")
        if not isinstance(table, dict):
            raise ConfigurationError(
                f"{file}: '{pasted.shown(name)}' must be in the table of a company, such as [acme]."
            )
        if "api_token_env" not in table and "client_id_env" not in table:
            raise ConfigurationError(
                f"{file}: [{pasted.shown(name)}] must name the variable of its token, such as api_token_env ="
                ' "ACME_TOKEN", or of its OAuth app, as client_id_env.'
            )
        lines = {key: toml.on_line(text, name, key) for key in table}
        company = _company(name, defaults, table, place=f"{file}: [{pasted.shown(name)}]", lines=lines)
        if "client_id_env" in table:
            oauth = OAuth(
                oauth_url,
                _token_store(file.parent, name),
                table["client_id_env"],
                table.get("client_secret_env", CLIENT_SECRET_VARIABLE),
                table.get("refresh_token_env"),
            )
            # TOKEN_VARIABLE is for installations without companies.toml.
            company = replace(company, token_variable=table.get("api_token_env", ""), oauth=oauth)
        if "base_url" in table:
            company = replace(company, base_url_name=f"base_url of [{name}] in {COMPANIES_FILE}")
        if "roster" in table:
            place = f"{file}: [{name}]: roster{lines['roster']}"
            company = replace(company, roster=_roster(file.parent, table["roster"], place=place))
        companies.append(company)
    return tuple(companies)


def _company(
    name: str,
    defaults: Mapping[str, Any],
    own: Mapping[str, Any],
    *,
    place: str,
    lines: Mapping[str, str] | None = None,
) -> Company:
    """Check a company's settings: its own, at `place`, with the values of the variables as defaults.

    `lines` has the line of each of its own settings.
    """
    lines = lines or {}
    if not is_name(name):
        raise ConfigurationError(
            f"{place}: '{pasted.shown(name)}' cannot name a company; use letters, digits, '-' and '_',"
            " at most 63."
        )
    labels = {key: f"{place}: {key}{line}" for key, line in lines.items()}
    labels |= {key: f"The variable {name}" for key, name in _VARIABLES.items() if key not in own}
    try:
        values = CompanyValues.model_validate({**defaults, **own})
    except ValidationError as error:
        raise ConfigurationError(
            sentence(error, CompanyValues, place, depth=1, line=lambda key: lines.get(key, ""), labels=labels)
        ) from error
    for key in _NAMES:
        if key in own:
            pasted.check_variable_name(own[key], "ACME_TOKEN", place=labels[key])
    return Company(
        name,
        values.base_url.rstrip("/"),
        values.api_token_env or TOKEN_VARIABLE,
        daily_reserve=float(values.daily_reserve),
        daily_limit=values.daily_limit,
        collect=values.collect,
        observe_within=timedelta(days=values.observe_within),
        retention_days=values.retention_days,
        visibility=values.visibility,
        plan=values.plan,
    )
