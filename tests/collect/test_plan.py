"""`plan` says what a collection takes: as many requests as it then makes, and as long as it then lasts."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from installation import Installation, Serve, Silent

from benchmarks.serving import served
from pipedrive_graph.cli.commands.plan import duration, span
from pipedrive_graph.collect import collect
from pipedrive_graph.collect.estimate.forecast import Range
from pipedrive_graph.config.company import Collect
from pipedrive_graph.landing import Manifest
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator

NO_LIMITS = faults.headers(
    x_ratelimit_limit=None,
    x_ratelimit_remaining=None,
    x_ratelimit_reset=None,
    x_daily_ratelimit_token_limit=None,
    x_daily_ratelimit_token_remaining=None,
)


def exactly(number: float) -> dict[str, float]:
    return {"least": number, "most": number}


def forecast(installation: Installation, way: str = "every-user") -> dict[str, Any]:
    """What `plan --json` says of one way."""
    result = installation.command("plan", "--json")
    assert result.code == 0, result.err
    (outlook,) = result.objects
    (plan,) = [plan for plan in outlook["plans"] if plan["collect"] == way]
    return plan


def night(installation: Installation, way: str = "every-user") -> Manifest:
    """A collection alone."""
    (company,) = installation.settings.companies
    with installation._variables_set():
        return asyncio.run(
            collect(company, installation.landing(company.name), observer=Silent(), plan=Collect(way))
        )


def spent(simulator: Simulator) -> int:
    return simulator.limits.account(simulator.token).spent


@pytest.mark.parametrize("dialect", ["official", "brief"])
def test_requests_and_tokens_are_those_of_the_collection(home: Path, serve: Serve, dialect: str) -> None:
    simulator = serve(dialect=dialect)
    installation = Installation.of(home, simulator)

    told = forecast(installation)
    asked, before = len(simulator.requests), spent(simulator)
    manifest = night(installation)

    assert asked == {"official": 4, "brief": 5}[dialect]  # the brief's token is first tried in a header
    assert told["requests"] == exactly(manifest.requests) == exactly(len(simulator.requests) - asked)
    if dialect == "official":
        assert told["tokens"] == exactly(spent(simulator) - before)
    assert not home.joinpath("landing", "default", "plan").exists()


def test_lists_are_read_to_their_end(home: Path, serve: Serve) -> None:
    simulator = serve(dialect="brief", users=1100)
    installation = Installation.of(home, simulator)

    result = installation.command("plan", "--json")

    paths = [request.path for request in simulator.requests]
    assert (paths.count("users"), len(paths)) == (3, 2 + 3 + 1 + 1)
    (outlook,) = result.objects
    assert (outlook["users"], outlook["permission_sets"]) == (1100, None)
    assert outlook["plans"][0]["requests"]["least"] >= 7 + 2 * 1100


@pytest.mark.slow
def test_nothing_is_written(home: Path, installation: Installation) -> None:
    assert installation.command("plan").code == 0
    assert not home.exists()

    assert installation.command("sync").code == 0
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}

    assert installation.command("plan", "--json").code == 0
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


@pytest.mark.slow
@pytest.mark.parametrize("way", list(Collect))
def test_who_is_no_longer_listed_makes_it_a_range(home: Path, serve: Serve, way: str) -> None:
    simulator = serve(clean=True)
    installation = Installation.of(home, simulator)
    night(installation, way)
    people = [user for user in simulator.company.users.values() if not user.admin_apps]
    for user in people[:2]:
        simulator.company.remove_user(user.id)
    role_id = people[5].role_id
    simulator.company.remove_role(role_id)

    told = forecast(installation, way)
    manifest = night(installation, way)

    # all three are gone: each costs one call that proves it; at worst both users were there, and asked for
    assert told["requests"]["least"] == manifest.requests
    assert told["requests"]["most"] >= manifest.requests + 2 * 2
    if way == Collect.EVERY_USER:
        assert told["requests"]["most"] == manifest.requests + 2 * 2


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["official", "brief"])
@pytest.mark.parametrize("clean", [True, False], ids=["clean", "with deviators"])
def test_by_access_is_a_range(home: Path, serve: Serve, clean: bool, dialect: str) -> None:
    simulator = serve(users=200, clean=clean, dialect=dialect)
    installation = Installation.of(home, simulator)

    told = [forecast(installation, Collect.BY_ACCESS)]
    nights = [night(installation, Collect.BY_ACCESS)]
    told.append(forecast(installation, Collect.BY_ACCESS))
    nights.append(night(installation, Collect.BY_ACCESS))

    for plan, manifest in zip(told, nights, strict=True):
        assert plan["requests"]["least"] <= manifest.requests <= plan["requests"]["most"]
        if clean and dialect == "official":
            assert plan["requests"]["least"] == manifest.requests
        assert plan["requests"]["least"] < 0.5 * plan["requests"]["most"]
    if dialect == "official":  # without permission sets, one user of each access stands for all
        assert told[0]["requests"]["most"] >= 2 * 200


@pytest.mark.slow
@pytest.mark.parametrize("way", list(Collect))
def test_a_token_that_may_not_see_permission_sets(home: Path, serve: Serve, way: str) -> None:
    simulator = serve(clean=True)
    installation = Installation.of(home, simulator)
    simulator.faults.add("permissionSets", faults.forbidden, times=None)

    told = forecast(installation, way)["requests"]
    manifest = night(installation, way)

    if way == Collect.EVERY_USER:
        assert told == exactly(manifest.requests)
    else:  # whether roles tell who is in them, is not known either
        assert told["least"] <= manifest.requests <= told["most"]
        assert forecast(installation, way)["requests"]["least"] == night(installation, way).requests
    (outlook,) = installation.command("plan", "--json").objects
    assert (outlook["roles"] > 0, outlook["permission_sets"]) == (True, None)


def test_where_pipedrive_tells_no_limits(home: Path, serve: Serve) -> None:
    simulator = serve(users=60)
    simulator.faults.add(".*", NO_LIMITS, times=None)
    installation = Installation.of(home, simulator)

    result = installation.command("plan", "--json")

    (outlook,) = result.objects
    assert (outlook["limit"], outlook["limit_told"], outlook["budget"]) == (20, False, None)
    plan = outlook["plans"][0]
    assert plan["nights"] is None
    # every attempt to go faster may be refused
    assert 1 <= plan["requests"]["most"] - plan["requests"]["least"] <= 2
    assert plan["seconds"]["most"] > plan["seconds"]["least"] > 8
    result = installation.command("plan")
    assert "Pipedrive does not state its rate limit; it is measured, starting at 20" in result.out
    assert "nights" not in result.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dialect", "budget", "unit"), [("official", 800, "tokens"), ("brief", 72, "requests")]
)
def test_nights_of_a_budget_that_does_not_suffice(
    home: Path, serve: Serve, dialect: str, budget: int, unit: str
) -> None:
    simulator = serve(dialect=dialect, daily_limit=budget)
    installation = Installation.of(home, simulator)
    installation.variables["PIPEDRIVE_DAILY_LIMIT"] = str(budget)

    (outlook,) = installation.command("plan", "--json").objects
    plan = outlook["plans"][0]
    result = installation.command("plan")

    assert (outlook["budget"]["total"], outlook["budget"]["unit"]) == (budget, unit)
    assert outlook["budget"]["reserve"] == budget // 4
    assert plan["nights"] == exactly(2)
    (row,) = [line for line in result.out.splitlines() if "every-user  " in line]
    assert row.split()[-1] == "2"
    assert (
        "A night that reaches the daily reserve ends with exit code 5; the next one continues" in result.out
    )
    by_access = outlook["plans"][1]["nights"]
    assert outlook["recommended"] == ("by-access" if by_access["least"] < 2 else "every-user")
    assert installation.command("sync").code == 5

    # what was read is not asked for again
    simulator.limits.new_day()
    plan = forecast(installation)
    simulator.requests.clear()
    assert installation.command("sync").code == 0
    assert plan["requests"] == exactly(len(simulator.requests))
    assert plan["nights"] == exactly(1)
    (snapshot,) = (path.parent.name for path in installation.landing().path.glob("*/manifest.json"))
    assert plan["resumes"] == snapshot


def test_a_budget_that_does_not_suffice_for_a_forecast(home: Path, serve: Serve) -> None:
    simulator = serve(daily_limit=80)  # 20 of them are the reserve; users/me and one list come to 22
    installation = Installation.of(home, simulator)

    result = installation.command("plan")

    assert result.code == 5
    assert result.sentence.startswith(
        "Today's budget of company 'default' is used up, except for the reserve"
    )
    assert "Run plan again after 2" in result.sentence


def test_errors_are_sentences(home: Path, installation: Installation) -> None:
    installation.variables["PIPEDRIVE_API_TOKEN"] = "wrong"  # noqa: S105

    result = installation.command("plan")
    assert (result.code, result.out) == (3, "")
    assert result.sentence.startswith("Pipedrive does not accept the API token")

    result = installation.command("plan", "--json")
    assert result.code == 3
    assert result.failures == [("default", 3, result.sentence)]

    assert installation.command("plan", "--company", "nobody").code == 2
    assert not home.exists()


@pytest.mark.slow
def test_nobody_there_is_a_sentence(home: Path, installation: Installation) -> None:
    installation.variables["PIPEDRIVE_BASE_URL"] = "http://127.0.0.1:9/v1"

    result = installation.command("plan", "--company", "default")

    assert result.code == 1
    assert result.sentence.startswith("No response from http://127.0.0.1:9/v1")
    assert not home.exists()


def test_of_several_companies_each_is_told_and_the_worst_counts(home: Path, serve: Serve) -> None:
    one, two = serve(), serve(seed=2)
    home.mkdir()
    home.joinpath("companies.toml").write_text(
        f'[one]\napi_token_env = "ONE"\nbase_url = "{one.url}"\n'
        f'[two]\napi_token_env = "TWO"\nbase_url = "{two.url}"\ncollect = "by-access"\n'
        f'[three]\napi_token_env = "THREE"\nbase_url = "{two.url}"\n'
    )
    installation = Installation(home, {"ONE": one.token, "TWO": two.token})

    result = installation.command("plan", "--json")

    assert result.code == 2
    assert result.sentence.startswith("No API token for company 'three'")
    assert [outlook["company"] for outlook in result.objects] == ["one", "two", "three"]
    assert [outlook.get("collect") for outlook in result.objects] == ["every-user", "by-access", None]
    failed = result.objects[2]
    assert failed.pop("at").endswith("Z")
    assert failed == {"company": "three", "exit_code": result.code, "error": result.sentence}


def test_a_token_of_another_company_is_told(home: Path, serve: Serve) -> None:
    ours, theirs = serve(), serve(seed=2)
    theirs.company.id = ours.company.id + 1
    night(Installation.of(home, ours))

    result = Installation.of(home, theirs).command("plan")

    assert result.code == 3
    assert result.sentence.startswith("The token belongs to Pipedrive company ")


def test_the_table_fits_a_terminal(home: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipedrive_graph.cli.terminal.PLAIN_WIDTH", 80)
    installation = Installation.of(home, serve(users=300, limit=80))

    result = installation.command("plan")

    assert result.code == 0
    lines = result.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("default  Northwind Example: 300 users, ")
    assert lines[1].startswith("  80 requests per 2 s; a response takes 0.0")
    (row,) = [line for line in lines if "every-user  " in line]
    assert row.split()[-2:] == ["s", "1"]
    assert lines[-1] == "  sync collects every-user, as recommended."

    installation.variables["PIPEDRIVE_COLLECT"] = "by-access"
    result = installation.command("plan")
    assert result.out.endswith("  sync is set to collect by-access; every-user is recommended.\n")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (150, "2 min 30 s"),
        (3599.7, "1 h"),
        (3600 * 2.5, "2 h 30 min"),
        (3600 * 2 - 20, "2 h"),
    ],
)
def test_seconds_as_a_person_says_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
    assert span(Range(0.1, seconds), duration) == (text if text == "1 s" else f"1 s to {text}")


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["official", "brief"])
def test_seconds_are_those_of_the_collection(
    home: Path, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = []
    with served(Options(users=60, limit=40, latency=0.1, dialect=dialect)) as simulator:
        while len(off) < 2 and not (off and off[-1] <= 0.05):  # the machine has other things to do as well
            variables = {"PIPEDRIVE_API_TOKEN": simulator.token, "PIPEDRIVE_BASE_URL": simulator.url}
            installation = Installation(home / str(len(off)), variables)
            told = forecast(installation)
            time.sleep(2.5)  # another run begins with an empty window
            before = len(simulator.arrivals())
            manifest = night(installation)
            assert told["requests"] == exactly(manifest.requests)
            times = [seen.at for seen in simulator.arrivals()[before:]]
            took = max(times) - min(times) + 0.1
            off.append(abs(told["seconds"]["least"] / took - 1))
    assert off[-1] <= 0.05, off
