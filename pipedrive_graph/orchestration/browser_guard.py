"""Protects Dagster's web page, which has no login and answers any host name, from pages of other sites.

An ASGI middleware. It passes requests that the page itself makes, and requests of programs other than
browsers. It refuses requests that another page can make a visitor's browser send: with a foreign host name
(DNS rebinding), with a foreign `Origin`, marked by the browser as cross-site, GraphQL by GET, and bodies that
a form can send. It does not replace a login: anybody who can open the port can use the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS_VARIABLE = "PIPEDRIVE_GRAPH_DAGSTER_HOSTS"
"""The variable that adds host names, separated by commas, such as those of a reverse proxy."""

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""The names of this machine for itself. No other site can have one of them."""

_FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
"""The content types that a page may send to another site without a CORS preflight."""

_READING = {"GET", "HEAD"}

_HEADERS = {
    "X-Frame-Options": "DENY",  # against clickjacking
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class BrowserGuard:
    """Passes a request on to the application, or refuses it with one sentence.

    Starlette's TrustedHostMiddleware also checks the host name. It is not used because its response does not
    name the variable, and because `Origin` has to be compared with the same host name.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self.app = app
        self.hosts = {*LOOPBACK, *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[1][:120]})
        else:
            status, sentence = refusal
            await PlainTextResponse(f"{sentence}\n", status)(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """The status and message of a refusal; None if the request is allowed."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        host = hosts[0].lower() if len(hosts) == 1 else ""
        if _name(host) not in self.hosts:
            return 421, f"This host name is not allowed; {HOSTS_VARIABLE} names the hosts of this page."
        if any(not _is_at(origin, host) for origin in headers.getlist("origin")):
            return 403, "A page of another origin sent this request; it is refused."
        is_graphql = scope["path"].rstrip("/").endswith("/graphql")
        if scope["type"] == "websocket":
            return None if _is_own(headers) else (403, "Another site opened this connection; it is refused.")
        is_reading = scope["method"] in _READING
        # a link from a chat or an e-mail may open the page: only the visitor sees the response
        is_followed_link = (
            is_reading
            and headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") == "document"
        )
        if not (_is_own(headers) or is_followed_link):
            return 403, "Another site sent this request; it is refused."
        if is_graphql and is_reading:
            return 405, "GraphQL requests must use POST."
        if not is_reading and _media_type(headers) in _FORM_TYPES:
            return 415, "Send application/json; content types of forms are refused."
        return None


def _is_own(headers: Headers) -> bool:
    """Whether the request comes from the page itself, its visitor, or a program other than a browser."""
    return headers.get("sec-fetch-site", "none") in {"same-origin", "none"}


def _is_at(origin: str, host: str) -> bool:
    """Whether an origin is the requested host; the scheme may differ, because a proxy can add TLS."""
    parts = urlsplit(origin.lower())
    return parts.scheme in {"http", "https"} and bool(host) and parts.netloc == host


def _name(host: str) -> str:
    """A host without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _media_type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _with_headers(send: Send) -> Send:
    """Add the headers that keep responses out of other pages."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return sending
