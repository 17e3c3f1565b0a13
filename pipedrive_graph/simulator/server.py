"""Serves a simulated company over HTTP: in a thread for tests, or until interrupted for people.

with Simulator(Options(users=40, limit=20)) as simulator:
    ...simulator.url, simulator.token, simulator.company, simulator.faults, simulator.requests
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from pipedrive_graph.simulator.anomalies.visibility import expected
from pipedrive_graph.simulator.api import Api, no_such_path
from pipedrive_graph.simulator.company import generate
from pipedrive_graph.simulator.faults import Faults
from pipedrive_graph.simulator.limits import Limits
from pipedrive_graph.simulator.middleware import ApiMiddleware, SeenRequest
from pipedrive_graph.simulator.model import Company, written
from pipedrive_graph.simulator.oauth import Authority
from pipedrive_graph.simulator.options import Options
from pipedrive_graph.simulator.serving import AppServer
from pipedrive_graph.simulator.sockets import PortInUseError
from pipedrive_graph.simulator.truth import write_truth

__all__ = ["Options", "PortInUseError", "Simulator", "create_app", "serve"]

_TOKENS_PER_SEAT = 90_000  # 30,000 times the multiplier of the plan that allows 80 requests per window
_REQUESTS_PER_DAY = 80_000


def create_app(
    company: Company,
    options: Options,
    *,
    faults: Faults | None = None,
    limits: Limits | None = None,
    requests: list[SeenRequest] | None = None,
    authority: Authority | None = None,
) -> Starlette:
    """Return the simulator as an ASGI application.

    Args:
        company: the data; may be changed while the application runs.
        options: the behaviour; the options about the company and the address are ignored.
        faults: the fault rules; none by default.
        limits: the accounts of the tokens; new ones by default.
        requests: a list to which each request is appended.
        authority: the authorisation server; a new one by default.
    """
    authority = authority or Authority(options, company.id)
    gate = Middleware(
        ApiMiddleware,
        company=company,
        options=options,
        limits=limits or Limits(options, daily_limit(company, options)),
        faults=faults or Faults(),
        requests=[] if requests is None else requests,
        authority=authority,
    )
    app = Starlette(
        routes=[*Api(company, options).routes(), *authority.routes()],
        middleware=[gate],
        exception_handlers={HTTPException: no_such_path},
    )
    app.router.redirect_slashes = False
    return app


def daily_limit(company: Company, options: Options) -> int:
    """Return the daily budget: `daily_limit`, else tokens per seat (official) or requests (brief)."""
    if options.daily_limit is not None:
        return options.daily_limit
    if options.dialect == "brief":
        return _REQUESTS_PER_DAY
    return _TOKENS_PER_SEAT * sum(user.active for user in company.users.values())


class Simulator:
    """A simulated Pipedrive on a real socket, served from a daemon thread.

    It can be stopped and started again. It then has the same port and the same state: the company, the
    faults, the request log, the accounts of the tokens, and the issued OAuth tokens.
    """

    def __init__(self, options: Options | None = None, *, company: Company | None = None) -> None:
        self.options = options or Options()
        self.company = company or generate(
            self.options.users,
            self.options.seed,
            self.options.now,
            self.options.clean,
            self.options.plan,
        )
        self.faults = Faults()
        self.requests: list[SeenRequest] = []
        self.limits = Limits(self.options, daily_limit(self.company, self.options))
        self.authority = Authority(self.options, self.company.id)
        self._server = AppServer(self.options.host, self.options.port)
        if self.options.truth is not None:
            write_truth(self.company, self.options.dialect, self.options.truth)

    @property
    def url(self) -> str:
        """The base URL, which ends in /v1; it stays the same after the first start."""
        return f"{self._server.address}/v1"

    @property
    def oauth_url(self) -> str:
        """The address of the authorisation server."""
        return self._server.address

    @property
    def token(self) -> str:
        """The token of the company's first user, an admin."""
        return self.options.token

    @property
    def port(self) -> int:
        """The port; if 0 was given, it is 0 until the first start."""
        return self._server.port

    def truth(self) -> list[dict[str, str | None]]:
        """Return the findings of the planted anomalies in this dialect."""
        return self.company.truth(self.options.dialect)

    def visibility_truth(self) -> list[dict[str, str | None]]:
        """Return the findings about who can see what; a run that does not collect it has none of them."""
        return written(expected(self.company), self.options.dialect)

    def start(self) -> None:
        """Start the server, and return when it accepts requests.

        Raises:
            PortInUseError: if the port is taken.
            OSError: if it cannot listen on the address for another reason.
        """
        self._server.start(
            create_app(
                self.company,
                self.options,
                faults=self.faults,
                limits=self.limits,
                requests=self.requests,
                authority=self.authority,
            )
        )

    def stop(self) -> None:
        """Close the port and every connection; does nothing if the server is not running."""
        self._server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def serve(options: Options, print_line: Callable[[str], None] | None = None) -> None:
    """Print the address, and serve until SIGINT or SIGTERM.

    Args:
        options: the company, the address and the behaviour.
        print_line: called with each line; by default, lines go to standard output.

    Raises:
        PortInUseError: if the port is taken.
    """
    write = print_line or _print
    interrupted = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        interrupted.set()

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Simulator(options) as simulator:
            people = simulator.company.users.values()
            write(f"Pipedrive simulator at {simulator.url}")
            write(f"Token    {simulator.token}")
            write(f"Dialect  {options.dialect}")
            write(
                f"Company  {simulator.company.name}: {len(people):,} users,"
                f" {sum(user.active for user in people):,} of them active,"
                f" {len(simulator.company.roles):,} roles"
            )
            write(f"Plan     {options.plan}; with PIPEDRIVE_VISIBILITY=true, sync reads who can see what")
            write(f"Limit    {options.limit} requests per {options.window:g} s")
            write(f"OAuth    {simulator.oauth_url} for the app {options.client_id}")
            if options.truth is not None:
                write(f"Truth    {options.truth}: {len(simulator.truth())} findings")
            write("Stop it with Ctrl-C.")
            interrupted.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
