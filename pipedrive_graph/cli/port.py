"""Checks the port that a command serves on."""

from __future__ import annotations

import os
import socket

from pipedrive_graph.errors import ConfigurationError

LOOPBACK = "127.0.0.1"


def check_free(host: str, port: int, *, what: str) -> None:
    """Check that a port is free, before anything is started.

    Args:
        host: the address to listen on.
        port: the port.
        what: what is served there, and where, for the message.

    Raises:
        ConfigurationError: if the port cannot be used.
    """
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise ConfigurationError(
            f"Cannot serve {what} ({os.strerror(error.errno or 0)}); choose another port with --port."
        ) from error
