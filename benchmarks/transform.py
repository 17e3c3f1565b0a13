"""Measures building a million users, from the landing to the published file; prints a table.

Snapshots of simulated companies are written once (`--home` keeps them). Separate processes then build them,
as `pipedrive-graph rebuild` does: the first night, for a tenth of the companies and for all, and one more
night with a changed flag of 1 % of the users.

With `--nights` above 2, the nights of one company are built one by one, as `pipedrive-graph sync` does.
Then the growth of the history and the files is measured, and the time of `access_at`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks import process
from benchmarks.snapshots import BEGINNING, LandingSpec, write

SECONDS, CORE, MEMORY = 90, 40, 4 * 10**9
"""Limits for the first night of a million users; the core is every step except `NOT_CORE`."""
NOT_CORE = {"peers", "judge", "publish"}
NIGHT, GROWTH = 1 / 3, 0.02
"""Limits for one more night: its share of the time of the first, and the growth of the history."""
YEAR_ROWS, YEAR_SIZE, ANSWER = 1.5, 3, 0.2
"""Limits for a year, compared with one night: history rows, size of the file; and seconds of `access_at`."""

Measured = dict[str, Any]
"""The output of `benchmarks.building`."""


def build(home: Path, *arguments: str) -> Measured:
    """Build a home folder's landing in a separate process."""
    measured: Measured = json.loads(process.run("benchmarks.building", str(home), *arguments))
    return measured


def forget(home: Path) -> None:
    """Remove the databases, and keep the landing."""
    for name in ("warehouse.duckdb", "warehouse.duckdb.wal", "identity_graph.duckdb"):
        (home / name).unlink(missing_ok=True)


def part(whole: Path, folder: Path, *, companies: int, nights: int) -> Path:
    """Create a home folder with the first companies and nights of another landing."""
    for company in sorted((whole / "landing").iterdir())[:companies]:
        (folder / "landing" / company.name).mkdir(parents=True)
        for night in sorted(company.iterdir())[:nights]:
            (folder / "landing" / company.name / night.name).symlink_to(night.resolve())
    return folder


def answer_times(home: Path, nights: int) -> list[float]:
    """The seconds of `access_at` for the first, the middle and the last night."""
    taken = []
    with duckdb.connect(str(home / "identity_graph.duckdb"), read_only=True) as graph:
        for night in (0, nights // 2, nights - 1):
            moment = (BEGINNING + timedelta(days=night, hours=1)).replace(tzinfo=None)
            started = time.perf_counter()
            graph.execute("SELECT count(*), count(roles) FROM access_at(?)", [moment]).fetchall()
            taken.append(time.perf_counter() - started)
    return taken


def two_nights(console: Console, home: Path, companies: int, users: int) -> None:
    """Measure a first night of a tenth and of all companies, and one more night."""
    tenth = max(1, companies // 10)
    with tempfile.TemporaryDirectory(dir=home) as folder:
        small = build(part(home, Path(folder) / "small", companies=tenth, nights=1))
        first = build(part(home, Path(folder) / "first", companies=companies, nights=1))
    both = build(home)
    steps = list(first["nights"][0])
    table = Table("", "users", "seconds", "core", *steps, "CPU", "memory", title="From landing to published")

    def row(what: str, count: int, seconds: float, night: dict[str, float], cpu: str, peak: str) -> None:
        core = sum(taken for name, taken in night.items() if name not in NOT_CORE)
        taken = [f"{night[name]:.1f}" for name in steps]
        table.add_row(what, f"{count * users:,}", f"{seconds:.1f}", f"{core:.1f}", *taken, cpu, peak)

    for what, count, measured in (("a tenth", tenth, small), ("first night", companies, first)):
        peak = f"{measured['peak'] / 10**6:,.0f} MB"
        row(what, count, measured["seconds"], measured["nights"][0], f"{measured['cpu']:.0f}", peak)
    again = both["nights"][1]
    seconds = sum(again.values())
    row("one more", companies, seconds, again, "", f"{both['peak'] / 10**6:,.0f} MB")
    console.print(table)
    growth = both["versions"][1] / both["versions"][0] - 1
    longer, again_share = first["seconds"] / small["seconds"], seconds / first["seconds"]
    console.print(
        f"{companies / tenth:.0f} times the companies take {longer:.1f} times as long; one more night "
        f"{again_share:.2f} of the first, with {growth:.2%} more history rows than "
        f"{both['versions'][0]:,}.\n"
        f"Warehouse {first['warehouse'] / 10**6:,.0f} MB, published {first['published'] / 10**6:,.0f} MB.\n"
        f"The bars for a million users: {SECONDS} s, {CORE} s for the core, {MEMORY / 10**9:.0f} GB; "
        f"one more night {NIGHT:.2f} of it, {GROWTH:.0%} more rows."
    )


def a_year(console: Console, home: Path, users: int, nights: int) -> None:
    """Measure many nights of one company, built one by one."""
    forget(home)
    first, last = build(home, "1"), build(home, str(nights - 1))
    answers = answer_times(home, nights)
    rows = last["versions"][-1] / first["versions"][0]
    size = last["warehouse"] / first["warehouse"]
    console.print(
        f"{nights} nights of {users:,} users, {last['seconds'] / (nights - 1):.2f} s each:\n"
        f"history rows {first['versions'][0]:,} → {last['versions'][-1]:,}, {rows:.2f} times "
        f"({YEAR_ROWS} at most)\n"
        f"warehouse {first['warehouse'] / 10**6:.1f} → {last['warehouse'] / 10**6:.1f} MB, {size:.2f} times "
        f"({YEAR_SIZE} at most)\n"
        f"published {first['published'] / 10**6:.1f} → {last['published'] / 10**6:.1f} MB\n"
        f"access_at at worst {max(answers) * 1000:.0f} ms ({ANSWER * 1000:.0f} at most)"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transform", description=__doc__)
    parser.add_argument("--companies", type=int, default=2000)
    parser.add_argument("--users", type=int, default=500, help="users of each company")
    parser.add_argument("--nights", type=int, default=2, help="more than 2: many nights of one company")
    parser.add_argument("--home", type=Path, help="folder in which the landing is kept for the next time")
    arguments = parser.parse_args()
    if arguments.nights > 2 and arguments.companies != 1:
        parser.error("many nights are measured on one company: add --companies 1")
    console = Console(width=140)
    with ExitStack() as stack:
        home = arguments.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write(home, LandingSpec(arguments.companies, arguments.users, max(2, arguments.nights)))
        if arguments.nights > 2:
            a_year(console, home, arguments.users, arguments.nights)
        else:
            two_nights(console, home, arguments.companies, arguments.users)


if __name__ == "__main__":
    main()
