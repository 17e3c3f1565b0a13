"""What a night of many companies costs, by processor time: shared between them, and linear.

Every figure is a ratio of two runs on the same machine. `benchmarks.fleet` has the figures themselves.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from published import query

from benchmarks import fleet
from benchmarks.snapshots import LandingSpec, write
from pipedrive_graph.builder import build
from pipedrive_graph.cli.app import group
from pipedrive_graph.cli.runner import run
from pipedrive_graph.simulator.server import Options

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

UNLIMITED = Options(limit=1_000_000, daily_limit=10**9)


def first(nights: Iterator[fleet.Night]) -> fleet.Night:
    """The first night alone."""
    return next(nights)


def test_a_small_company_among_twenty_costs_a_third_of_one_alone(tmp_path: Path) -> None:
    alone = first(fleet.collected(tmp_path / "alone", 1, 60, UNLIMITED))
    among = first(fleet.collected(tmp_path / "among", 20, 60, UNLIMITED))

    assert among.requests > 2_400
    assert among.throttled == 0
    assert among.cpu / 20 <= 0.35 * alone.cpu


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with snapshots of 60 companies of 500 users that are read and not built."""
    home = tmp_path_factory.mktemp("landing")
    write(home, LandingSpec(60, 500))
    return home


@pytest.fixture
def published_in(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of processor time of every publishing, as they come."""
    taken: list[float] = []
    publish = build.publish

    def timed(*arguments: Any, **named: Any) -> dict[str, int]:
        started = time.process_time()
        rows = publish(*arguments, **named)
        taken.append(time.process_time() - started)
        return rows

    monkeypatch.setattr(build, "publish", timed)
    return taken


def test_publishing_costs_a_company_as_much_beside_sixty_as_beside_twenty(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published_in: list[float]
) -> None:
    cost = {}
    for companies in (20, 60):
        home = tmp_path / str(companies)
        fleet.put_in_landing(home, landing, companies, night=0)
        for name, value in fleet.variables(home, "unused", fleet.at(0)).items():
            monkeypatch.setenv(name, value)
        published_in.clear()

        assert run(group, ["sync"]) == 0

        assert query(home / "identity_graph.duckdb", "SELECT count(*) FROM users") == [(companies * 500,)]
        cost[companies] = sum(published_in) / companies
    assert cost[60] <= 1.2 * cost[20]


def test_a_night_grows_with_the_companies_and_no_faster(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write(source, LandingSpec(200, 60))

    few, many = (next(fleet.landed(tmp_path / str(count), source, count, 60)) for count in (20, 200))

    assert many.cpu / 200 <= 1.15 * few.cpu / 20
