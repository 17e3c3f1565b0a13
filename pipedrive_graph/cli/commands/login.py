"""`pipedrive-graph login`: authorises the OAuth app in a browser, and stores its tokens."""

from __future__ import annotations

import asyncio
import html
import secrets
import threading
import time
import webbrowser
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import click
from authlib.oauth2.rfc6749.errors import MismatchingStateException, MissingCodeException
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response

from pipedrive_graph.cli.commands.completion import COMPANY
from pipedrive_graph.cli.runner import as_root_option, debug_option, say
from pipedrive_graph.config import settings as settings_module
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ConfigurationError, NotAuthorisedError, PipedriveGraphError
from pipedrive_graph.pipedrive.auth.oauth import Tokens
from pipedrive_graph.pipedrive.auth.tokens import TokenStore, api_address, application

PORT = 8974
SECONDS = 300
CALLBACK = "/callback"

_NEEDED = {"users:read": "users", "admin": "roles and permission sets"}
"""The data that stays unknown without a scope."""


@click.command("login")
@click.option("--company", "name", type=COMPANY, help="Which company; optional if there is only one.")
@click.option(
    "--port",
    default=PORT,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Port on this machine that the browser returns to; 0 chooses a free one.",
)
@click.option("--no-browser", is_flag=True, help="Only print the address to open.")
@click.option(
    "--timeout",
    default=SECONDS,
    show_default=True,
    type=click.IntRange(1),
    help="Seconds to wait for the authorisation.",
)
@as_root_option
@debug_option
def command(*, name: str | None, port: int, no_browser: bool, timeout: int, debug: bool) -> None:
    """Authorise the OAuth app for a company, in a browser.

    The app must know http://127.0.0.1:PORT/callback as its callback URL (Pipedrive's Developer Hub).
    """
    company = _company(settings_module.load(), name)
    app, store, _ = application(company)
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    with _Callback(port, state) as callback:
        address = app.authorise_url(callback.address, state, verifier)
        click.echo(f"Open this address, and allow the app to read your company:\n\n{address}\n")
        if not no_browser:
            webbrowser.open(address)
        tokens = asyncio.run(app.exchange(callback.wait(timeout), callback.address, verifier))
    _keep(tokens, store, company)
    for scope, what in _NEEDED.items():
        if tokens.scopes and scope not in tokens.scopes:
            say(f"Warning: the app lacks the scope {scope}; {what} cannot be read.")
    if not company.uses_oauth:
        say(f"Warning: {company.token_variable} is set as well, and is used instead.")
    click.echo(f"Logged in. The tokens of company '{company.name}' are in {store.path}.")


def _company(settings: Settings, name: str | None) -> Company:
    if name is not None:
        return settings.company(name)
    if len(settings.companies) > 1:
        known = ", ".join(company.name for company in settings.companies)
        raise ConfigurationError(f"Choose a company with --company; there is: {known}.")
    return settings.companies[0]


def _keep(tokens: Tokens, store: TokenStore, company: Company) -> None:
    api_address(tokens.api_domain, company)
    with ExitStack() as stack:
        store.take(stack, say)
        store.write(tokens)


class _Callback:
    """Waits on a loopback port for the browser to return with a code or an error."""

    def __init__(self, port: int, state: str) -> None:
        self._state = state
        self._arrived = threading.Event()
        self._code: str | None = None
        self._error: PipedriveGraphError | None = None
        callback = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10  # browsers open connections without sending a request

            def do_GET(self) -> None:
                callback.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
                """Log nothing: the address holds the code."""

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} is in use by another program: choose another one with --port, and enter it"
                " in the app's callback URL."
            ) from error
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.address = f"http://127.0.0.1:{self._server.server_port}{CALLBACK}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> _Callback:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, seconds: float) -> str:
        """Return the code.

        Raises:
            NotAuthorisedError: if no answer arrived in time, or the user declined.
        """
        until = time.monotonic() + seconds
        while not self._arrived.wait(0.2):  # in small steps, so that Ctrl-C works on every system
            if time.monotonic() > until:
                raise NotAuthorisedError(
                    f"The app was not authorised within {seconds:g} seconds: run login again."
                )
        if self._error is not None:
            raise self._error
        return self._code or ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Accept the first answer to this login, and show the outcome in the browser.

        Any page can send a browser here, so other requests are refused and the login keeps waiting.
        """
        if urlsplit(request.path).path != CALLBACK or self._arrived.is_set():
            _reply(request, 404, "There is nothing here.")
            return
        if request.headers.get_all("Host") != [urlsplit(self.address).netloc]:
            _reply(request, 400, "This address has another host name.")
            return
        try:
            code = self._read(request.path)
        except _StrangeError as error:
            _reply(request, 400, f"{error} The login is still waiting.")
            return
        except PipedriveGraphError as error:
            self._error = error
        else:
            self._code = code
        text = str(self._error or "Pipedrive's answer has arrived. Go back to the terminal.")
        _reply(request, 400 if self._error else 200, text)
        self._arrived.set()

    def _read(self, path: str) -> str:
        query = parse_qs(urlsplit(path).query)
        states = query.get("state", [])
        if len(states) != 1 or not secrets.compare_digest(states[0].encode(), self._state.encode()):
            raise _StrangeError("The answer belongs to another login, so it was not used.")
        if "error" in query:
            reason = "".join(filter(str.isprintable, query["error"][0]))[:100]
            raise NotAuthorisedError(
                f"Pipedrive did not authorise the app ({reason}): run login again, and allow it."
            )
        try:
            code: str = parse_authorization_code_response(path, self._state)["code"]
        except (MismatchingStateException, MissingCodeException):
            raise _StrangeError("The answer contains no code, so it was not used.") from None
        return code


class _StrangeError(Exception):
    """A request that does not answer the waiting login."""


def _reply(request: BaseHTTPRequestHandler, status: int, text: str) -> None:
    page = f"<!DOCTYPE html><title>pipedrive-graph</title><p>{html.escape(text)}</p>".encode()
    request.send_response(status)
    request.send_header("Content-Type", "text/html; charset=utf-8")
    request.send_header("Content-Length", str(len(page)))
    request.send_header("Cache-Control", "no-store")
    request.send_header("Referrer-Policy", "no-referrer")
    request.end_headers()
    request.wfile.write(page)
