"""Options of the HTTP clients (proxy, certificate authorities, timeouts), and errors of failed connections.

Proxies and authorities come from common/net.py, so that Pipedrive and webhooks are reached the same way.
"""

from __future__ import annotations

import re
import socket
import ssl
from typing import Any

import httpx

from pipedrive_graph._version import __version__
from pipedrive_graph.common.net import Network, Proxy
from pipedrive_graph.common.redaction import Redaction
from pipedrive_graph.pipedrive.http_types import PROXY_OF, Fault, Timeouts, TransportError
from pipedrive_graph.pipedrive.receiving import ACCEPTED, EncodedError, TooLargeError

CHATTY = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy", "httpcore.socks")
"""Loggers that write addresses, which may hold a token: httpx logs every URL, httpcore what servers send."""

ERRORS = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, TimeoutError, UnicodeError)
"""Errors of a request without a complete response; UnicodeError is raised for an invalid host name."""

_PASSING = {502, 503, 504}
"""Statuses of a proxy that cannot reach the host at the moment."""


def options(url: str, network: Network, timeouts: Timeouts, tls: ssl.SSLContext) -> dict[str, Any]:
    """Return the arguments of a client for one address; the client itself ignores the environment."""
    proxy = network.proxy_for(url)
    return {
        "verify": tls,
        "proxy": httpx.Proxy(proxy.url, ssl_context=tls if proxy.url.startswith("https:") else None)
        if proxy
        else None,
        "follow_redirects": False,
        "trust_env": False,
        "timeout": httpx.Timeout(timeouts.read, connect=timeouts.connect),
        "headers": {
            "accept": "application/json",
            "accept-encoding": ACCEPTED,
            "user-agent": f"pipedrive-graph/{__version__}",
        },
    }


def failure(error: Exception, proxy: Proxy | None, redaction: Redaction) -> TransportError:
    """Return the error in our own words, because httpx's messages contain the address."""
    refusal = _refusal(error, proxy)
    if refusal is not None:
        return refusal
    return TransportError(_fault(error), redaction.text(_describe(error, proxy)))


def _refusal(error: Exception, proxy: Proxy | None) -> TransportError | None:
    """Return the error of a proxy that refuses the connection; None if a proxy is not the cause."""
    if proxy is None or not isinstance(error, httpx.ProxyError):
        return None
    status = re.match(r"\d{3}\b", str(error))
    code = int(status[0]) if status else None
    named = f"{PROXY_OF} {proxy.variable}"
    if code == 407:
        return TransportError(Fault.PROXY, f"{named} requires another user name or password (status 407)")
    if code is None:
        return TransportError(Fault.CONNECT, f"{named} does not respond like a proxy")
    if code in _PASSING:
        return TransportError(Fault.CONNECT, f"{named} cannot reach the server (status {code})")
    return TransportError(Fault.PROXY, f"{named} refuses the connection (status {code})")


def _fault(error: Exception) -> Fault:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.InvalidURL | UnicodeError):
        return Fault.CONNECT
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Fault.TIMEOUT
    return Fault.TOO_LARGE if isinstance(error, TooLargeError) else Fault.CUT


def _describe(error: Exception, proxy: Proxy | None) -> str:
    """Return a short description of the error, from the system's own error if there is one."""
    to = f" to {PROXY_OF} {proxy.variable}" if proxy else ""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror | UnicodeError):
            return (
                f"the host name of {PROXY_OF} {proxy.variable} cannot be resolved" if proxy else _UNRESOLVED
            )
        if isinstance(cause, ConnectionRefusedError):
            return f"the connection{to} is refused"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not trusted ({cause.verify_message})"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectTimeout):
        return f"the connection{to} timed out"
    if isinstance(error, httpx.ConnectError):
        return f"the connection{to} fails"
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "the request timed out"
    if isinstance(error, TooLargeError | EncodedError):
        return str(error)
    return "the answer was cut short"


_UNRESOLVED = "the host name cannot be resolved"
