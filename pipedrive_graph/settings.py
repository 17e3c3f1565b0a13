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
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from pipedrive_graph.errors import ConfigurationError

TOKEN_VARIABLE = "PIPEDRIVE_API_TOKEN"  # noqa: S105 - the name of a variable, not a secret
BASE_URL_VARIABLE = "PIPEDRIVE_BASE_URL"
COMPANY_VARIABLE = "PIPEDRIVE_COMPANY"
HOME_VARIABLE = "PIPEDRIVE_GRAPH_HOME"
DAILY_RESERVE_VARIABLE = "PIPEDRIVE_DAILY_RESERVE"
DAILY_LIMIT_VARIABLE = "PIPEDRIVE_DAILY_LIMIT"

DEFAULT_BASE_URL = "https://api.pipedrive.com/v1"
DEFAULT_COMPANY = "default"
DEFAULT_DAILY_RESERVE = 0.25
DEFAULT_DAILY_LIMIT = 80_000
COMPANIES_FILE = "companies.toml"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_TEXTS = {"api_token_env", "base_url"}
_NUMBERS = {"daily_reserve", "daily_limit"}
_KEYS = _TEXTS | _NUMBERS


@dataclass(frozen=True, slots=True)
class Company:
    """One company: where its API answers, which variable holds its token, what is left to others.

    Attributes:
        name: what it is called here.
        base_url: without a trailing slash.
        token_variable: the environment variable that holds the API token.
        daily_reserve: share of the day's budget, 0 to under 1, that is left to other integrations.
        daily_limit: requests per day, where Pipedrive counts down requests and does not say their total.
    """

    name: str
    base_url: str = DEFAULT_BASE_URL
    token_variable: str = TOKEN_VARIABLE
    daily_reserve: float = DEFAULT_DAILY_RESERVE
    daily_limit: int = DEFAULT_DAILY_LIMIT

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
    defaults = {
        "base_url": variables.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL,
        "daily_reserve": _number(variables, DAILY_RESERVE_VARIABLE, DEFAULT_DAILY_RESERVE),
        "daily_limit": _number(variables, DAILY_LIMIT_VARIABLE, DEFAULT_DAILY_LIMIT),
    }
    file = home / COMPANIES_FILE
    if file.is_file():
        return Settings(home, _from_file(file, defaults))
    company = _company(
        variables.get(COMPANY_VARIABLE) or DEFAULT_COMPANY,
        defaults,
        place=f"the variables {COMPANY_VARIABLE}, {BASE_URL_VARIABLE}, {DAILY_RESERVE_VARIABLE} and "
        f"{DAILY_LIMIT_VARIABLE}",
    )
    return Settings(home, (company,))


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


def _from_file(file: Path, defaults: Mapping[str, Any]) -> tuple[Company, ...]:
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
        if "api_token_env" not in table:
            raise ConfigurationError(
                f'{file}: [{name}] must name the variable of its token, as api_token_env = "ACME_TOKEN".'
            )
        companies.append(_company(name, {**defaults, **table}, place=f"{file}: [{name}]"))
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
    )
