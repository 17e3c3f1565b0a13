"""How close to Pipedrive's burst limit the client comes, and how often it is sent away: a table.

For n calls under a limit of k per 2 s the fastest possible span from first to last arrival is
2·⌊(n-1)/k⌋ s; the share is that, divided by the span less three latencies. Simulator and client run in
processes of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.serving import Arrival, served
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.simulator.server import Options

LIMITS = (20, 40, 80, 120, 240, 480)
LATENCIES = (0.02, 0.15, 0.5, 1.0, 2.0)
WINDOWS = 8
BAR = 0.97


@dataclass(frozen=True, slots=True)
class Measured:
    """One run.

    Attributes:
        share: of the allowed rate, as above.
        calls: how many were made.
        throttled: how many were answered with 429.
        span: seconds from the first arrival to the last.
        cpu: seconds of processor time that this process spent per 1,000 calls.
    """

    share: float
    calls: int
    throttled: int
    span: float
    cpu: float


def calls(users: list[int], number: int) -> Iterator[Call]:
    """Yield as many calls as wanted, over and over the same users."""
    for user in itertools.islice(itertools.cycle(users), number):
        yield Call(Endpoint.PERMISSIONS, str(user))


def share(arrivals: list[Arrival], limit: int, window: float, latency: float) -> float:
    """Return which share of the allowed rate was used."""
    times = sorted(arrival.at for arrival in arrivals if arrival.status == 200)
    fastest = window * ((len(times) - 1) // limit)
    return fastest / (times[-1] - times[0] - 3 * latency)


def measure(options: Options, windows: int = WINDOWS) -> Measured:
    """Make as many calls as fill so many windows, and one more."""

    async def run(url: str, token: str, users: list[int]) -> None:
        async with Pipedrive(url, token, warn=print) as client:
            await client.preflight()
            async for _ in client.fetch_all(calls(users, windows * options.limit)):
                pass

    with served(options) as server:
        before = time.process_time()
        asyncio.run(run(server.url, server.token, server.users))
        cpu = time.process_time() - before
        arrivals = server.arrivals()
    statuses = Counter(arrival.status for arrival in arrivals)
    return Measured(
        share(arrivals, options.limit, options.window, options.latency),
        len(arrivals),
        statuses[429],
        max(arrival.at for arrival in arrivals) - min(arrival.at for arrival in arrivals),
        cpu / len(arrivals) * 1000,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pacing", description=__doc__)
    parser.add_argument("--limit", type=int, nargs="*", default=LIMITS, help="requests per 2 s")
    parser.add_argument("--latency", type=float, nargs="*", default=LATENCIES, help="seconds")
    parser.add_argument("--windows", type=int, default=WINDOWS, help="length of each run, in windows of 2 s")
    told = parser.parse_args()
    console = Console()
    table = Table(
        "window", "limit", "latency s", "calls", "seconds", "share", "429s", "CPU s / 1,000", title="Pacing"
    )
    worst = 1.0
    for fixed, limit, latency in itertools.product((False, True), told.limit, told.latency):
        options = Options(users=200, limit=limit, latency=latency, jitter=latency / 10, fixed_window=fixed)
        got = measure(options, told.windows)
        good = got.share >= BAR and not got.throttled
        worst = min(worst, got.share)
        row = (
            "fixed" if fixed else "sliding",
            f"{limit}",
            f"{latency:g}",
            f"{got.calls:,}",
            f"{got.span:.2f}",
            f"{got.share:.3f}",
            f"{got.throttled}",
            f"{got.cpu:.2f}",
        )
        table.add_row(*row, style=None if good else "red")
        console.print(*row)
    console.print(table)
    console.print(f"Least share {worst:.3f} (the bar is {BAR}).")


if __name__ == "__main__":
    main()
