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
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class AppServer:
    """Serves one application; the port stays the same when it is stopped and started again.

    Attributes:
        host: the address to listen on.
        port: 0 before the first start where a free one was asked for.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where it answers, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self, app: ASGIApp) -> None:
        """Listen, and return once requests are answered.

        Raises:
            PortInUseError: if the port is taken.
            OSError: if the address cannot be listened on for another reason.
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
        """Close the port and every connection; does nothing where the server does not run."""
        if self._server is None or self._thread is None:
            return
        # Requests that hang on purpose are not waited for.
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()
        self._server = self._thread = None
