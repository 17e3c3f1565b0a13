"""A company as it is set: where its API answers, how it is collected, which variable holds each secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from pipedrive_graph.common import environment
from pipedrive_graph.config import credentials
from pipedrive_graph.errors import ConfigurationError

BASE_URL_VARIABLE = "PIPEDRIVE_BASE_URL"
TOKEN_VARIABLE = "PIPEDRIVE_API_TOKEN"  # noqa: S105 - the name of a variable, not a secret
CLIENT_ID_VARIABLE = "PIPEDRIVE_CLIENT_ID"
CLIENT_SECRET_VARIABLE = "PIPEDRIVE_CLIENT_SECRET"  # noqa: S105 - as above
REFRESH_TOKEN_VARIABLE = "PIPEDRIVE_REFRESH_TOKEN"  # noqa: S105 - as above
DEFAULT_BASE_URL = "https://api.pipedrive.com/v1"
DEFAULT_DAILY_RESERVE = 0.25
DEFAULT_DAILY_LIMIT = 80_000
DEFAULT_OBSERVE_WITHIN = 7
COMPANIES_FILE = "companies.toml"


class Collect(StrEnum):
    """How a company is collected."""

    EVERY_USER = "every-user"
    """Role assignments and permissions are asked for each user."""
    BY_ACCESS = "by-access"
    """Who is in a role is asked for each role, and permissions of as many users as tell what their
    permission sets give; the other users' permissions are inferred, and labelled so."""


@dataclass(frozen=True, slots=True)
class Names:
    """Where somebody finds what is set, as a sentence about it says.

    Attributes:
        token: the variable of the API token.
        base_url: the variable of the base URL, or its key in companies.toml.
    """

    token: str = TOKEN_VARIABLE
    base_url: str = BASE_URL_VARIABLE


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
            ConfigurationError: if it is not set, its file cannot be used, or it is what none can be.
        """
        return self._value(self.client_id_variable, "client_id_env")

    def client_secret(self) -> str:
        """Look the client secret up.

        Raises:
            ConfigurationError: as for the client id.
        """
        return self._value(self.client_secret_variable, "client_secret_env")

    def _value(self, variable: str, setting: str) -> str:
        value = credentials.secret(variable)
        if not value:
            raise ConfigurationError(
                f"Set {environment.named(variable, setting)} as Pipedrive's Developer Hub shows it for the"
                " app."
            )
        if not value.isascii() or not value.isprintable() or " " in value:
            raise ConfigurationError(
                f"Set {credentials.place(variable)} as Pipedrive's Developer Hub shows it for the app."
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
        collect: how it is collected, unless a run is told otherwise.
        observe_within: the longest time between two observations of a user's permissions, where they are
            collected by access.
        oauth: the OAuth app, where there is one; an API token is preferred to it.
        roster: the file that names the company's people, where there is one.
        retention_days: how many days old a snapshot may become; None keeps all of them.
        base_url_name: the variable that holds the base URL, or the key of companies.toml.
    """

    name: str
    base_url: str = DEFAULT_BASE_URL
    token_variable: str = TOKEN_VARIABLE
    daily_reserve: float = DEFAULT_DAILY_RESERVE
    daily_limit: int = DEFAULT_DAILY_LIMIT
    collect: Collect = Collect.EVERY_USER
    observe_within: timedelta = timedelta(days=DEFAULT_OBSERVE_WITHIN)
    oauth: OAuth | None = None
    roster: Path | None = None
    retention_days: int | None = None
    base_url_name: str = BASE_URL_VARIABLE

    @property
    def names(self) -> Names:
        """Where its token and its base URL are set."""
        return Names(self.token_variable, self.base_url_name)

    @property
    def uses_oauth(self) -> bool:
        """Whether calls are authorised by OAuth: there is an app, and no API token."""
        return self.oauth is not None and not credentials.is_set(self.token_variable)

    @property
    def secrets(self) -> dict[str, str]:
        """The names of the secrets that the next collection uses, by what they are."""
        if not self.uses_oauth or self.oauth is None:
            return {"API token": self.token_variable}
        names = {
            "client id": self.oauth.client_id_variable,
            "client secret": self.oauth.client_secret_variable,
            "refresh token": self.oauth.refresh_token_variable or "",
        }
        return {what: name for what, name in names.items() if name}

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
        """Look up the refresh token for the first run; empty where there is none.

        Raises:
            ConfigurationError: if its file cannot be used.
        """
        variable = self.oauth.refresh_token_variable if self.oauth else None
        return credentials.secret(variable) if variable else ""

    def token(self) -> str:
        """Look the token up.

        Raises:
            ConfigurationError: if it is not set, its file cannot be used, or it is what no token can be.
        """
        token = credentials.secret(self.token_variable)
        if not token:
            raise ConfigurationError(
                f"No API token for company '{self.name}': set "
                f"{environment.named(self.token_variable, 'api_token_env')} (in Pipedrive: Settings →"
                " Personal preferences → API), or the same with _FILE to the path of a file that holds it."
            )
        if not token.isascii() or not token.isprintable() or " " in token:
            place = credentials.place(self.token_variable)
            raise ConfigurationError(
                f"{place[0].upper()}{place[1:]} holds characters that no API token has; copy the token once"
                " more."
            )
        return token
