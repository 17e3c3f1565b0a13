"""What a million users take, from the files of the landing to the published file: a table.

Snapshots of simulated companies are written once, and kept where `--home` says so. They are then built by
processes of their own, as `pipedrive-graph rebuild` does it: everybody's first night, for a tenth of the
companies and for all, and one more night in which 1 % of the users have one flag changed.

With `--nights` above 2, so many nights of one company are built one by one, as `pipedrive-graph sync` does
it; then the questions are how far the history and the files have grown, and how fast `access_at` answers.
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
from benchmarks.snapshots import BEGINNING, Wanted, write

SECONDS, CORE, MEMORY = 90, 40, 4 * 10**9
"""What a first night of a million users may take at most; the core is what `NOT_CORE` does not name."""
NOT_CORE = {"peers", "judge", "publish"}
NIGHT, GROWTH = 1 / 3, 0.02
"""What one more night may take of that, and by how much its history may grow."""
YEAR_ROWS, YEAR_SIZE, ANSWER = 1.5, 3, 0.2
"""Of a year: its history and its file, against one night's, and the seconds in which `access_at` answers."""

Told = dict[str, Any]
"""What `benchmarks.building` prints."""


def build(home: Path, *arguments: str) -> Told:
    """Build a home folder's landing in a process of its own."""
    told: Told = json.loads(process.run("benchmarks.building", str(home), *arguments))
    return told


def forget(home: Path) -> None:
    """Remove what was built, and keep the landing."""
    for name in ("warehouse.duckdb", "warehouse.duckdb.wal", "identity_graph.duckdb"):
        (home / name).unlink(missing_ok=True)


def part(whole: Path, folder: Path, *, companies: int, nights: int) -> Path:
    """Make a home folder with the first companies and nights of another's landing."""
    for company in sorted((whole / "landing").iterdir())[:companies]:
        (folder / "landing" / company.name).mkdir(parents=True)
        for night in sorted(company.iterdir())[:nights]:
            (folder / "landing" / company.name / night.name).symlink_to(night.resolve())
    return folder


def answer_times(home: Path, nights: int) -> list[float]:
    """Seconds that `access_at` takes for the first night, one in the middle, and the last."""
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

    for what, count, told in (("a tenth", tenth, small), ("first night", companies, first)):
        peak = f"{told['peak'] / 10**6:,.0f} MB"
        row(what, count, told["seconds"], told["nights"][0], f"{told['cpu']:.0f}", peak)
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
    parser.add_argument("--home", type=Path, help="where the landing is kept for the next time")
    told = parser.parse_args()
    if told.nights > 2 and told.companies != 1:
        parser.error("many nights are measured on one company: add --companies 1")
    console = Console(width=140)
    with ExitStack() as stack:
        home = told.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write(home, Wanted(told.companies, told.users, max(2, told.nights)))
        if told.nights > 2:
            a_year(console, home, told.users, told.nights)
        else:
            two_nights(console, home, told.companies, told.users)


if __name__ == "__main__":
    main()
