"""Serves an ASGI application on a real socket, from a daemon thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from pipedrive_graph.simulator.sockets import listen, with_transport

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_STARTING_SECONDS = 30


class _Server(uvicorn.Server):
    """A uvicorn server with an event for the moment when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class AppServer:
    """Serves one application; it can be stopped and started again on the same port.

    Attributes:
        host: the address to listen on.
        port: the port; if 0 was given, it is 0 until the first start.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """The base address, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self, app: ASGIApp) -> None:
        """Start the server, and return when it accepts requests.

        Raises:
            PortInUseError: if the port is taken.
            OSError: if it cannot listen on the address for another reason.
        """
        listener = listen(self.host, self.port)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            with_transport(app),
            log_config=None,
            log_level="critical",
            access_log=False,
            date_header=False,
            server_header=False,
            lifespan="off",
            ws="none",
        )
        self._server = server = _Server(config)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listener])),
            name="pipedrive-simulator",
            daemon=True,
        )
        self._thread.start()
        if not server.listening.wait(_STARTING_SECONDS):
            raise OSError(f"The simulator did not start within {_STARTING_SECONDS} seconds.")

    def stop(self) -> None:
        """Close the port and every connection; does nothing if the server is not running."""
        if self._server is None or self._thread is None:
            return
        # Do not wait for requests that hang on purpose.
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()
        self._server = self._thread = None
