"""What collecting a large company takes: memory, and processor time per 1,000 requests: a table.

The company is read as `sync --collect every-user` reads it, by a process of its own; so is the simulator,
whose limits are raised so far that only the two processors count.
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
"""Bytes of memory that collecting 40,000 users may take at most."""
_LIMIT = 2_000
"""Requests per 2 s: four times those of the largest plan, and more than two processors get through."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one collection took.

    Attributes:
        requests: how many the server saw.
        repeated: how many of them were not the first for their path and query.
        peak: the largest resident set of the collecting process, in bytes.
        cpu: seconds of processor time per 1,000 requests, its start included.
        seconds: from the start of the process to its end.
    """

    requests: int
    repeated: int
    peak: int
    cpu: float
    seconds: float


def measure(users: int, latency: float = 0.15) -> Footprint:
    """Collect a company of so many users once.

    Raises:
        FailedError: if that does not end in a complete snapshot.
    """
    options = Options(users=users, limit=_LIMIT, latency=latency)
    with served(options) as server, tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        told = json.loads(process.run("benchmarks.ours", server.url, server.token, folder))
        seconds = time.monotonic() - started
        seen = Counter(arrival.path for arrival in server.arrivals())
    if told["status"] != "complete":
        raise process.FailedError(f"the snapshot is {told['status']}")
    requests = seen.total()
    return Footprint(requests, requests - len(seen), told["peak"], told["cpu"] / requests * 1000, seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footprint", description=__doc__)
    parser.add_argument("--users", type=int, nargs="*", default=[USERS], help="users of the company")
    parser.add_argument("--latency", type=float, default=0.15, help="seconds")
    told = parser.parse_args()
    heads = ("users", "requests", "seconds", "peak memory", "CPU s / 1,000 requests")
    table = Table(*heads, title="Footprint of collecting")
    for users in told.users:
        got = measure(users, told.latency)
        table.add_row(
            f"{users:,}",
            f"{got.requests:,}",
            f"{got.seconds:.1f}",
            f"{got.peak / 10**6:.0f} MB",
            f"{got.cpu:.2f}",
            style="red" if got.peak > BAR else None,
        )
    console = Console()
    console.print(table)
    console.print(f"The bar is {BAR / 10**6:.0f} MB for {USERS:,} users.")


if __name__ == "__main__":
    main()
