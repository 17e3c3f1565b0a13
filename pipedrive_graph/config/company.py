"""A company's settings: the address of its API, how it is collected, and the variables of its secrets."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from pipedrive_graph.common import environment, pasted
from pipedrive_graph.common.text import meant, printable
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
    """Role assignments and permissions are requested for each user."""
    BY_ACCESS = "by-access"
    """Members are requested for each role, and permissions for a sample of users that shows what their
    permission sets grant; the permissions of all other users are inferred, and marked as inferred."""


class Plan(StrEnum):
    """The plan of a company at Pipedrive, which decides what a role's visibility settings mean."""

    LITE = "lite"
    GROWTH = "growth"
    PREMIUM = "premium"
    ULTIMATE = "ultimate"


@dataclass(frozen=True, slots=True)
class Names:
    """Where the token and the address are configured, for messages.

    Attributes:
        token: the variable of the API token.
        base_url: the variable of the base URL, or its key in companies.toml.
    """

    token: str = TOKEN_VARIABLE
    base_url: str = BASE_URL_VARIABLE


@dataclass(frozen=True, slots=True)
class OAuth:
    """An OAuth app for one company: the variables of its secrets, and the file of its tokens.

    Attributes:
        url: the authorisation server's address.
        store: the file with the tokens.
        client_id_variable, client_secret_variable: the variables with the values of the Developer Hub.
        refresh_token_variable: the variable with a refresh token for the first run; None if there is none.
    """

    url: str
    store: Path
    client_id_variable: str = CLIENT_ID_VARIABLE
    client_secret_variable: str = CLIENT_SECRET_VARIABLE
    refresh_token_variable: str | None = REFRESH_TOKEN_VARIABLE

    def client_id(self) -> str:
        """Return the client id.

        Raises:
            ConfigurationError: if it is not set, its file cannot be used, or it is not a valid id.
        """
        return self._value(self.client_id_variable, "client_id_env")

    def client_secret(self) -> str:
        """Return the client secret.

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
    """One company: the address of its API, the variable of its token, and the reserve for other integrations.

    Attributes:
        name: its name in this installation.
        base_url: without a trailing slash.
        token_variable: the environment variable with the API token; empty for none.
        daily_reserve: share of the day's budget, 0 to under 1, that is left to other integrations.
        daily_limit: requests per day, if Pipedrive counts down requests without reporting their total.
        collect: how it is collected, unless an option of the run overrides it.
        observe_within: the longest time between two observations of a user's permissions, if they are
            collected by access.
        oauth: the OAuth app, if there is one; an API token has precedence.
        roster: the file with the company's people, if there is one.
        retention_days: how many days snapshots are kept; None keeps all of them.
        base_url_name: the variable of the base URL, or its key in companies.toml.
        visibility: whether to read who can see what: settings and pipelines of roles, and teams.
        plan: the company's plan at Pipedrive; None if it is not set.
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
    visibility: bool = False
    plan: Plan | None = None

    @property
    def names(self) -> Names:
        """Where its token and its base URL are configured."""
        return Names(self.token_variable, self.base_url_name)

    @property
    def uses_oauth(self) -> bool:
        """Whether calls are authorised by OAuth: there is an app, and no API token is set."""
        return self.oauth is not None and not credentials.is_set(self.token_variable)

    @property
    def secrets(self) -> dict[str, str]:
        """The names of the secrets that the next run uses, by their kind."""
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
                f"Company '{self.name}' has no OAuth app: set {CLIENT_ID_VARIABLE} and"
                f" {CLIENT_SECRET_VARIABLE}, or client_id_env and client_secret_env in {COMPANIES_FILE}."
            )
        return self.oauth

    def refresh_token(self) -> str:
        """Return the refresh token for the first run; empty if there is none.

        Raises:
            ConfigurationError: if its file cannot be used.
        """
        variable = self.oauth.refresh_token_variable if self.oauth else None
        return credentials.secret(variable) if variable else ""

    def token(self) -> str:
        """Return the API token.

        Raises:
            ConfigurationError: if it is not set, its file cannot be used, or it is not a valid token.
        """
        token = credentials.secret(self.token_variable)
        if not token:
            raise ConfigurationError(
                f"No API token for company '{self.name}': set "
                f"{environment.named(self.token_variable, 'api_token_env')} (in Pipedrive: Settings →"
                " Personal preferences → API), or the same name with _FILE to the path of its file."
            )
        if not token.isascii() or not token.isprintable() or " " in token:
            place = credentials.place(self.token_variable)
            raise ConfigurationError(
                f"{place[0].upper()}{place[1:]} holds characters that no API token has; copy the token again."
            )
        return token


def check_known(name: str, names: Collection[str]) -> None:
    """Refuse a company that the settings do not name.

    Raises:
        ConfigurationError: naming the companies of the settings.
    """
    if name not in names:
        raise ConfigurationError(
            f"The settings have no company '{pasted.shown(printable(name))}'{meant(name, names)};"
            f" there is: {', '.join(names)}."
        )
