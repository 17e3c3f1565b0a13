from __future__ import annotations

import asyncio
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipedrive_graph.collect.estimate.forecast import (
    Asked,
    Forecast,
    Pace,
    Range,
    counted,
    days,
    forecast,
    measured,
)
from pipedrive_graph.collect.plan import every_user
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.ratelimit.daily_budget import Budget, Unit
from pipedrive_graph.pipedrive.ratelimit.headers import RateLimits
from pipedrive_graph.pipedrive.ratelimit.limiter import RateLimiter

from .using import permissions
from .virtual import virtually

LISTS = (Endpoint.ME, Endpoint.USERS, Endpoint.ROLES, Endpoint.PERMISSION_SETS)


def opening(latency: float) -> list[Asked]:
    return [Asked(endpoint, 1, latency) for endpoint in LISTS]


def forecast_of(pace: Pace, phases: list[int]) -> Forecast:
    calls = [permissions(range(1, number + 1)) for number in phases]
    return forecast(pace, opening(pace.latency), [calls])


def taken(phases: list[int], latency: float, says: RateLimits, takes: int) -> tuple[float, int]:
    """Return how long the limiter itself needs for a server with this limit, and its requests."""

    async def job() -> tuple[float, int]:
        limiter = RateLimiter()
        began, window = limiter.now(), deque[float]()

        async def one() -> None:
            while True:
                async with limiter.turn() as turn:
                    turn.sent()
                    at = limiter.now()
                    while window and window[0] <= at - 2:
                        window.popleft()
                    refused = len(window) >= takes
                    if not refused:
                        window.append(at)
                    await asyncio.sleep(latency)
                    turn.answered(says)
                if not refused:
                    return
                limiter.pause(2.1)

        await one()
        await asyncio.gather(*(one() for _ in LISTS[1:]))
        for number in phases:
            await asyncio.gather(*(one() for _ in range(number)))
        return limiter.now() - began, limiter.requests

    return virtually(job)


@pytest.mark.parametrize("phases", [[1], [7, 300, 3], [900]], ids=str)
@pytest.mark.parametrize("latency", [0.02, 0.15, 0.7, 2.0])
@pytest.mark.parametrize("limit", [20, 80, 480])
def test_seconds_are_those_of_the_pacer(limit: int, latency: float, phases: list[int]) -> None:
    cost = forecast_of(Pace(limit, True, limit, 2.0, latency), phases)
    seconds, requests = taken(phases, latency, RateLimits(limit=limit), limit)

    assert cost.requests == Range(requests, requests)
    assert cost.seconds.certain
    assert cost.seconds.least == pytest.approx(seconds, rel=0.02, abs=0.02)


@pytest.mark.parametrize("latency", [0.02, 0.15, 0.7])
@pytest.mark.parametrize("calls", [10, 200, 3000])
def test_an_unknown_limit_is_found_by_trial(calls: int, latency: float) -> None:
    cost = forecast_of(Pace(20, False, 20, 2.0, latency), [calls])
    fast, requests = taken([calls], latency, RateLimits(), 480)
    slow, more = taken([calls], latency, RateLimits(), 20)

    assert cost.seconds.least == pytest.approx(fast, rel=0.02, abs=0.02)
    # which call a refusal hits may move the last one into another window
    assert cost.seconds.most == pytest.approx(slow, rel=0.05, abs=2.1)
    assert (cost.requests.least, cost.requests.most) == (requests, pytest.approx(more, abs=2))
    assert (cost.tokens.most - cost.tokens.least) == 10 * (cost.requests.most - cost.requests.least)


def test_what_others_use_makes_it_slower_at_most() -> None:
    alone, shared = (forecast_of(Pace(80, True, own, 2.0, 0.1), [800]) for own in (80, 20))

    assert alone.seconds.certain
    assert shared.seconds.least == alone.seconds.least
    assert shared.seconds.most / alone.seconds.most == pytest.approx(4, rel=0.05)
    assert shared.requests == alone.requests


def test_requests_and_tokens_of_a_small_company() -> None:
    calls = [list(every_user([1, 2, 3], ["a", "b"]))]
    proofs = [[Call(Endpoint.USER, id="9")], [*calls[0], *every_user([9], [])]]

    cost = forecast(Pace(80, True, 80, 2.0, 0.1), opening(0.1), [calls, proofs])

    # four lists; two sets; two per user; at most also a user who is not listed but may exist
    assert cost.requests == Range(4 + 2 + 6, 4 + 2 + 6 + 1 + 2)
    assert cost.tokens == Range(2 + 3 * 20 + 2 * 2 + 6 * 10, 2 + 3 * 20 + 2 * 2 + 6 * 10 + 2 + 20)


def test_latency_is_that_of_the_lists_and_connecting_comes_once() -> None:
    slow_list = [0.25, 0.9, 0.1, 0.11]
    asked = [Asked(endpoint, 1, seconds) for endpoint, seconds in zip(LISTS, slow_list, strict=True)]

    assert measured(asked) == (0.11, pytest.approx(0.14))
    # a first answer may be late for another reason than the connection
    assert measured([Asked(Endpoint.ME, 2, 9.0), *asked[1:]]) == (0.11, pytest.approx(0.33))
    # two pages, a fifth of a second each
    assert measured([Asked(Endpoint.ME, 1, 0.1), Asked(Endpoint.USERS, 2, 0.4)]) == (0.2, 0.0)


@pytest.mark.parametrize(
    ("remaining", "needed", "expected"),
    [
        (1000, 750, 1),  # 250 stay
        (1000, 751, 2),
        (260, 50, 2),  # 10 are not enough for the lists
        (100, 700, 2),  # other integrations have already used a part of the reserve
        (1000, 750 + 710, 2),
        (1000, 750 + 711, 3),
    ],
)
def test_days_of_a_budget(remaining: int, needed: int, expected: int) -> None:
    budget = Budget(remaining, 1000, 250, Unit.TOKENS)

    assert days(budget, needed, opening=40) == expected


def test_a_day_that_does_not_even_suffice_for_the_lists() -> None:
    assert days(Budget(10, 50, 20, Unit.REQUESTS), 100, opening=30) is None


@given(
    total=st.integers(100, 10_000),
    reserve=st.integers(0, 60),
    left=st.floats(0, 1),
    opening=st.integers(4, 30),
    details=st.integers(0, 50_000),
)
def test_days_are_those_that_pass(total: int, reserve: int, left: float, opening: int, details: int) -> None:
    remaining, passed, open_details = round(total * left), 0, details
    while True:
        passed += 1
        usable = (remaining if passed == 1 else total) - reserve - opening
        if usable >= open_details:
            break
        open_details -= max(0, usable)

    budget = Budget(remaining, total, reserve, Unit.REQUESTS)
    assert days(budget, opening + details, opening) == passed


def test_what_a_budget_counts() -> None:
    assert counted(Budget(1, 1, 0, Unit.TOKENS), requests=5, cost=50) == 50
    assert counted(Budget(1, 1, 0, Unit.REQUESTS), requests=5, cost=50) == 5
