"""Measures `pipedrive-graph sync` for many companies, as a process; prints a table.

Another process simulates the companies, over real sockets, with limits that are out of reach: this measures
processor time. With `--limit 80` (a mid-sized plan) and `--latency`, it measures time. Each number of
companies gets its own home folder and three nights: the first; one with a changed flag of 1 % of the users;
and one with logins only.

CPU seconds are those of the command and its children; `after` are those after the arrival of the last
request: building, publishing and reporting. Linux only.

With `--landed`, nothing is collected. Snapshots are written into the landing (which `--home` keeps), as if
a run was interrupted after reading, and `sync` builds, publishes and reports them.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks import process
from benchmarks.fleet_server import Counted, ServedFleet, served_fleet
from benchmarks.snapshots import BEGINNING, LandingSpec, name_of, write
from pipedrive_graph import __version__
from pipedrive_graph.common.clock import CLOCK_VARIABLE
from pipedrive_graph.config.company import COMPANIES_FILE, DEFAULT_BASE_URL
from pipedrive_graph.config.settings import HOME_VARIABLE
from pipedrive_graph.simulator.server import Options

COMPANIES = (1, 20, 40, 200)
USERS = (60, 500)
CHANGED = 0.01
NIGHTS = {"first": None, "1 % changed": CHANGED, "only logins": 0.0}
"""The nights, each with the share of the users with a changed flag since the night before."""

_UNLIMITED = 1_000_000
_TOKEN = "FLEET_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class Night:
    """The measurements of one run of `sync`.

    Attributes:
        companies: number of companies.
        users: number of users of each company.
        night: name of the night.
        cpu: seconds of processor time of the command and its children.
        after: those after the arrival of the last request; None without collecting.
        wall: seconds from the start of the command to its end.
        peak: the largest resident set of the command, in bytes.
        published: bytes of the published file.
        requests: number of requests that arrived.
        throttled: number of requests that were answered with 429.
    """

    companies: int
    users: int
    night: str
    cpu: float
    after: float | None
    wall: float
    peak: int
    published: int
    requests: int
    throttled: int


def write_settings(home: Path, urls: dict[str, str]) -> None:
    """Write the settings of a home folder."""
    home.mkdir(parents=True, exist_ok=True)
    text = "".join(
        f'[{name}]\nbase_url = "{url}"\napi_token_env = "{_TOKEN}"\ndaily_reserve = 0.0\n'
        for name, url in urls.items()
    )
    (home / COMPANIES_FILE).write_text(text, encoding="utf-8")


def sync(
    home: Path, token: str, fleet: ServedFleet | None = None, clock: datetime | None = None
) -> process.Used:
    """Run `pipedrive-graph sync` for all companies.

    Args:
        home: the home folder.
        token: the token of all companies.
        fleet: the server whose requests are counted; None if nothing is collected.
        clock: the time at which the command's clock starts; by default the current time.

    Raises:
        FailedError: if the command ends with another code than 0.
    """
    command = ["-m", "pipedrive_graph", "sync", "--json"]
    return process.watched(command, variables(home, token, clock), fleet.arrived if fleet else None)


def variables(home: Path, token: str, clock: datetime | None = None) -> dict[str, str]:
    """Return the environment variables for `sync`."""
    moment = {} if clock is None else {CLOCK_VARIABLE: clock.isoformat()}
    return {HOME_VARIABLE: str(home), _TOKEN: token, **moment}


def collected(home: Path, companies: int, users: int, options: Options) -> Iterator[Night]:
    """Serve companies, and run all nights on them."""
    with served_fleet(companies, users, options) as fleet:
        write_settings(home, fleet.urls)
        for night, changed in NIGHTS.items():
            if changed is not None:
                fleet.live_on(changed)
            used = sync(home, fleet.token, fleet)
            yield _night(home, companies, users, night, used, fleet.count())


def landed(home: Path, source: Path, companies: int, users: int) -> Iterator[Night]:
    """Run two nights of companies whose snapshots are already in the landing of another home folder.

    Args:
        home: the home folder to create.
        source: a home folder whose landing has at least these companies, with one snapshot per night.
        companies: number of companies.
        users: number of users of each company.
    """
    for place, night in enumerate(list(NIGHTS)[:2]):
        put_in_landing(home, source, companies, place)
        used = sync(home, "unused", clock=at(place))
        yield _night(home, companies, users, night, used, Counted(0, 0))


def put_in_landing(home: Path, source: Path, companies: int, night: int) -> None:
    """Copy a night's snapshots of the first companies from another home folder."""
    names = [name_of(number) for number in range(companies)]
    write_settings(home, dict.fromkeys(names, DEFAULT_BASE_URL))
    for name in names:
        snapshot = sorted(path for path in (source / "landing" / name).iterdir() if path.is_dir())[night]
        shutil.copytree(snapshot, home / "landing" / name / snapshot.name)


def at(night: int) -> datetime:
    """Return a time at which that night's snapshots are recent enough to be built without reading again."""
    return BEGINNING + timedelta(days=night, hours=1)


def _night(home: Path, companies: int, users: int, night: str, used: process.Used, counted: Counted) -> Night:
    return Night(
        companies=companies,
        users=users,
        night=night,
        cpu=used.cpu,
        after=used.after,
        wall=used.wall,
        peak=used.peak,
        published=(home / "identity_graph.duckdb").stat().st_size,
        requests=counted.requests,
        throttled=counted.throttled,
    )


def _row(night: Night) -> tuple[str, ...]:
    return (
        f"{night.companies}",
        f"{night.users}",
        night.night,
        f"{night.cpu:.1f}",
        f"{night.cpu / night.companies:.2f}",
        "" if night.after is None else f"{night.after:.1f}",
        f"{night.wall:.1f}",
        f"{night.peak / 10**6:,.0f} MB",
        f"{night.published / 10**6:,.1f} MB",
        f"{night.requests:,}",
        f"{night.throttled:,}",
    )


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--companies", type=int, nargs="+", default=COMPANIES)
    parser.add_argument("--users", type=int, nargs="+", default=USERS, help="users of each company")
    parser.add_argument("--limit", type=int, default=_UNLIMITED, help="requests per 2 s and company")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--nights", type=int, default=len(NIGHTS), help="how many of the three nights")
    parser.add_argument("--landed", action="store_true", help="collect nothing: use written snapshots")
    parser.add_argument(
        "--home", type=Path, help="folder in which those snapshots are kept for the next time"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    options = Options(
        limit=arguments.limit,
        latency=arguments.latency,
        jitter=arguments.latency / 10,
        daily_limit=10**9,  # only the burst limit matters here
    )
    nights: list[Night] = []
    progress = Console(stderr=True)
    for users in arguments.users:
        with ExitStack() as stack:
            source = arguments.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            if arguments.landed:
                write(source / f"{users}", LandingSpec(max(arguments.companies), users, 2, CHANGED))
            for companies in arguments.companies:
                home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                runs = (
                    landed(home, source / f"{users}", companies, users)
                    if arguments.landed
                    else collected(home, companies, users, options)
                )
                for night in islice(runs, arguments.nights):
                    progress.print(" · ".join(_row(night)), style="dim", highlight=False)
                    nights.append(night)
    if arguments.json:
        machine = {
            "pipedrive_graph": __version__,
            "duckdb": duckdb.__version__,
            "python": platform.python_version(),
            "processor": platform.processor() or platform.machine(),
        }
        nights_taken = [asdict(night) for night in nights]
        sys.stdout.write(json.dumps({"machine": machine, "nights": nights_taken}, indent=1) + "\n")
        return
    heads = (
        "companies", "users", "night", "CPU s", "per company", "after", "wall s", "memory", "published",
        "requests", "429s",
    )  # fmt: skip
    table = Table(*heads, title="Nights of many companies")
    for night in nights:
        table.add_row(*_row(night))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
