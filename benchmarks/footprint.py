"""Measures collecting a large company: memory, and processor time per 1,000 requests; prints a table.

A separate process collects the company as `sync --collect every-user` does. The simulator also has its own
process, with limits so high that only the two processors matter.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks import process
from benchmarks.serving import served
from pipedrive_graph.simulator.server import Options

USERS = 40_000
BAR = 400 * 10**6
"""The most memory, in bytes, for collecting 40,000 users."""
_LIMIT = 2_000
"""Requests per 2 s: four times the largest plan, and more than two processors can handle."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """The measurements of one collection.

    Attributes:
        requests: number of requests that arrived.
        repeated: number of requests that were not the first for their path and query.
        peak: the largest resident set of the collecting process, in bytes.
        cpu: seconds of processor time per 1,000 requests, including the start.
        seconds: from the start of the process to its end.
    """

    requests: int
    repeated: int
    peak: int
    cpu: float
    seconds: float


def measure(users: int, latency: float = 0.15) -> Footprint:
    """Collect a company once.

    Raises:
        FailedError: if the snapshot is not complete.
    """
    options = Options(users=users, limit=_LIMIT, latency=latency)
    with served(options) as server, tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        collected = json.loads(process.run("benchmarks.ours", server.url, server.token, folder))
        seconds = time.monotonic() - started
        seen = Counter(arrival.path for arrival in server.arrivals())
    if collected["status"] != "complete":
        raise process.FailedError(f"the snapshot is {collected['status']}")
    requests = seen.total()
    return Footprint(
        requests, requests - len(seen), collected["peak"], collected["cpu"] / requests * 1000, seconds
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footprint", description=__doc__)
    parser.add_argument("--users", type=int, nargs="*", default=[USERS], help="users of the company")
    parser.add_argument("--latency", type=float, default=0.15, help="seconds")
    arguments = parser.parse_args()
    heads = ("users", "requests", "seconds", "peak memory", "CPU s / 1,000 requests")
    table = Table(*heads, title="Footprint of collecting")
    for users in arguments.users:
        result = measure(users, arguments.latency)
        table.add_row(
            f"{users:,}",
            f"{result.requests:,}",
            f"{result.seconds:.1f}",
            f"{result.peak / 10**6:.0f} MB",
            f"{result.cpu:.2f}",
            style="red" if result.peak > BAR else None,
        )
    console = Console()
    console.print(table)
    console.print(f"The bar is {BAR / 10**6:.0f} MB for {USERS:,} users.")


if __name__ == "__main__":
    main()
