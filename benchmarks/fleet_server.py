"""Serves many simulated companies from one process, each with its own path and its own limits."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from benchmarks.beside import beside
from benchmarks.snapshots import company_of, live_on, name_of
from pipedrive_graph.simulator.middleware import SeenRequest
from pipedrive_graph.simulator.server import Options, create_app
from pipedrive_graph.simulator.serving import AppServer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Counted:
    """The number of requests of all companies, and of those that were answered with 429."""

    requests: int
    throttled: int


class ServedFleet:
    """Simulated companies in another process.

    Attributes:
        urls: the base URL of each company, by its name.
        token: an admin's token, the same for all companies.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.urls: dict[str, str]
        self.token: str
        self.urls, self.token = connection.recv()

    def arrived(self) -> int:
        """Return the number of requests since the last `count`."""
        self._connection.send("arrived")
        number: int = self._connection.recv()
        return number

    def count(self) -> Counted:
        """Return the counts since the last call, and reset them."""
        self._connection.send("count")
        counted: Counted = self._connection.recv()
        return counted

    def live_on(self, changed: float) -> None:
        """Let a day pass in each company: most users log in, and a share of them gets a changed flag."""
        self._connection.send(changed)
        self._connection.recv()


@contextmanager
def served_fleet(companies: int, users: int, options: Options) -> Iterator[ServedFleet]:
    """Serve companies until the block ends."""
    with beside(_serve, companies, users, options) as connection:
        yield ServedFleet(connection)


def _serve(number: int, users: int, options: Options, connection: Connection) -> None:
    began = datetime.now(UTC)
    fleet = {name_of(place): company_of(users, place, began) for place in range(number)}
    seen: list[SeenRequest] = []
    apps = {name: create_app(company, options, requests=seen) for name, company in fleet.items()}
    chance = random.Random(0)  # noqa: S311 - reproducible on purpose
    nights = 0
    server = AppServer()
    server.start(_below_paths(apps))
    connection.send(({name: f"{server.address}/{name}/v1" for name in fleet}, options.token))
    while True:
        try:
            order = connection.recv()
        except EOFError:
            server.stop()
            return
        if order == "arrived":
            connection.send(len(seen))
        elif order == "count":
            connection.send(Counted(len(seen), sum(request.status == 429 for request in seen)))
            seen.clear()
        else:
            nights += 1
            for company in fleet.values():
                live_on(company, chance, began + timedelta(days=nights), order)
            connection.send(None)


def _below_paths(apps: dict[str, ASGIApp]) -> ASGIApp:
    """Return an application that dispatches each request by the first part of its path."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        _, name, rest = scope["path"].split("/", 2)
        await apps[name]({**scope, "path": f"/{rest}"}, receive, send)

    return run
