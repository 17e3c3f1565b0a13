"""The pending requests of several companies in one process."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.concurrency import map_as_completed
from pipedrive_graph.pipedrive.ratelimit.crowd import MOST_AT_ONCE, Crowd, crowd
from pipedrive_graph.pipedrive.ratelimit.headers import RateLimits
from pipedrive_graph.pipedrive.ratelimit.limiter import RateLimiter

from .virtual import virtually


@pytest.mark.parametrize(("companies", "share"), [(0, 512), (1, 512), (8, 64), (100, 5), (1000, 2)])
def test_each_company_has_the_same_share(companies: int, share: int) -> None:
    shared = Crowd()
    for company in range(companies):
        shared.join(company)

    assert shared.share == share


def test_a_share_becomes_larger_when_a_company_has_ended() -> None:
    shared = Crowd()
    for company in ("acme", "beta", "beta"):
        shared.join(company)
    shared.leave("acme")
    shared.leave("acme")

    assert shared.share == MOST_AT_ONCE


@pytest.mark.parametrize(("soft", "hard", "then"), [(256, 5000, 4096), (256, 1000, 1000), (4500, 5000, 4500)])
def test_the_process_may_open_as_many_connections_as_it_takes(soft: int, hard: int, then: int) -> None:
    code = (
        "import asyncio, resource\n"
        "from pipedrive_graph.pipedrive.ratelimit.crowd import crowd\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
        "async def job(): return crowd() is crowd()\n"
        "print(asyncio.run(job()), *resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed == f"True {then} {hard}\n"


def test_a_client_is_in_the_crowd_while_it_is_open() -> None:
    async def run() -> list[int]:
        shares = []
        first, second = (Pipedrive("http://127.0.0.1:9/v1", "token", on_warning=print) for _ in range(2))
        async with first:
            shares.append(crowd().share)
            async with second:
                shares.append(crowd().share)
            shares.append(crowd().share)
        return shares

    assert asyncio.run(run()) == [512, 256, 512]


def test_a_hundred_companies_never_have_more_under_way_than_one_may() -> None:
    """Latencies of seconds, as with a late event loop: each company alone would have 120 pending requests."""
    companies, limit, calls = 100, 80, 100
    under_way, most = 0, 0

    async def job() -> float:
        async def one(limiter: RateLimiter) -> None:
            nonlocal under_way, most
            async with limiter.turn() as turn:
                turn.sent()
                under_way += 1
                most = max(most, under_way)
                await asyncio.sleep(2)
                under_way -= 1
                turn.answered(RateLimits(limit=limit))

        limiters = [RateLimiter() for _ in range(companies)]
        for limiter in limiters:
            limiter.crowd.join(limiter)
        await asyncio.gather(*map(one, limiters))  # the preflights
        await asyncio.gather(*(one(limiter) for limiter in limiters for _ in range(calls)))
        return limiters[0].now()

    seconds = virtually(job)

    assert most == 500
    assert 42 <= seconds < 43  # a preflight and 100 calls of each company, 5 at once, 2 s each


def test_a_company_whose_requests_hang_takes_four_shares_at_most() -> None:
    async def job() -> int:
        limiters = [RateLimiter(limit=80) for _ in range(100)]
        for limiter in limiters:
            limiter.crowd.join(limiter)

        async def hang() -> None:
            async with limiters[0].turn() as turn:
                turn.sent()
                await asyncio.sleep(1000)

        tasks = [asyncio.create_task(hang()) for _ in range(200)]
        await asyncio.sleep(60)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return limiters[0].requests

    assert virtually(job) == 20


def test_as_many_questions_are_under_way_as_are_allowed_at_the_moment() -> None:
    allowed, under_way, most = 3, 0, []

    async def ask(number: int) -> int:
        nonlocal allowed, under_way
        allowed = 3 if number < 50 else 20 if number < 150 else 1
        under_way += 1
        most.append(under_way)
        await asyncio.sleep(1)
        under_way -= 1
        return number

    async def job() -> list[int]:
        return [number async for number in map_as_completed(ask, range(200), 512, now=lambda: allowed)]

    assert sorted(virtually(job)) == list(range(200))
    assert max(most[:50]) == 3
    assert max(most[100:150]) == 20
    assert set(most[-20:]) == {1}
