"""The simulator's sockets: the listening socket, and access to each connection for faults that cut it."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING

from pipedrive_graph.simulator.middleware import TRANSPORT

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class PortInUseError(OSError):
    """Another program uses the port that the simulator should listen on."""


def listen(host: str, port: int) -> socket.socket:
    """Listen on a TCP port; 0 chooses a free port.

    Raises:
        PortInUseError: if the port is taken.
        OSError: if it cannot listen on the address for another reason.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on a socket that names the protocol TCP. Without it, each response on a
    # reused connection waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(
                f"Port {port} is in use by another program; choose another one, or 0 for a free one."
            ) from error
        raise
    return listener


def with_transport(app: ASGIApp) -> ASGIApp:
    """Put the connection into the scope; ASGI has no access to it, but the owner of uvicorn's `send` does."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        scope[TRANSPORT] = transport
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            # The simulator is stopping: close the connection, because uvicorn would respond 500.
            if transport is not None:
                transport.abort()
            raise

    return run
