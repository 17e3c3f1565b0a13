"""Measures how close the client comes to the burst limit, and how often it is throttled; prints a table.

For n calls and a limit of k per 2 s, the shortest possible time from the first arrival to the last is
2·⌊(n-1)/k⌋ s. The share is that, divided by the measured time less three latencies. If another integration
uses the same token, the share refers to the rate that it leaves. The simulator and the other integration
have their own processes.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.others import OTHERS_PATH, others
from benchmarks.serving import Arrival, served
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.simulator.server import Options

LIMITS = (20, 40, 80, 120, 240, 480)
LATENCIES = (0.02, 0.15, 0.5, 1.0, 2.0)
SHARED = ((40, 5.0), (80, 20.0), (480, 60.0))
"""Limits, and calls per second of another integration with the same token."""
TAKEN = (200, 404)
"""Statuses of requests that the server counted and answered."""
WINDOWS = 6
BAR = 0.97
MOST_REFUSED = 0.01
"""Largest share of 429s if another integration uses the token; otherwise there must be none."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run.

    Attributes:
        share: used part of the allowed rate, see above.
        calls: number of our requests that arrived.
        throttled: number of our requests that were answered with 429.
        span: seconds from the first arrival to the last.
        cpu: seconds of this process's processor time per 1,000 calls.
    """

    share: float
    calls: int
    throttled: int
    span: float
    cpu: float

    def reaches_the_bar(self, *, alone: bool) -> bool:
        """Whether the run was fast enough, with few enough 429s."""
        if alone:
            return self.share >= BAR and self.throttled == 0
        return self.throttled <= MOST_REFUSED * self.calls


def calls(users: list[int], number: int) -> Iterator[Call]:
    """Yield this number of calls, by cycling through the users."""
    for user in itertools.islice(itertools.cycle(users), number):
        yield Call(Endpoint.PERMISSIONS, str(user))


def share(arrivals: list[Arrival], limit: int, window: float, latency: float) -> float:
    """Return the used share of the allowed rate."""
    times = sorted(arrival.at for arrival in arrivals if arrival.status in TAKEN)
    fastest = window * ((len(times) - 1) // limit)
    return fastest / (times[-1] - times[0] - 3 * latency)


def measure(options: Options, windows: int = WINDOWS, rate: float = 0.0) -> Measured:
    """Make the calls of several full windows, and measure.

    Args:
        options: options of the simulator.
        windows: number of windows.
        rate: calls per second of another integration with the same token; 0 for none.
    """

    async def run(url: str, token: str, users: list[int]) -> None:
        async with Pipedrive(url, token, on_warning=print) as client:
            await client.preflight()
            async for _ in client.fetch_all(calls(users, windows * options.limit)):
                pass

    with (
        served(options) as server,
        others(server.url, server.token, rate) if rate else nullcontext(),
    ):
        if rate:
            time.sleep(1.1 * options.window)  # until the other integration has filled a window
        before = time.process_time()
        asyncio.run(run(server.url, server.token, server.users))
        cpu = time.process_time() - before
        arrivals = [seen for seen in server.arrivals() if not rate or seen.path != OTHERS_PATH]
    statuses = Counter(arrival.status for arrival in arrivals)
    span = max(arrival.at for arrival in arrivals) - min(arrival.at for arrival in arrivals)
    if rate:
        left = options.limit / options.window - rate
        used = statuses[200] / span / left
    else:
        used = share(arrivals, options.limit, options.window, options.latency)
    return Measured(used, len(arrivals), statuses[429], span, cpu / len(arrivals) * 1000)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pacing", description=__doc__)
    parser.add_argument("--limit", type=int, nargs="*", default=LIMITS, help="requests per 2 s")
    parser.add_argument("--latency", type=float, nargs="*", default=LATENCIES, help="seconds")
    parser.add_argument("--windows", type=int, default=WINDOWS, help="length of each run, in windows of 2 s")
    arguments = parser.parse_args()
    alone = [(limit, latency, 0.0) for limit in arguments.limit for latency in arguments.latency]
    shared = [(limit, 0.15, rate) for limit, rate in SHARED if limit in arguments.limit]
    heads = (
        "window",
        "limit",
        "others per s",
        "latency s",
        "calls",
        "seconds",
        "share",
        "429s",
        "CPU s / 1,000",
    )
    table = Table(*heads, title="Pacing")
    missed = 0
    runs = [(fixed, *run) for fixed in (False, True) for run in (*alone, *shared)]
    for fixed, limit, latency, rate in track(runs, "Measuring"):
        options = Options(users=200, limit=limit, latency=latency, jitter=latency / 10, fixed_window=fixed)
        result = measure(options, arguments.windows, rate)
        good = result.reaches_the_bar(alone=not rate)
        missed += not good
        table.add_row(
            "fixed" if fixed else "sliding",
            f"{limit}",
            f"{rate:g}",
            f"{latency:g}",
            f"{result.calls:,}",
            f"{result.span:.2f}",
            f"{result.share:.3f}",
            f"{result.throttled}",
            f"{result.cpu:.2f}",
            style=None if good else "red",
        )
    console = Console()
    console.print(table)
    console.print(
        f"{len(runs)} runs, {missed} of them below the bar: {BAR:.0%} of the rate without a 429 on an"
        f" exclusive token, at most {MOST_REFUSED:.0%} of 429s on a shared one."
    )


if __name__ == "__main__":
    main()
