"""Types of one HTTP exchange: authorisation, timeouts, responses and errors.

They are apart from the transport, so that code that interprets responses does not depend on how requests
are sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pipedrive_graph.common.redaction import Redaction

PROXY_OF = "the proxy of"
"""Part of a TransportError's message if the proxy is at fault."""


class AuthForm(StrEnum):
    """How the token is sent."""

    HEADER = "header"
    QUERY = "query"
    BEARER = "bearer"


class Bearer(Protocol):
    """An access token that changes, and its API address; both are read for each request."""

    @property
    def access_token(self) -> str:
        """The current token."""

    @property
    def base_url(self) -> str:
        """The current address, checked to be one that the token may be sent to."""

    @property
    def redaction(self) -> Redaction:
        """Knows every value that the token has had."""


class Fault(StrEnum):
    """Why a request was not answered."""

    CONNECT = "connect"
    CUT = "cut"
    PROXY = "proxy"
    """The proxy refuses the connection: it responds, so another attempt has the same result."""
    TIMEOUT = "timeout"
    TOO_LARGE = "too large"


class TransportError(Exception):
    """A request without a response.

    Attributes:
        fault: the kind of fault.
    """

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds after which a request is abandoned.

    Attributes:
        connect: for the name, the connection and TLS.
        read: for the next bytes of the response.
        total: for all of it, from connecting to the last byte.
    """

    connect: float = 5.0
    read: float = 30.0
    total: float = 120.0


@dataclass(frozen=True, slots=True)
class Response:
    """A response as received.

    Attributes:
        status: the HTTP status.
        headers: by name in lower case.
        body: decompressed, at most 64 MiB.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
