"""Client of Pipedrive's authorisation server: OAuth 2.0 for one app, with Authlib's protocol functions.

The token request is the only POST that the project sends to Pipedrive; http.py sends it, so that its limits
and its redaction of secrets apply.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from pipedrive_graph.common import clock
from pipedrive_graph.common.net import is_loopback
from pipedrive_graph.common.pasted import is_plain_address
from pipedrive_graph.common.redaction import Redaction
from pipedrive_graph.errors import (
    ConfigurationError,
    NotAuthorisedError,
    NotPipedriveError,
    PipedriveGraphError,
    UnreachableError,
)
from pipedrive_graph.pipedrive.http import post_form
from pipedrive_graph.pipedrive.http_types import Fault, Response, TransportError
from pipedrive_graph.pipedrive.preflight import refused_by_proxy, unreachable

ATTEMPTS = 6
LIFETIME = 3600.0
"""Lifetime of an access token in seconds if the response has none; Pipedrive's say 3599."""

LONGEST_LIFETIME = 86_400.0
"""The longest time in seconds that an access token is used without renewal, whatever the server says."""

_EARLY = 60.0  # seconds before its expiry in which a token is no longer used


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of an authorisation.

    Attributes:
        access_token: is sent with each call.
        refresh_token: is exchanged for the next access token; may change each time.
        expires_at: when the access token expires, in seconds since 1970.
        api_domain: address of the company's API according to the server; not checked here.
        lifetime: lifetime of the access token when it was new, in seconds.
        scopes: the app's scopes, if the server names them.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: float
    api_domain: str | None = None
    lifetime: float = LIFETIME
    scopes: frozenset[str] = frozenset()

    @property
    def holds(self) -> bool:
        """Whether a call may start with the access token; not in the last minute before it expires."""
        early = min(_EARLY, self.lifetime / 2)
        return clock.now().timestamp() < self.expires_at - early


class App:
    """An app that is registered with Pipedrive.

    Args:
        url: the authorisation server's address, such as https://oauth.pipedrive.com.
        client_id: the app's client id.
        client_secret: the app's client secret.
        redaction: receives every secret.
        login: what the user must do if the authorisation is not accepted.

    Raises:
        ConfigurationError: if the address would carry secrets unencrypted.
    """

    def __init__(
        self, url: str, client_id: str, client_secret: str, redaction: Redaction, login: str
    ) -> None:
        from authlib.oauth2 import ClientAuth  # takes long to import, and few companies use OAuth

        self._url = _checked(url)
        self._client_id = client_id
        headers: dict[str, str] = {}
        client = ClientAuth(client_id, client_secret, "client_secret_basic")
        client.prepare("POST", self._url, headers, "")  # type: ignore[no-untyped-call]
        self._basic = headers["Authorization"]
        self._redaction = redaction
        self._login = login
        redaction.add(client_secret, self._basic.removeprefix("Basic "))

    def authorise_url(self, redirect_uri: str, state: str, verifier: str) -> str:
        """Return the page on which a user allows the app to read their company.

        Args:
            redirect_uri: where the browser returns to.
            state: is returned with it.
            verifier: a secret of this login; the page receives its digest (RFC 7636, S256).
        """
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        uri: str = prepare_grant_uri(
            f"{self._url}/oauth/authorize",
            self._client_id,
            "code",
            redirect_uri=redirect_uri,
            state=state,
            code_challenge=create_s256_code_challenge(verifier),  # type: ignore[no-untyped-call]
            code_challenge_method="S256",
        )
        return uri

    async def exchange(self, code: str, redirect_uri: str, verifier: str) -> Tokens:
        """Return the tokens for a code: only the login that holds the verifier receives them.

        Raises:
            PipedriveGraphError: as `refresh` does.
        """
        from authlib.oauth2.rfc6749.parameters import prepare_token_request

        self._redaction.add(code, verifier)
        return await self._ask(
            prepare_token_request(
                "authorization_code", code=code, redirect_uri=redirect_uri, code_verifier=verifier
            )
        )

    async def refresh(self, refresh_token: str) -> Tokens:
        """Return new tokens for a refresh token, which may be invalid afterwards.

        Raises:
            NotAuthorisedError: if the app or the refresh token is not accepted.
            UnreachableError: if the server does not respond, or only with errors.
            NotPipedriveError: if the server is not an authorisation server.
        """
        from authlib.oauth2.rfc6749.parameters import prepare_token_request

        self._redaction.add(refresh_token)
        return await self._ask(
            prepare_token_request("refresh_token", refresh_token=refresh_token), refresh_token
        )

    async def _ask(self, form: str, refresh_token: str = "") -> Tokens:
        policy = AsyncRetrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.25, max=2),
            retry=retry_if_exception_type(_AgainError),
            reraise=True,
        )
        try:
            return await policy(self._attempt, form, refresh_token)
        except _AgainError as error:
            failure = error.final
        raise failure

    async def _attempt(self, form: str, refresh_token: str) -> Tokens:
        headers = {"content-type": "application/x-www-form-urlencoded", "authorization": self._basic}
        try:
            response = await post_form(f"{self._url}/oauth/token", form, headers, self._redaction)
        except TransportError as error:
            reason, fault = str(error), error.fault
        else:
            return self._read(response, refresh_token)
        if fault is Fault.PROXY:
            raise refused_by_proxy(self._url, reason)
        raise _AgainError(unreachable(self._url, reason, "PIPEDRIVE_OAUTH_URL"))

    def _read(self, response: Response, refresh_token: str) -> Tokens:
        answer = _object(response.body)
        if response.status == 429 or response.status >= 500:
            raise _AgainError(
                UnreachableError(
                    f"Pipedrive's authorisation server at {self._url} responds to every attempt with status"
                    f" {response.status}: try again later."
                )
            )
        if response.status == 200 and "access_token" in answer:
            tokens = _tokens(answer, refresh_token)
            if tokens is not None:
                self._redaction.add(tokens.access_token, tokens.refresh_token)
                domain = tokens.api_domain and self._redaction.text(tokens.api_domain)
                return replace(tokens, api_domain=domain)  # messages show it
        if response.status in (400, 401, 403) and answer:
            raise self._refusal(answer)
        raise _AgainError(
            NotPipedriveError(
                f"The server at {self._url} is not Pipedrive's authorisation server (status"
                f" {response.status}): check PIPEDRIVE_OAUTH_URL."
            )
        )

    def _refusal(self, answer: dict[str, Any]) -> PipedriveGraphError:
        texts = [value for key in ("message", "error_description", "error") if (value := answer.get(key))]
        reason = self._redaction.text(str(texts[0]) if texts else "no reason given")
        reason = "".join(filter(str.isprintable, reason))[:200]
        if "invalid_client" in str(answer.get("error")) or "client" in reason.lower():
            return NotAuthorisedError(
                f"Pipedrive does not accept the app ({reason}): check PIPEDRIVE_CLIENT_ID and"
                " PIPEDRIVE_CLIENT_SECRET (in Pipedrive's Developer Hub)."
            )
        return NotAuthorisedError(
            f"Pipedrive does not accept the authorisation ({reason}); what was read is kept: {self._login}."
        )


class _AgainError(Exception):
    """An attempt that failed; `final` is the error to raise if it was the last one."""

    def __init__(self, final: PipedriveGraphError) -> None:
        super().__init__()
        self.final = final


def _checked(url: str) -> str:
    if is_plain_address(url):
        parts = urlsplit(url)
        if parts.scheme == "https" or is_loopback(parts.hostname or ""):
            return url.rstrip("/")
    raise ConfigurationError(
        "The authorisation server's address must be https, such as https://oauth.pipedrive.com:"
        " check PIPEDRIVE_OAUTH_URL."
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _tokens(answer: dict[str, Any], refresh_token: str) -> Tokens | None:
    """Return the tokens in a response; None if they are not valid.

    `expires_in` is a number or a string, `scope` has commas or spaces (both forms occur in the vendor's
    documents and SDK). A response without a refresh token leaves the old one valid (RFC 6749, section 6).
    """
    access, refresh = answer["access_token"], answer.get("refresh_token") or refresh_token
    domain, scope = answer.get("api_domain"), answer.get("scope")
    if not _is_token(access) or not _is_token(refresh) or not isinstance(domain, str | None):
        return None
    try:
        lifetime = float(answer.get("expires_in", LIFETIME))
    except (TypeError, ValueError, OverflowError):
        return None
    if not lifetime > 0:  # also excludes NaN
        return None
    lifetime = min(lifetime, LONGEST_LIFETIME)
    expires_at = clock.now().timestamp() + lifetime
    scopes = frozenset(scope.replace(",", " ").split()) if isinstance(scope, str) else frozenset()
    return Tokens(access, refresh, expires_at, domain, lifetime, scopes)


def _is_token(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.isascii()
        and value.isprintable()
        and " " not in value
        and value != ""
    )
