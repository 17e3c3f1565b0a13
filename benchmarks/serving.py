"""Runs the simulator in a separate process, so that it does not share a core with the measured one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

from benchmarks.beside import beside
from pipedrive_graph.simulator.server import Options, Simulator


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that arrived at the server: time.monotonic(), path, and status of the response."""

    at: float
    path: str
    status: int | None


class Served:
    """A simulator in another process.

    Attributes:
        url: its base URL.
        token: an admin's token.
        users: the ids of the company's users.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.url, self.token, self.users = connection.recv()

    def arrivals(self) -> list[Arrival]:
        """Return every request so far, in order of arrival."""
        self._connection.send("arrivals")
        seen: list[Arrival] = self._connection.recv()
        return seen


@contextmanager
def served(options: Options) -> Iterator[Served]:
    """Serve a simulated company until the block ends."""
    with beside(_serve, options) as connection:
        yield Served(connection)


def _serve(options: Options, connection: Connection) -> None:
    with Simulator(options) as simulator:
        connection.send((simulator.url, simulator.token, sorted(simulator.company.users)))
        while True:
            try:
                connection.recv()
            except EOFError:
                return
            connection.send([Arrival(seen.at, seen.path, seen.status) for seen in simulator.requests])
