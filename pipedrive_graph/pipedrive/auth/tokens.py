"""Stores a company's OAuth tokens in a file that only its owner can read, and renews them.

A renewal is stored before it is used, because the old refresh token may be invalid from then on.
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
    """The file with a company's tokens, mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Tokens | None:
        """Return the tokens; None if the file is absent or its content is not valid.

        Raises:
            ConfigurationError: if another user may write the file.
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
            stored = json.loads(content)
            access, refresh, domain = stored["access_token"], stored["refresh_token"], stored["api_domain"]
            expires_at = float(stored["expires_at"])
        except (ValueError, KeyError, TypeError, OverflowError):
            return None
        if not expires_at <= clock.now().timestamp() + LONGEST_LIFETIME:
            expires_at = 0.0  # an earlier version stored any lifetime that a server named: renew the token
        if not isinstance(access, str) or not isinstance(refresh, str) or not isinstance(domain, str | None):
            return None
        return Tokens(access, refresh, expires_at, domain)

    def write(self, tokens: Tokens) -> None:
        """Replace the tokens atomically.

        Raises:
            LandingError: if the file cannot be written.
        """
        stored = {
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "expires_at": tokens.expires_at,
            "api_domain": tokens.api_domain,
        }
        write_atomically(self.path, json.dumps(stored).encode())

    def take(self, stack: ExitStack, on_wait: Callable[[str], None]) -> None:
        """Lock the tokens, so that no other process renews them, until the stack is closed.

        Args:
            stack: holds the lock.
            on_wait: called once when another process holds the lock.

        Raises:
            BusyError: if another process holds the lock for too long.
            LandingError: if the lock file cannot be created.
        """
        path = self.path.with_suffix(".lock")
        try:
            make_folder(path.parent)
        except OSError as error:
            raise cannot_write(path, error) from error
        stack.enter_context(lock(path, doing="renewing the tokens", on_wait=on_wait))


class Grant:
    """A company's OAuth grant during a run.

    Attributes:
        redaction: knows every secret of the grant.
        login: what the user must do if the grant is not accepted.
        on_wait: called with a sentence when another process is renewing the same tokens.
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
        """Whether a call may start with the access token."""
        return self._tokens is not None and self._tokens.holds and self.access_token != self._rejected

    async def ready(self) -> None:
        """Ensure a valid access token; one renewal serves all waiting calls.

        Raises:
            NotAuthorisedError: if no user has logged in, or the grant is no longer accepted.
            PipedriveGraphError: as `App.refresh` does; each further call raises the same.
        """
        if self._failure is not None:
            raise self._failure
        if self.holds:
            return
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
            # `ready` raises the error; retrieving it here keeps asyncio from logging it if nothing awaits it.
            self._renewal.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        # A waiting call may be cancelled, but not the renewal: it may have used up the refresh token.
        await asyncio.shield(self._renewal)

    def reject(self, access_token: str) -> None:
        """Mark an access token as rejected by Pipedrive; `ready` then renews it."""
        self._rejected = access_token

    async def close(self) -> None:
        """Wait for a pending renewal."""
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

    def _refresh_token(self, stored: Tokens | None) -> str:
        token = stored.refresh_token if stored else self._company.refresh_token()
        if not token:
            raise NotAuthorisedError(f"Nobody has logged in to company '{self._company.name}': {self.login}.")
        return token


def credential(company: Company) -> str | Grant:
    """Return the credential of a company: its API token if it has one, otherwise its OAuth grant.

    Raises:
        ConfigurationError: if it has neither.
    """
    if not company.uses_oauth:
        return company.token()
    app, store, redaction = application(company)
    return Grant(app, store, company, redaction)


def application(company: Company) -> tuple[App, TokenStore, Redaction]:
    """Return the app for a company, its token store, and the redaction that knows their secrets.

    Raises:
        ConfigurationError: if the app is not configured.
    """
    settings, redaction = company.app(), Redaction()
    app = App(settings.url, settings.client_id(), settings.client_secret(), redaction, login(company))
    return app, TokenStore(settings.store), redaction


def login(company: Company) -> str:
    """Return what to do if a grant is missing or no longer accepted."""
    return f"run pipedrive-graph login --company {company.name}"


def api_address(api_domain: str | None, company: Company) -> str:
    """Return the address of a company's API, after checking that a token may be sent there.

    Args:
        api_domain: the address according to the authorisation server, such as https://acme.pipedrive.com.
        company: the company; the host of its configured address is trusted.

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
