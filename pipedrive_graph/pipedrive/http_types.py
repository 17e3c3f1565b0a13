"""The words for one exchange over HTTP: how it is authorised, how long it may take, how it ends.

They are apart from the transport so that who judges an answer need not know what sent the question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pipedrive_graph.common.redaction import Redaction

PROXY_OF = "the proxy of"
"""What the message of a TransportError holds where the proxy is at fault."""


class AuthForm(StrEnum):
    """Where the token travels."""

    HEADER = "header"
    QUERY = "query"
    BEARER = "bearer"


class Bearer(Protocol):
    """An access token that changes, and the address that it is for; both are read for each request."""

    @property
    def access_token(self) -> str:
        """The token as it is now."""

    @property
    def base_url(self) -> str:
        """The address as it is now, known to be one to which the token may go."""

    @property
    def redaction(self) -> Redaction:
        """Knows every value that the token has had."""


class Fault(StrEnum):
    """What kind of thing kept a request from being answered."""

    CONNECT = "connect"
    CUT = "cut"
    PROXY = "proxy"
    """The proxy refuses to connect us: it answers, so another attempt brings the same."""
    TIMEOUT = "timeout"
    TOO_LARGE = "too large"


class TransportError(Exception):
    """A request has no answer.

    Attributes:
        fault: what kind of fault it was.
    """

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds after which a request is given up.

    Attributes:
        connect: for the name, the connection and TLS.
        read: for the next bytes of the answer.
        total: for all of it, from connecting to the last byte.
    """

    connect: float = 5.0
    read: float = 30.0
    total: float = 120.0


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as it came.

    Attributes:
        status: the HTTP status.
        headers: by name in lower case.
        body: decompressed, at most 64 MiB.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
