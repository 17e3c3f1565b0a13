"""The day's budget: what is left of it, and that the reserve stays untouched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipedrive_graph.common import clock
from pipedrive_graph.errors import BudgetError
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.ratelimit.costs import TOKENS
from pipedrive_graph.pipedrive.ratelimit.daily_budget import Budget, DailyBudget, Unit
from pipedrive_graph.pipedrive.ratelimit.headers import RateLimits, read_limits
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator

from .using import permissions, take_all, use

ME, MAP = Endpoint.ME, Endpoint.PERMISSIONS
CLOCK = "2026-11-01T22:30:00Z"


def tokens_left(count: int, total: int | None = 1000) -> RateLimits:
    return RateLimits(daily_limit=total, daily_remaining=count)


def requests_left(count: int) -> RateLimits:
    return RateLimits(daily_requests_left=count)


def test_every_endpoint_has_its_price():
    assert {str(endpoint) for endpoint in Endpoint} <= TOKENS.keys()


def test_nothing_is_known_where_nothing_is_counted():
    daily = DailyBudget(0.25, 80_000)
    for _ in range(1000):
        daily.learn(daily.spend(MAP), RateLimits())
    assert daily.now is None


def test_what_is_under_way_is_spent_already():
    daily = DailyBudget(0.25, 80_000)
    daily.learn(daily.spend(ME), tokens_left(998))
    first, second, third = (daily.spend(MAP) for _ in range(3))
    assert daily.now == Budget(968, 1000, 250, Unit.TOKENS)
    daily.learn(second, tokens_left(970))  # another integration has spent 8
    assert daily.now == Budget(960, 1000, 250, Unit.TOKENS)
    daily.learn(first, tokens_left(988))  # overtaken: it says nothing new
    assert daily.now == Budget(960, 1000, 250, Unit.TOKENS)
    daily.learn(third, RateLimits())  # aborted: it may or may not have been charged
    assert daily.now == Budget(970, 1000, 250, Unit.TOKENS)


def test_the_reserve_is_not_touched(monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_GRAPH_CLOCK", CLOCK)
    daily = DailyBudget(0.25, 80_000)
    daily.learn(daily.spend(ME), tokens_left(275))
    daily.spend(MAP)
    daily.spend(MAP)
    with pytest.raises(BudgetError) as caught:
        daily.spend(MAP)
    assert str(caught.value) == (
        "Stopped to keep the daily reserve: 255 of 1,000 tokens are left today, and 250 are kept for the"
        " company's other integrations (daily_reserve). What was read is kept: run sync again after the"
        " budget is renewed, presumably on 2026-11-02 at 00:00 UTC (Pipedrive renews it at midnight, and"
        " does not say in which time zone), and it continues from there."
    )
    assert caught.value.continues_at == datetime(2026, 11, 2, tzinfo=UTC)
    assert caught.value.exit_code == 5
    assert daily.spend(ME)  # a smaller one


def test_a_new_day_is_noticed():
    daily = DailyBudget(0.25, 80_000)
    daily.learn(daily.spend(ME), tokens_left(260))
    daily.learn(daily.spend(MAP), tokens_left(990))
    assert daily.now == Budget(990, 1000, 250, Unit.TOKENS)


def test_requests_that_overtake_each_other_are_no_new_day():
    daily = DailyBudget(0.0, 80_000)
    daily.learn(daily.spend(ME), tokens_left(320, 322))
    sent = [daily.spend(MAP) for _ in range(32)]
    for number, spent in enumerate(reversed(sent), start=1):
        daily.learn(spent, tokens_left(320 - 10 * number, 322))
        assert daily.now == Budget(0, 322, 0, Unit.TOKENS)
        with pytest.raises(BudgetError):
            daily.spend(MAP)


def test_a_new_day_is_noticed_while_requests_are_under_way():
    daily = DailyBudget(0.25, 80_000)
    daily.learn(daily.spend(ME), tokens_left(300))
    first, second = daily.spend(MAP), daily.spend(MAP)
    daily.learn(second, tokens_left(990))
    assert daily.now == Budget(980, 1000, 250, Unit.TOKENS)  # the first may be of the new day
    daily.learn(first, tokens_left(290))  # no: it was charged to the old one, and arrives late
    assert daily.now == Budget(290, 1000, 250, Unit.TOKENS)


def test_an_unknown_total_is_what_was_left_at_first():
    daily = DailyBudget(0.5, 80_000)
    daily.learn(daily.spend(ME), tokens_left(400, None))
    daily.learn(daily.spend(MAP), tokens_left(390, None))
    assert daily.now == Budget(390, 400, 200, Unit.TOKENS)


def test_requests_are_a_budget_where_they_fall_with_ours():
    daily = DailyBudget(0.25, 100)
    for left in range(30, 25, -1):
        daily.learn(daily.spend(MAP), requests_left(left))
    assert daily.now == Budget(26, 100, 25, Unit.REQUESTS)
    daily.spend(MAP)
    with pytest.raises(BudgetError, match="25 of 100 requests are left today"):
        daily.spend(MAP)


def test_requests_are_a_budget_although_they_overtake_each_other():
    daily = DailyBudget(0.25, 100)
    daily.learn(daily.spend(ME), requests_left(30))
    lists = [daily.spend(MAP) for _ in range(3)]
    for left, spent in enumerate(lists, start=27):  # the last one sent was the first to be counted
        daily.learn(spent, requests_left(left))
    assert daily.now == Budget(27, 100, 25, Unit.REQUESTS)
    details = [daily.spend(MAP) for _ in range(2)]
    with pytest.raises(BudgetError):
        daily.spend(MAP)
    for left, spent in enumerate(details, start=25):
        daily.learn(spent, requests_left(left))
        with pytest.raises(BudgetError):
            daily.spend(MAP)


@pytest.mark.parametrize("left", [[9] * 50, [9 - number // 10 for number in range(50)]])
def test_a_counter_of_what_others_write_is_no_budget(left: list[int]):
    daily = DailyBudget(0.25, 80_000)
    for count in left:
        daily.learn(daily.spend(MAP), requests_left(count))
    assert daily.now is None


def test_tokens_count_if_both_are_reported():
    daily = DailyBudget(0.25, 100)
    for number in range(10):
        limits = RateLimits(
            daily_limit=1000, daily_remaining=990 - 10 * number, daily_requests_left=9 - number
        )
        daily.learn(daily.spend(MAP), limits)
    assert daily.now is not None
    assert daily.now.unit is Unit.TOKENS


@pytest.mark.parametrize("value", ["", "many", "-", "1e9", "٣"])
def test_counters_that_make_no_sense(value: str):
    assert read_limits({"x-daily-requests-left": value}).daily_requests_left is None


@pytest.mark.parametrize("dialect", ["official", "brief"])
def test_a_run_stops_before_the_reserve(dialect):
    total = 1000 if dialect == "official" else 100
    with Simulator(
        Options(users=100, dialect=dialect, limit=400, latency=0.05, daily_limit=total)
    ) as simulator:
        (account,) = [simulator.limits.account(simulator.token)]

        async def job(pipedrive: Pipedrive):
            # It takes a few requests to see what a counter of requests counts: a run starts with the lists.
            for endpoint in (Endpoint.USERS, Endpoint.ROLES, Endpoint.PERMISSION_SETS):
                await pipedrive.fetch(Call(endpoint))
            with pytest.raises(BudgetError):
                await take_all(pipedrive, permissions(sorted(simulator.company.users)))
            return pipedrive.budget, pipedrive.stats

        budget, stats = use(simulator.url, simulator.token, job, daily_limit=total)
        left = simulator.limits.left(account)
        statuses = {request.status for request in simulator.requests}

    assert budget is not None
    assert (budget.total, budget.reserve) == (total, total // 4)
    assert budget.unit == ("tokens" if dialect == "official" else "requests")
    assert left >= total // 4
    assert left < total // 4 + 10
    assert stats.throttled == 0
    assert 429 not in statuses


def test_without_a_reserve_the_last_token_is_spent():
    with Simulator(Options(users=60, limit=400, daily_limit=322)) as simulator:

        async def job(pipedrive: Pipedrive):
            with pytest.raises(BudgetError, match="0 of 322 tokens are left"):
                await take_all(pipedrive, permissions(sorted(simulator.company.users)))
            return pipedrive.stats

        assert use(simulator.url, simulator.token, job, daily_reserve=0.0).requests == 33


def test_a_budget_that_others_have_used_up_is_the_same_error(monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_GRAPH_CLOCK", CLOCK)
    with Simulator(Options(users=20)) as simulator:
        over = faults.status(429, headers={"retry-after": "3600"})
        simulator.faults.add("users", over, times=None)

        async def job(pipedrive: Pipedrive):
            with pytest.raises(BudgetError, match="budget is used up") as caught:
                await pipedrive.fetch(Call(Endpoint.USERS))
            return caught.value

        before = clock.now()
        error = use(simulator.url, simulator.token, job)
    late = error.continues_at - before - timedelta(hours=1)
    assert timedelta(0) <= late < timedelta(seconds=20)
    assert f"on 2026-11-01 at {error.continues_at:%H:%M} UTC, and it continues" in str(error)
