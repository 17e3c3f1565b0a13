"""Compares this project, a plain asyncio script and dlt's rest_api source on one company; prints a table.

They run one after the other, each in its own process, against one simulator in another process. Seconds are
measured from the arrival of the first request to that of the last. `share` is the used part of the allowed
rate: for n calls and a limit of k per 2 s, the shortest possible time is 2·⌊(n-1)/k⌋ s; that is divided by
the measured time less three latencies. The simulator's CDN, which blocks clients that ignore many 429s, is
off.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import process
from benchmarks.pacing import TAKEN, share
from benchmarks.serving import Arrival, Served, served
from pipedrive_graph.simulator.server import Options

USERS = 600
LIMIT = 80
LATENCY = 0.15
AT_ONCE = (20,)
"""Sizes of the script's semaphore: 20 was the fastest of 10, 20, 50 and 100."""
WORKERS = (5, 20)
"""Threads of dlt's extract step: its default, and the fastest of 5, 10 and 20."""
BLOCKS_AFTER = Options(limit=LIMIT).block_after

Collector = Callable[[str, str, str], str]
"""Collects the company at a URL, with a token, into a folder."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The measurements of one collector, taken by the server.

    Attributes:
        seconds: from the first request to the last.
        calls: number of different paths that were answered, including 404.
        requests: number of requests that arrived.
        throttled: number of requests that were answered with 429.
        share: used part of the allowed rate.
        failure: the error, if the collector failed.
    """

    seconds: float
    calls: int
    requests: int
    throttled: int
    share: float
    failure: str | None = None


def outcome(arrivals: list[Arrival], options: Options, failure: str | None = None) -> Outcome:
    """Return the measurements of one collector, from its requests."""
    times = [arrival.at for arrival in arrivals]
    statuses = [arrival.status for arrival in arrivals]
    return Outcome(
        max(times) - min(times) if times else 0.0,
        len({arrival.path for arrival in arrivals if arrival.status in TAKEN}),
        len(arrivals),
        statuses.count(429),
        share(arrivals, options.limit, options.window, options.latency)
        if set(TAKEN) & set(statuses)
        else 0.0,
        failure,
    )


def measure(server: Served, options: Options, collector: Collector) -> Outcome:
    """Let one collector collect the company."""
    before = len(server.arrivals())
    failure = None
    with tempfile.TemporaryDirectory() as folder:
        try:
            collector(server.url, server.token, folder)
        except process.FailedError as error:
            failure = str(error)
    arrivals = server.arrivals()[before:]
    time.sleep(1.1 * options.window)  # the next collector starts with an empty window
    return outcome(arrivals, options, failure)


def collectors(at_once: Iterable[int], workers: Iterable[int]) -> dict[str, Collector]:
    """Return the collectors by name; dlt only if it is installed."""
    named: dict[str, Collector] = {"pipedrive_graph: collect": partial(process.run, "benchmarks.ours")}
    for width in at_once:
        named[f"asyncio script, semaphore of {width}"] = _run("benchmarks.plain", width)
    for width in workers if find_spec("dlt") else ():
        named[f"dlt rest_api, {width} workers"] = _run("benchmarks.with_dlt", width)
    return named


def _run(module: str, width: int) -> Collector:
    return lambda url, token, folder: process.run(module, url, token, folder, str(width))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collect", description=__doc__)
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--limit", type=int, default=LIMIT, help="requests per 2 s")
    parser.add_argument("--latency", type=float, default=LATENCY, help="seconds")
    parser.add_argument("--at-once", type=int, nargs="*", default=AT_ONCE, help="width of the semaphore")
    parser.add_argument("--workers", type=int, nargs="*", default=WORKERS, help="threads of dlt")
    arguments = parser.parse_args()
    options = Options(
        users=arguments.users,
        limit=arguments.limit,
        latency=arguments.latency,
        jitter=arguments.latency / 10,
        block_after=1_000_000,
    )
    table = Table("", "calls", "seconds", "requests", "429s", "share", title="Collecting")
    notes = []
    ignored = False
    with served(options) as server:
        for name, collector in track(collectors(arguments.at_once, arguments.workers).items(), "Collecting"):
            result = measure(server, options, collector)
            ignored |= result.throttled > BLOCKS_AFTER
            table.add_row(
                name,
                f"{result.calls:,}",
                f"{result.seconds:.1f}",
                f"{result.requests:,}",
                f"{result.throttled:,}{'*' if result.throttled > BLOCKS_AFTER else ''}",
                f"{result.share:.3f}" if result.share else "-",
                style="red" if result.failure else None,
            )
            if result.failure:
                notes.append(f"{name}: {result.failure}")
    if not find_spec("dlt"):
        table.add_row("dlt rest_api: see `make benchmarks`", style="dim")
    console = Console()
    console.print(table)
    if ignored:
        notes.append("* Pipedrive's CDN may block clients that ignore so many 429s.")
    for note in notes:
        console.print(note)


if __name__ == "__main__":
    main()
