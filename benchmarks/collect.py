"""One company, collected by this project, by a plain asyncio script and by dlt's rest_api source: a table.

Each runs in a process of its own, one after the other, against the same simulator, which is another one.
Seconds are those from the first request's arrival to the last one's. `share` is that of the allowed rate:
for n calls under a limit of k per 2 s the fastest possible span is 2·⌊(n-1)/k⌋ s; divided by the span
less three latencies. The simulator's CDN, which blocks who goes on in spite of many 429s, is turned off.
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
"""Widths of the script's semaphore: the one that did best of 10, 20, 50 and 100."""
WORKERS = (5, 20)
"""Threads of dlt's extract step: its default, and what did best of 5, 10 and 20."""
BLOCKS_AFTER = Options(limit=LIMIT).block_after

Collector = Callable[[str, str, str], str]
"""Collects the company at a URL with a token into a folder."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one of them fared, as the server saw it.

    Attributes:
        seconds: from the first arrival to the last.
        calls: different paths that were answered, be it with 404.
        requests: how many arrived.
        throttled: how many of them were answered with 429.
        share: of the allowed rate.
        failure: what went wrong, if anything did.
    """

    seconds: float
    calls: int
    requests: int
    throttled: int
    share: float
    failure: str | None = None


def outcome(arrivals: list[Arrival], options: Options, failure: str | None = None) -> Outcome:
    """Return how somebody fared, from what arrived of it."""
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
    """Let one of them collect the company."""
    before = len(server.arrivals())
    failure = None
    with tempfile.TemporaryDirectory() as folder:
        try:
            collector(server.url, server.token, folder)
        except process.FailedError as error:
            failure = str(error)
    arrivals = server.arrivals()[before:]
    time.sleep(1.1 * options.window)  # the next one begins with an empty window
    return outcome(arrivals, options, failure)


def collectors(at_once: Iterable[int], workers: Iterable[int]) -> dict[str, Collector]:
    """Return who collects, by name; dlt only where it is installed."""
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
    told = parser.parse_args()
    options = Options(
        users=told.users,
        limit=told.limit,
        latency=told.latency,
        jitter=told.latency / 10,
        block_after=1_000_000,
    )
    table = Table("", "calls", "seconds", "requests", "429s", "share", title="Collecting")
    notes = []
    ignored = False
    with served(options) as server:
        for name, collector in track(collectors(told.at_once, told.workers).items(), "Collecting"):
            got = measure(server, options, collector)
            ignored |= got.throttled > BLOCKS_AFTER
            table.add_row(
                name,
                f"{got.calls:,}",
                f"{got.seconds:.1f}",
                f"{got.requests:,}",
                f"{got.throttled:,}{'*' if got.throttled > BLOCKS_AFTER else ''}",
                f"{got.share:.3f}" if got.share else "-",
                style="red" if got.failure else None,
            )
            if got.failure:
                notes.append(f"{name}: {got.failure}")
    if not find_spec("dlt"):
        table.add_row("dlt rest_api: see `make benchmarks`", style="dim")
    console = Console()
    console.print(table)
    if ignored:
        notes.append("* Pipedrive's CDN may block who takes so many 429s no notice of.")
    for note in notes:
        console.print(note)


if __name__ == "__main__":
    main()
