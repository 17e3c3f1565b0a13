"""The settings: which companies there are, where their data lies, and which variable holds each secret.

They come from environment variables (one company) or from `companies.toml` in the home folder (one table
per company, naming the variable of its token). A secret is looked up when it is used and never kept here.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from pipedrive_graph.errors import ConfigurationError

TOKEN_VARIABLE = "PIPEDRIVE_API_TOKEN"  # noqa: S105 - the name of a variable, not a secret
BASE_URL_VARIABLE = "PIPEDRIVE_BASE_URL"
COMPANY_VARIABLE = "PIPEDRIVE_COMPANY"
HOME_VARIABLE = "PIPEDRIVE_GRAPH_HOME"
CLIENT_ID_VARIABLE = "PIPEDRIVE_CLIENT_ID"
CLIENT_SECRET_VARIABLE = "PIPEDRIVE_CLIENT_SECRET"  # noqa: S105 - as above
REFRESH_TOKEN_VARIABLE = "PIPEDRIVE_REFRESH_TOKEN"  # noqa: S105 - as above
OAUTH_URL_VARIABLE = "PIPEDRIVE_OAUTH_URL"
DAILY_RESERVE_VARIABLE = "PIPEDRIVE_DAILY_RESERVE"
DAILY_LIMIT_VARIABLE = "PIPEDRIVE_DAILY_LIMIT"
OBSERVE_WITHIN_VARIABLE = "PIPEDRIVE_OBSERVE_WITHIN"

DEFAULT_BASE_URL = "https://api.pipedrive.com/v1"
DEFAULT_OAUTH_URL = "https://oauth.pipedrive.com"
DEFAULT_COMPANY = "default"
DEFAULT_DAILY_RESERVE = 0.25
DEFAULT_DAILY_LIMIT = 80_000
DEFAULT_OBSERVE_WITHIN = 7
COMPANIES_FILE = "companies.toml"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_TEXTS = {"api_token_env", "base_url", "client_id_env", "client_secret_env", "refresh_token_env"}
_NUMBERS = {"daily_reserve", "daily_limit", "observe_within"}
_KEYS = _TEXTS | _NUMBERS


@dataclass(frozen=True, slots=True)
class OAuth:
    """An OAuth app for one company: which variables hold its secrets, and where its tokens are kept.

    Attributes:
        url: the authorisation server's address.
        store: the file of the tokens.
        client_id_variable, client_secret_variable: hold what the Developer Hub says of the app.
        refresh_token_variable: may hold a refresh token for the first run; None for no such variable.
    """

    url: str
    store: Path
    client_id_variable: str = CLIENT_ID_VARIABLE
    client_secret_variable: str = CLIENT_SECRET_VARIABLE
    refresh_token_variable: str | None = REFRESH_TOKEN_VARIABLE

    def client_id(self) -> str:
        """Look the client id up.

        Raises:
            ConfigurationError: if the variable is not set, or holds what none can be.
        """
        return self._value(self.client_id_variable)

    def client_secret(self) -> str:
        """Look the client secret up.

        Raises:
            ConfigurationError: as for the client id.
        """
        return self._value(self.client_secret_variable)

    def _value(self, variable: str) -> str:
        value = os.environ.get(variable, "").strip()
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise ConfigurationError(
                f"Set the environment variable {variable} as Pipedrive's Developer Hub shows it for the app."
            )
        return value


@dataclass(frozen=True, slots=True)
class Company:
    """One company: where its API answers, which variable holds its token, what is left to others.

    Attributes:
        name: what it is called here.
        base_url: without a trailing slash.
        token_variable: the environment variable that holds the API token; empty for none.
        daily_reserve: share of the day's budget, 0 to under 1, that is left to other integrations.
        daily_limit: requests per day, where Pipedrive counts down requests and does not say their total.
        observe_within: the longest time between two observations of a user's permissions, where they are
            collected by access.
        oauth: the OAuth app, where there is one; an API token is preferred to it.
    """

    name: str
    base_url: str = DEFAULT_BASE_URL
    token_variable: str = TOKEN_VARIABLE
    daily_reserve: float = DEFAULT_DAILY_RESERVE
    daily_limit: int = DEFAULT_DAILY_LIMIT
    observe_within: timedelta = timedelta(days=DEFAULT_OBSERVE_WITHIN)
    oauth: OAuth | None = None

    @property
    def uses_oauth(self) -> bool:
        """Whether calls are authorised by OAuth: there is an app, and no API token."""
        return self.oauth is not None and not os.environ.get(self.token_variable, "").strip()

    def app(self) -> OAuth:
        """Return the OAuth app.

        Raises:
            ConfigurationError: if there is none.
        """
        if self.oauth is None:
            raise ConfigurationError(
                f"There is no OAuth app for company '{self.name}': set {CLIENT_ID_VARIABLE} and"
                f" {CLIENT_SECRET_VARIABLE}, or client_id_env and client_secret_env in {COMPANIES_FILE}."
            )
        return self.oauth

    def refresh_token(self) -> str:
        """Look up the refresh token for the first run; empty where there is none."""
        variable = self.oauth.refresh_token_variable if self.oauth else None
        return os.environ.get(variable, "").strip() if variable else ""

    def token(self) -> str:
        """Look the token up.

        Raises:
            ConfigurationError: if the variable is not set, or holds what no token can be.
        """
        token = os.environ.get(self.token_variable, "").strip()
        if not token:
            raise ConfigurationError(
                f"No API token for company '{self.name}': set the environment variable "
                f"{self.token_variable} (in Pipedrive: Settings → Personal preferences → API)."
            )
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigurationError(
                f"The variable {self.token_variable} holds characters that no API token has; "
                "copy the token once more."
            )
        return token


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is set, and the paths that follow from it."""

    home: Path
    companies: tuple[Company, ...]

    @property
    def landing(self) -> Path:
        """The folder of all snapshots."""
        return self.home / "landing"

    @property
    def warehouse(self) -> Path:
        """The pipeline's own database."""
        return self.home / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """The database that people open."""
        return self.home / "identity_graph.duckdb"

    @property
    def reports(self) -> Path:
        """The folder of the reports, one folder per company in it."""
        return self.home / "reports"

    def company(self, name: str) -> Company:
        """Return the company of that name.

        Raises:
            ConfigurationError: if there is none.
        """
        for company in self.companies:
            if company.name == name:
                return company
        known = ", ".join(company.name for company in self.companies)
        raise ConfigurationError(f"There is no company '{name}' in the settings; there is: {known}.")


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        environment: the variables to read, by default this process's own.

    Raises:
        ConfigurationError: if `companies.toml` or a variable cannot be used, saying which and why.
    """
    variables = os.environ if environment is None else environment
    home = Path(variables.get(HOME_VARIABLE) or platformdirs.user_data_path("pipedrive-graph"))
    home = home.expanduser().absolute()
    oauth_url = variables.get(OAUTH_URL_VARIABLE) or DEFAULT_OAUTH_URL
    defaults = {
        "base_url": variables.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL,
        "daily_reserve": _number(variables, DAILY_RESERVE_VARIABLE, DEFAULT_DAILY_RESERVE),
        "daily_limit": _number(variables, DAILY_LIMIT_VARIABLE, DEFAULT_DAILY_LIMIT),
        "observe_within": _number(variables, OBSERVE_WITHIN_VARIABLE, DEFAULT_OBSERVE_WITHIN),
    }
    file = home / COMPANIES_FILE
    if file.is_file():
        return Settings(home, _from_file(file, defaults, oauth_url))
    company = _company(
        variables.get(COMPANY_VARIABLE) or DEFAULT_COMPANY,
        defaults,
        place=f"the variables {COMPANY_VARIABLE}, {BASE_URL_VARIABLE}, {DAILY_RESERVE_VARIABLE}, "
        f"{DAILY_LIMIT_VARIABLE} and {OBSERVE_WITHIN_VARIABLE}",
    )
    if variables.get(CLIENT_ID_VARIABLE):
        company = replace(company, oauth=OAuth(oauth_url, _token_store(home, company.name)))
    return Settings(home, (company,))


def _token_store(home: Path, company: str) -> Path:
    return home / "tokens" / f"{company}.json"


def _number(variables: Mapping[str, str], name: str, default: float) -> float:
    """Return the number in a variable; a whole one as an int."""
    text = (variables.get(name) or "").strip()
    try:
        number = float(text or default)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigurationError(f"The variable {name} must hold a number, such as {default}.")
    return int(number) if number.is_integer() else number


def _from_file(file: Path, defaults: Mapping[str, Any], oauth_url: str) -> tuple[Company, ...]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"Cannot read {file}: {error}.") from error
    if not tables:
        raise ConfigurationError(f"{file} names no company; write one table per company, as [acme].")
    companies = []
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigurationError(f"{file}: '{name}' must stand in a company's table, as [acme].")
        if "api_token_env" not in table and "client_id_env" not in table:
            raise ConfigurationError(
                f'{file}: [{name}] must name the variable of its token, as api_token_env = "ACME_TOKEN",'
                " or of its OAuth app, as client_id_env."
            )
        company = _company(name, {**defaults, **table}, place=f"{file}: [{name}]")
        if "client_id_env" in table:
            oauth = OAuth(
                oauth_url,
                _token_store(file.parent, name),
                table["client_id_env"],
                table.get("client_secret_env", CLIENT_SECRET_VARIABLE),
                table.get("refresh_token_env"),
            )
            # The one company's variable is no token of this one.
            company = replace(company, token_variable=table.get("api_token_env", ""), oauth=oauth)
        companies.append(company)
    return tuple(companies)


def _company(name: str, table: Mapping[str, Any], *, place: str) -> Company:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{place}: '{name}' cannot name a company; use letters, digits, '-' and '_', at most 63."
        )
    unknown = sorted(table.keys() - _KEYS)
    if unknown:
        raise ConfigurationError(
            f"{place}: '{unknown[0]}' is no setting; there are: {', '.join(sorted(_KEYS))}."
        )
    for key in sorted(_TEXTS & table.keys()):
        if not isinstance(table[key], str) or not table[key]:
            raise ConfigurationError(f"{place}: {key} must be a text.")
    reserve, limit = table["daily_reserve"], table["daily_limit"]
    if isinstance(reserve, bool) or not isinstance(reserve, int | float) or not 0 <= reserve < 1:
        raise ConfigurationError(
            f"{place}: daily_reserve must be a number from 0 to less than 1, such as 0.25."
        )
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ConfigurationError(f"{place}: daily_limit must be a whole number above 0, such as 80000.")
    days = table["observe_within"]
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days <= 366:
        raise ConfigurationError(
            f"{place}: observe_within must be a number of days above 0, at most 366, such as 7."
        )
    parts = urlsplit(table["base_url"])
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
        raise ConfigurationError(
            f"{place}: the base URL must be a plain https address, as {DEFAULT_BASE_URL}."
        )
    return Company(
        name,
        table["base_url"].rstrip("/"),
        table.get("api_token_env", TOKEN_VARIABLE),
        daily_reserve=float(reserve),
        daily_limit=limit,
        observe_within=timedelta(days=days),
    )
