"""Keeps a company's OAuth tokens: in a file of their owner alone, and renewed before and when they end.

A renewal is written down before it is used: a refresh token that Pipedrive has replaced is worth nothing.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from pipedrive_graph.common import clock, trust
from pipedrive_graph.common.files import cannot_read, cannot_write, make_folder, write_atomically
from pipedrive_graph.common.locks import lock
from pipedrive_graph.common.net import is_loopback
from pipedrive_graph.common.redaction import Redaction
from pipedrive_graph.config.company import Company
from pipedrive_graph.errors import NotAuthorisedError, NotPipedriveError, PipedriveGraphError
from pipedrive_graph.pipedrive.auth.oauth import LONGEST_LIFETIME, App, Tokens

_ADDRESS = re.compile(r"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?/?")


class TokenStore:
    """The file that holds a company's tokens, mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Tokens | None:
        """Return the tokens; None where there are none, or none that can be read.

        Raises:
            ConfigurationError: if somebody else may write the file.
            LandingError: if this user may not read it.
        """
        trust.check(self.path)
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise cannot_read(self.path, error) from error
        try:
            kept = json.loads(content)
            access, refresh, domain = kept["access_token"], kept["refresh_token"], kept["api_domain"]
            expires_at = float(kept["expires_at"])
        except (ValueError, KeyError, TypeError, OverflowError):
            return None
        if not expires_at <= clock.now().timestamp() + LONGEST_LIFETIME:
            expires_at = 0.0  # an earlier version has believed a server too much: the token is renewed
        if not isinstance(access, str) or not isinstance(refresh, str) or not isinstance(domain, str | None):
            return None
        return Tokens(access, refresh, expires_at, domain)

    def write(self, tokens: Tokens) -> None:
        """Put tokens in place of those that were there, whole or not at all.

        Raises:
            LandingError: if the file cannot be written.
        """
        kept = {
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "expires_at": tokens.expires_at,
            "api_domain": tokens.api_domain,
        }
        write_atomically(self.path, json.dumps(kept).encode())

    def take(self, stack: ExitStack, on_wait: Callable[[str], None]) -> None:
        """Keep other processes from renewing the same tokens, until the stack is closed.

        Args:
            stack: holds the lock.
            on_wait: called once when another process holds the lock.

        Raises:
            BusyError: if another process holds the lock for too long.
            LandingError: if the lock's file cannot be made.
        """
        place = self.path.with_suffix(".lock")
        try:
            make_folder(place.parent)
        except OSError as error:
            raise cannot_write(place, error) from error
        stack.enter_context(lock(place, doing="renewing the tokens", wait=on_wait))


class Grant:
    """A company's authorisation during a run.

    Attributes:
        redaction: knows every secret that came by.
        login: what the user shall do where the authorisation is not accepted.
        on_wait: called with a sentence when another process renews the same tokens.
    """

    def __init__(self, app: App, store: TokenStore, company: Company, redaction: Redaction) -> None:
        self.redaction = redaction
        self.login = login(company)
        self.on_wait: Callable[[str], None] = lambda _: None
        self._app = app
        self._store = store
        self._company = company
        self._base_url = company.base_url
        self._tokens: Tokens | None = None
        self._rejected: str | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._failure: PipedriveGraphError | None = None

    @property
    def access_token(self) -> str:
        """The access token for the next call; empty before `ready`."""
        return self._tokens.access_token if self._tokens else ""

    @property
    def base_url(self) -> str:
        """The address of the company's API; the configured one before `ready`."""
        return self._base_url

    @property
    def holds(self) -> bool:
        """Whether the access token is one with which a call may be begun."""
        return self._tokens is not None and self._tokens.holds and self.access_token != self._rejected

    async def ready(self) -> None:
        """See to an access token that holds; one renewal serves all who wait for it.

        Raises:
            NotAuthorisedError: if nobody has logged in, or the authorisation is no longer accepted.
            PipedriveGraphError: as `App.refresh` does; each further call raises the same.
        """
        if self._failure is not None:
            raise self._failure
        if self.holds:
            return
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
            # Its error is kept for `ready`; asyncio need not tell of one that nobody waited for.
            self._renewal.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        # Whoever waits may be cancelled; a renewal under way may have used the refresh token up.
        await asyncio.shield(self._renewal)

    def reject(self, access_token: str) -> None:
        """Note that Pipedrive does not take an access token; `ready` sees to another."""
        self._rejected = access_token

    async def close(self) -> None:
        """Let a renewal that is under way come to its end."""
        if self._renewal is not None:
            await asyncio.wait([self._renewal])

    async def _renew(self) -> None:
        try:
            with ExitStack() as stack:
                await asyncio.to_thread(self._store.take, stack, self.on_wait)
                tokens = self._store.read()
                if tokens is None or not tokens.holds or tokens.access_token == self._rejected:
                    tokens = await self._app.refresh(self._refresh_token(tokens))
                    self._store.write(tokens)
            self.redaction.add(tokens.access_token, tokens.refresh_token)
            self._base_url = api_address(tokens.api_domain, self._company)
            self._tokens = tokens
        except PipedriveGraphError as error:
            self._failure = error
            raise
        finally:
            self._renewal = None

    def _refresh_token(self, kept: Tokens | None) -> str:
        token = kept.refresh_token if kept else self._company.refresh_token()
        if not token:
            raise NotAuthorisedError(f"Nobody has logged in to company '{self._company.name}': {self.login}.")
        return token


def credential(company: Company) -> str | Grant:
    """Return what authorises the calls to a company: its API token where it has one, else OAuth.

    Raises:
        ConfigurationError: if it has neither.
    """
    if not company.uses_oauth:
        return company.token()
    app, store, redaction = application(company)
    return Grant(app, store, company, redaction)


def application(company: Company) -> tuple[App, TokenStore, Redaction]:
    """Return the app for a company, its token store, and what knows their secrets.

    Raises:
        ConfigurationError: if the app is not set.
    """
    settings, redaction = company.app(), Redaction()
    app = App(settings.url, settings.client_id(), settings.client_secret(), redaction, login(company))
    return app, TokenStore(settings.store), redaction


def login(company: Company) -> str:
    """Return what to do where an authorisation is missing or no longer accepted."""
    return f"run pipedrive-graph login --company {company.name}"


def api_address(api_domain: str | None, company: Company) -> str:
    """Return the address of a company's API, once it is sure that a token may be sent there.

    Args:
        api_domain: as the authorisation server names it, such as https://acme.pipedrive.com.
        company: its configured address, whose host is ours to trust.

    Raises:
        NotPipedriveError: if it is neither Pipedrive's nor the configured host, or not encrypted.
    """
    if api_domain is None:
        return company.base_url
    match = _ADDRESS.fullmatch(api_domain)
    host = match[2].lower() if match else ""
    ours = host.endswith(".pipedrive.com") or host.strip("[]") == urlsplit(company.base_url).hostname
    if match is None or not ours or (match[1] == "http" and not is_loopback(host.strip("[]"))):
        shown = "".join(filter(str.isprintable, api_domain))[:100]
        raise NotPipedriveError(
            f"The authorisation server names '{shown}' as the address of the API, which is not Pipedrive's:"
            f" no token is sent there. Check PIPEDRIVE_OAUTH_URL and {company.names.base_url}."
        )
    return f"{api_domain.rstrip('/')}/api/v1"
