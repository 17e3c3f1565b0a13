"""A day's budget that does not suffice: the run stops before the reserve, and the next day's goes on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from installation import UNJUDGED, Installation, Serve
from published import query

from pipedrive_graph.landing import Snapshot
from pipedrive_graph.landing.records import Draft
from pipedrive_graph.simulator import faults

LISTS = {"users/me", "users", "roles", "permissionSets"}
"""Asked for by every run; everything else is asked for once."""


@pytest.mark.parametrize(
    ("dialect", "budget", "unit"),
    [("official", 800, "tokens"), pytest.param("brief", 60, "requests", marks=pytest.mark.slow)],
)
def test_stopped_for_the_reserve_and_resumed_on_the_next_day(
    home, serve: Serve, dialect, budget, unit
) -> None:
    simulator = serve(dialect=dialect, daily_limit=budget)
    installation = Installation.of(home, simulator)
    installation.variables["PIPEDRIVE_DAILY_LIMIT"] = str(budget)
    account = simulator.limits.account(simulator.token)

    first = installation.command("sync", "--json")

    assert first.code == 5
    assert first.sentence.startswith("Stopped to keep the daily reserve: ")
    assert f"of {budget} {unit} are left today, and {budget // 4} are kept for" in first.sentence
    assert "run sync again after the budget is renewed, presumably on " in first.sentence
    (told,) = first.objects
    assert (told["status"], told["throttled"]) == ("unfinished", 0)
    assert budget // 4 <= simulator.limits.left(account) < budget // 4 + 10
    assert not installation.published.exists()
    (folder,) = (path.parent for path in installation.landing().path.glob("*/draft.json"))
    asked = {request.path for request in simulator.requests} - LISTS

    # on the same day, there is nothing to be had
    again = installation.command("sync", "--json")
    assert again.code == 5
    assert simulator.limits.left(account) >= budget // 4 - 30
    simulator.requests.clear()
    simulator.limits.new_day()

    second = installation.command("sync", "--json")

    assert second.code == 0
    (told,) = second.objects
    assert (told["status"], told["snapshot_id"]) == ("complete", folder.name)
    assert not asked & {request.path for request in simulator.requests}
    assert query(installation.published, "SELECT count(DISTINCT user_id) FROM user_permissions") == [(40,)]


@pytest.mark.slow
def test_a_smaller_reserve_lets_the_run_end(home, serve: Serve) -> None:
    simulator = serve(daily_limit=1000)
    installation = Installation.of(home, simulator)

    assert installation.command("sync").code == 5
    simulator.limits.new_day()
    installation.variables["PIPEDRIVE_DAILY_RESERVE"] = "0.05"

    assert installation.command("sync").code == 0


STOPPED = datetime(2026, 11, 2, 2, tzinfo=UTC)
"""When the first run is started: its budget ends at once, and is renewed 22 hours later."""


@pytest.fixture
def stopped(home, serve: Serve):
    """An installation whose run the budget has ended, what it had asked for, and its folder."""
    simulator = serve(daily_limit=800)
    installation = Installation.of(home, simulator)
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = STOPPED.isoformat()
    assert installation.command("sync").code == 5
    (folder,) = (path.parent for path in installation.landing().path.glob("*/draft.json"))
    asked = {request.path for request in simulator.requests} - LISTS
    simulator.limits.new_day()
    simulator.requests.clear()
    return installation, simulator, asked, folder


@pytest.mark.parametrize(
    "hours", [20, pytest.param(24, marks=pytest.mark.slow), pytest.param(27, marks=pytest.mark.slow)]
)
def test_the_next_day_finishes_the_same_snapshot(stopped, hours) -> None:
    installation, simulator, asked, folder = stopped
    told = json.loads((folder / "draft.json").read_text())
    assert told["continues_at"] == "2026-11-03T00:00:00Z"
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = (STOPPED + timedelta(hours=hours)).isoformat()

    (told,) = installation.command("sync", "--json").objects

    assert (told["status"], told["snapshot_id"]) == ("complete", folder.name)
    assert not asked & {request.path for request in simulator.requests}
    assert not (folder / "draft.json").exists()


@pytest.mark.slow
def test_two_days_later_is_too_late(stopped) -> None:
    installation, simulator, asked, folder = stopped
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = (STOPPED + timedelta(hours=40)).isoformat()
    simulator.limits.daily_limit = 8000  # all is read in one day, whatever is asked for first

    (told,) = installation.command("sync", "--json").objects

    assert told["status"] == "complete"
    assert told["snapshot_id"] != folder.name
    assert json.loads((folder / "abandoned.json").read_text())["reason"] == "not finished within 6:00:00"
    assert asked <= {request.path for request in simulator.requests}


NIGHT = datetime(2026, 11, 2, 2, tzinfo=UTC)


@pytest.mark.slow
@pytest.mark.parametrize(
    "retry_after",
    ["99999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "1e309"],
)
def test_a_wait_that_no_server_can_mean_is_neither_believed_nor_kept(home, serve: Serve, retry_after) -> None:
    simulator = serve()
    installation = Installation.of(home, simulator, UNJUDGED)
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = NIGHT.isoformat()
    over = faults.status(429, headers={"retry-after": retry_after, "x-ratelimit-remaining": "5"})
    fault = simulator.faults.add("users/.*/permissions", over, times=None)
    assert installation.command("sync").code == 5
    (head,) = installation.landing().path.glob("*/draft.json")
    continues_at = datetime.fromisoformat(json.loads(head.read_text())["continues_at"])
    assert NIGHT < continues_at <= NIGHT + timedelta(days=1, hours=1)
    simulator.faults.remove(fault)

    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = (NIGHT + timedelta(days=61)).isoformat()
    manifest = installation.read()

    assert (manifest.verdict.status, manifest.snapshot_id[:8]) == ("complete", "20270102")
    note = json.loads((head.parent / "abandoned.json").read_text())
    assert note["reason"] == "begun more than 7 days ago"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("continues_at", "hours", "reason"),
    [
        ("9999-12-31T23:59:59Z", 7, "not finished within 6:00:00"),
        ("5195-01-01T00:00:00Z", 61 * 24, "begun more than 7 days ago"),
        ("2026-11-09T01:00:00Z", 7 * 24 + 1, "begun more than 7 days ago"),
    ],
)
def test_an_earlier_version_believed_a_server_too_much(stopped, continues_at, hours, reason) -> None:
    installation, simulator, _, folder = stopped
    simulator.limits.daily_limit = 8000
    head = Draft.model_validate_json((folder / "draft.json").read_bytes())
    head = head.model_copy(update={"continues_at": datetime.fromisoformat(continues_at)})
    Snapshot(installation.landing().storage, head).write_head()
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = (STOPPED + timedelta(hours=hours)).isoformat()

    manifest = installation.read()

    assert (manifest.verdict.status, manifest.snapshot_id != folder.name) == ("complete", True)
    assert json.loads((folder / "abandoned.json").read_text())["reason"] == reason


@pytest.mark.slow
def test_a_snapshot_says_what_was_left_of_the_day(home, serve: Serve) -> None:
    installation = Installation.of(home, serve(daily_limit=8000))

    manifest = installation.night()

    assert manifest.budget is not None
    assert (manifest.budget.total, manifest.budget.reserve, manifest.budget.unit) == (8000, 2000, "tokens")
    assert 2000 < manifest.budget.remaining < 8000 - 80 * 2


@pytest.mark.slow
def test_where_nothing_is_counted_a_snapshot_says_nothing_of_it(home, serve: Serve) -> None:
    simulator = serve(users=8)
    plain = faults.headers(x_daily_ratelimit_token_limit=None, x_daily_ratelimit_token_remaining=None)
    simulator.faults.add(".*", plain, times=None)

    assert Installation.of(home, simulator).night().budget is None
