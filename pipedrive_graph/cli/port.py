"""The port that a command serves on."""

from __future__ import annotations

import os
import socket

from pipedrive_graph.errors import ConfigurationError

LOOPBACK = "127.0.0.1"


def check_free(host: str, port: int, *, what: str) -> None:
    """Report a port that another program has, before anything is started.

    Args:
        host: the address to listen on.
        port: the port.
        what: what is to be served there, and where, for the message.

    Raises:
        ConfigurationError: if nothing can be served there.
    """
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise ConfigurationError(
            f"Cannot serve {what} ({os.strerror(error.errno or 0)}); --port takes another."
        ) from error
