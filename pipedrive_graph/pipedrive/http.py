"""Sends GET requests, also to heartbeat monitors, and two kinds of POST: for OAuth tokens, and to webhooks.

It adds the token, refuses addresses that would carry it unencrypted, limits time and size, follows no
redirects, and turns every transport error into one exception type without secrets.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Self

import httpx

from pipedrive_graph.common import net
from pipedrive_graph.common.net import is_loopback
from pipedrive_graph.common.redaction import RedactingFilter, Redaction
from pipedrive_graph.config.company import DEFAULT_BASE_URL, Names
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.pipedrive.connecting import CHATTY, ERRORS, failure, options
from pipedrive_graph.pipedrive.endpoints import versioned
from pipedrive_graph.pipedrive.http_types import AuthForm, Bearer, Response, Timeouts
from pipedrive_graph.pipedrive.receiving import Share, receive, receive_beginning

_BEGINNING = 64  # bytes that are read of a webhook's response
_TOKEN_BODY = 2**20  # bytes that a response with tokens may have

_TOKEN_TIMEOUTS = Timeouts(connect=5.0, read=10.0, total=15.0)


class _TokenAuth(httpx.Auth):
    """Adds the token to a request in the chosen form."""

    def __init__(self, token: str, form: AuthForm) -> None:
        self._token = token
        self._form = form

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._form is AuthForm.HEADER:
            request.headers["x-api-token"] = self._token
        elif self._form is AuthForm.BEARER:
            request.headers["authorization"] = f"Bearer {self._token}"
        else:
            request.url = request.url.copy_merge_params({"api_token": self._token})
        yield request


class Transport:
    """Sends GET requests to one base URL with one API token or renewable access token.

    Each pending request has its own connection, which a later request reuses: httpx searches a pool of
    connections from end to end several times per request.

    Attributes:
        host: the base URL's host name.
        form: how the token is sent.
        names: where the base URL and the token are configured, for messages.

    Raises:
        ConfigurationError: if the base URL or the token cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        token: str | Bearer,
        timeouts: Timeouts | None = None,
        names: Names | None = None,
    ) -> None:
        self.names = names or Names()
        url = _checked_url(base_url, self.names)
        self._base_url = str(url).rstrip("/")
        self.host = url.host
        self._token = token
        if isinstance(token, str):
            _check_token(token, self.names)
            self.form, self.redaction = AuthForm.HEADER, Redaction(token)
        else:
            self.form, self.redaction = AuthForm.BEARER, token.redaction
        self._timeouts = timeouts or Timeouts()
        self._network = net.load()
        self._tls: ssl.SSLContext | None = None
        self._idle: list[httpx.AsyncClient] = []
        self._busy: set[httpx.AsyncClient] = set()
        self._filter = RedactingFilter(self.redaction)

    @property
    def base_url(self) -> str:
        """The address of all requests, without a trailing slash."""
        return self._base_url if isinstance(self._token, str) else self._token.base_url

    async def __aenter__(self) -> Self:
        # Loading the certificate authorities takes tens of milliseconds: done once, outside the event loop.
        self._tls = await asyncio.to_thread(self._network.tls_for, self.base_url)
        for name in CHATTY:
            logging.getLogger(name).addFilter(self._filter)
        httpx_log = logging.getLogger("httpx")
        if httpx_log.level == logging.NOTSET:
            httpx_log.setLevel(logging.WARNING)  # a line per request is useless
        return self

    async def __aexit__(self, *_: object) -> None:
        connections = [*self._idle, *self._busy]
        self._idle.clear()
        self._busy.clear()
        try:
            await asyncio.gather(*(connection.aclose() for connection in connections))
        finally:
            for name in CHATTY:
                logging.getLogger(name).removeFilter(self._filter)

    async def get(
        self,
        path: str,
        query: Mapping[str, str],
        sent: Callable[[], None] | None = None,
        within: float | None = None,
        share: Share | None = None,
        version: int = 1,
    ) -> Response:
        """Return the response to one GET request, whatever its status.

        Args:
            path: below the address of the API's version, percent-encoded.
            query: parameters, not encoded.
            sent: called when the request's bytes have been written.
            within: seconds that the whole exchange may take, however slowly bytes arrive; by default the
                transport's own limit.
            share: grows with the body; without it, only the size of this body is limited.
            version: of the API.

        Raises:
            TransportError: without a complete response.
        """
        url = f"{versioned(self.base_url, version)}/{path}"
        connection = self._idle.pop() if self._idle else self._connect()
        self._busy.add(connection)
        whole = False
        try:
            async with asyncio.timeout(self._timeouts.total if within is None else within) as deadline:
                response = await self._exchange(connection, url, query, sent, share, deadline)
            whole = True
        except ERRORS as error:
            failed = failure(error, self._network.proxy_for(self.base_url), self.redaction)
        else:
            return response
        finally:
            await self._put_back(connection, whole)
        # Raised outside the except block: no traceback may reference a request that carries the token.
        raise failed

    async def _put_back(self, connection: httpx.AsyncClient, whole: bool) -> None:
        """Keep a connection after a complete exchange; after anything else its state is unknown."""
        if connection not in self._busy:
            return  # the transport was closed meanwhile, and this connection with it
        self._busy.remove(connection)
        if whole:
            self._idle.append(connection)
        else:
            with suppress(httpx.HTTPError):
                await connection.aclose()

    async def _exchange(
        self,
        connection: httpx.AsyncClient,
        url: str,
        query: Mapping[str, str],
        sent: Callable[[], None] | None,
        share: Share | None,
        deadline: asyncio.Timeout,
    ) -> Response:
        async def grow(size: int) -> None:
            if share is not None:
                await share.grow(size, deadline)

        async def trace(event: str, _: Mapping[str, Any]) -> None:
            if event.endswith("send_request_headers.complete") and sent is not None:
                sent()

        async with connection.stream(
            "GET",
            url,
            params=dict(query) or None,
            auth=_TokenAuth(
                self._token if isinstance(self._token, str) else self._token.access_token, self.form
            ),
            extensions={"trace": trace},
        ) as response:
            body = await receive(response, on_growth=grow)
            return Response(response.status_code, dict(response.headers), body)

    def _connect(self) -> httpx.AsyncClient:
        if self._tls is None:
            raise RuntimeError("a Transport is used within `async with`")
        return httpx.AsyncClient(
            **options(self.base_url, self._network, self._timeouts, self._tls),
            # Servers often close idle connections after 5 seconds; closing them first avoids a lost request.
            limits=httpx.Limits(max_connections=1, keepalive_expiry=4.0),
        )


async def post_form(url: str, form: str, headers: Mapping[str, str], redaction: Redaction) -> Response:
    """Return the response to a request for tokens, whatever its status; nothing else is ever posted.

    Args:
        url: https, or on this machine.
        form: the body, encoded.
        headers: those of the form and of the app's authorisation.
        redaction: knows the secrets in them.

    Raises:
        TransportError: without a complete response.
    """
    network = net.load()
    tls = await asyncio.to_thread(network.tls_for, url)
    try:
        with _kept_quiet(redaction):
            async with (
                asyncio.timeout(_TOKEN_TIMEOUTS.total),
                httpx.AsyncClient(**options(url, network, _TOKEN_TIMEOUTS, tls)) as client,
                client.stream("POST", url, content=form.encode(), headers=dict(headers)) as response,
            ):
                body = await receive(response, _TOKEN_BODY)
                return Response(response.status_code, dict(response.headers), body)
    except ERRORS as error:
        failed = failure(error, network.proxy_for(url), redaction)
    raise failed


def post_json(url: str, body: object, timeouts: Timeouts, redaction: Redaction) -> Response:
    """Return the response of a webhook, whatever its status, with the beginning of its body.

    Args:
        url: https, or on this machine.
        body: what to send as JSON.
        timeouts: for the connection, each part of the response, and all of it.
        redaction: knows the secrets in the address.

    Raises:
        ConfigurationError: if the environment's proxies or certificate authorities cannot be used.
        TransportError: without a response.
    """
    return _send("POST", url, timeouts, redaction, body)


def get_heartbeat(url: str, timeouts: Timeouts, redaction: Redaction) -> Response:
    """Return the response of a monitor to a GET request, like `post_json`."""
    return _send("GET", url, timeouts, redaction)


def _send(
    method: str, url: str, timeouts: Timeouts, redaction: Redaction, body: object | None = None
) -> Response:
    network = net.load()
    tls = network.tls_for(url)

    async def request() -> Response:
        async with (
            asyncio.timeout(timeouts.total),  # also ends a server that sends a byte now and then
            httpx.AsyncClient(**options(url, network, timeouts, tls)) as client,
            client.stream(method, url, json=body) as response,
        ):
            beginning = await receive_beginning(response, _BEGINNING)
            return Response(response.status_code, dict(response.headers), beginning)

    try:
        with _kept_quiet(redaction):
            return asyncio.run(request())
    except ERRORS as error:
        failed = failure(error, network.proxy_for(url), redaction)
    raise failed


@contextmanager
def _kept_quiet(redaction: Redaction) -> Iterator[None]:
    """Keep secrets out of the logs of httpx and httpcore meanwhile."""
    redacting = RedactingFilter(redaction)
    for name in CHATTY:
        logging.getLogger(name).addFilter(redacting)
    try:
        yield
    finally:
        for name in CHATTY:
            logging.getLogger(name).removeFilter(redacting)


def _checked_url(base_url: str, names: Names) -> httpx.URL:
    try:
        url = httpx.URL(base_url.strip())
        usable = url.scheme in ("http", "https") and bool(url.host)
    except (httpx.InvalidURL, ValueError):
        usable = False
    if not usable:
        raise ConfigurationError(
            f"The base URL is not an http(s) address: set {names.base_url} to one like {DEFAULT_BASE_URL}."
        )
    if url.userinfo or url.query or url.fragment:
        raise ConfigurationError(
            f"The base URL must hold no user name, password or query: set {names.base_url} to one"
            f" like {DEFAULT_BASE_URL} and give the token as {names.token}."
        )
    if url.scheme == "http" and not is_loopback(url.host):
        raise ConfigurationError(
            f"The base URL would send the API token to {url.host} unencrypted: set {names.base_url}"
            " to an https address."
        )
    return url


def _check_token(token: str, names: Names) -> None:
    if not token:
        raise ConfigurationError(f"The API token is missing: set {names.token}.")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError(
            "The API token holds a space or another character that no token has:"
            f" set {names.token} to the token alone."
        )
