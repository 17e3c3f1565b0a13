from __future__ import annotations

import asyncio
import random
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipedrive_graph.errors import IncompleteError
from pipedrive_graph.pipedrive.ratelimit.crowd import MOST_AT_ONCE
from pipedrive_graph.pipedrive.ratelimit.headers import RateLimits
from pipedrive_graph.pipedrive.ratelimit.latency import usual_latency
from pipedrive_graph.pipedrive.ratelimit.limiter import RateLimiter, burst_gap

from .virtual import virtually

QUIET = RateLimits()


@settings(max_examples=30, deadline=None)
@given(
    limit=st.integers(1, 120),
    latency=st.floats(0.02, 2),
    jitter=st.floats(0, 0.3),
    chance=st.randoms(use_true_random=False),
)
def test_no_window_is_ever_over_the_limit(limit, latency, jitter, chance: random.Random):
    """The way there takes a tenth of the latency; the way back and the work, the rest and jitter."""
    arrivals: list[float] = []

    async def job() -> float:
        limiter = RateLimiter(limit)

        async def one() -> None:
            async with limiter.turn() as turn:
                turn.sent()
                await asyncio.sleep(latency / 10)
                arrivals.append(limiter.now())
                await asyncio.sleep(latency * 0.9 + chance.uniform(0, jitter))
                turn.answered(RateLimits(limit=limit))

        await asyncio.gather(*(one() for _ in range(12 * limit + 1)))
        return limiter.now()

    virtually(job)
    arrivals.sort()
    for first, later in zip(arrivals, arrivals[limit:], strict=False):
        assert later - first > 2
    # over twelve windows: what jitter costs once would be several percent of a few
    pace = 2 * (len(arrivals) - 1) // limit
    assert pace / (arrivals[-1] - arrivals[0]) > 0.97


def test_a_request_that_arrives_late_keeps_its_place_for_longer():
    arrivals: list[float] = []
    late = {7, 33}

    async def job() -> None:
        limiter = RateLimiter(20)

        async def one(number: int) -> None:
            async with limiter.turn() as turn:
                turn.sent()
                await asyncio.sleep(0.5 if number in late else 0.01)
                arrivals.append(limiter.now())
                await asyncio.sleep(0.04)
                turn.answered(RateLimits(limit=20))

        await asyncio.gather(*(one(number) for number in range(100)))

    virtually(job)
    arrivals.sort()
    assert min(later - first for first, later in zip(arrivals[20:], arrivals[40:], strict=False)) > 2


def test_a_burst_that_arrives_late_is_not_overtaken_by_the_next():
    arrivals: list[float] = []

    async def job() -> None:
        limiter = RateLimiter(80)

        async def one(number: int) -> None:
            async with limiter.turn() as turn:
                turn.sent()
                # connections are opened, one after the other
                await asyncio.sleep(number % 80 * 0.001 if number < 80 else 0.001)
                arrivals.append(limiter.now())
                await asyncio.sleep(0.02)
                turn.answered(RateLimits(limit=80))

        await asyncio.gather(*(one(number) for number in range(240)))

    virtually(job)
    arrivals.sort()
    assert min(later - first for first, later in zip(arrivals, arrivals[80:], strict=False)) > 2
    assert 4 / (arrivals[160] - arrivals[0]) > 0.97


def test_a_request_that_never_left_takes_no_place():
    async def job() -> float:
        limiter = RateLimiter(limit=1)
        for _ in range(5):
            async with limiter.turn():
                pass
        return limiter.now()

    assert virtually(job) < 2


def test_a_pause_holds_everybody_and_widens_the_margin_for_a_while():
    async def job() -> None:
        limiter = RateLimiter(20)
        narrow = limiter._margin
        limiter.pause(3)
        assert limiter._margin > narrow
        began = limiter.now()
        async with limiter.turn() as turn:
            assert limiter.now() - began >= 3
            turn.sent()
            turn.answered(QUIET)
        assert limiter.waited >= 3

    virtually(job)


def test_closing_ends_the_waiting_of_all():
    async def job() -> None:
        limiter = RateLimiter(limit=1)

        async def one() -> None:
            async with limiter.turn() as turn:
                turn.sent()

        waiting = [asyncio.create_task(one()) for _ in range(5)]
        await asyncio.sleep(0.1)
        limiter.close(IncompleteError("Over."))
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [repr(outcome) for outcome in outcomes] == ["None"] + ["IncompleteError('Over.')"] * 4
        with pytest.raises(IncompleteError):
            await one()

    virtually(job)


def test_who_is_cancelled_while_waiting_leaves_no_trace():
    async def job() -> None:
        limiter = RateLimiter(limit=1)

        async def one() -> None:
            async with limiter.turn() as turn:
                turn.sent()
                turn.answered(QUIET)

        await one()
        waiting = [asyncio.create_task(one()) for _ in range(3)]
        await asyncio.sleep(0.1)
        waiting[0].cancel()
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert not limiter._at_once
        assert limiter.requests == 2
        assert limiter.now() < 3

    virtually(job)


def test_requests_that_hang_do_not_hold_up_the_others():
    async def job() -> float:
        limiter = RateLimiter(20)

        async def one(number: int) -> None:
            async with limiter.turn() as turn:
                turn.sent()
                await asyncio.sleep(1000 if number % 5 == 0 else 0.05)
                turn.answered(RateLimits(limit=20))

        async def all_others() -> float:
            tasks = [asyncio.create_task(one(number)) for number in range(200)]
            others = [task for number, task in enumerate(tasks) if number % 5]
            await asyncio.gather(*others)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return limiter.now()

        return await all_others()

    assert virtually(job) < 30


def test_concurrency_follows_the_latency_within_bounds():
    async def job() -> None:
        limiter = RateLimiter(80)
        assert limiter.concurrency == 80
        for duration, fewest, most in ((0.02, 8, 12), (2.0, 120, 170), (60.0, 512, MOST_AT_ONCE)):
            limiter._duration = duration
            assert fewest <= limiter.concurrency <= most

    virtually(job)


@given(st.lists(st.floats(0, 30), min_size=1, max_size=64))
def test_what_is_usual_costs_fifteen_milliseconds_at_most(latencies: list[float]):
    usual = usual_latency(deque(latencies))
    late = sum(max(latency - usual, 0) for latency in latencies) / len(latencies)
    assert late <= 0.015 + 1e-9
    assert min(latencies) <= usual <= max(latencies)


@pytest.mark.parametrize(
    ("capacity", "seconds"),
    [(1, 0.2), (20, 0.01), (80, 0.0025), (120, 1 / 600), (240, 0.0012), (480, 0.0012), (1600, 0.001)],
)
def test_a_burst_is_no_denser_than_this_process_can_send_it(capacity, seconds):
    assert burst_gap(capacity, 2.0) == pytest.approx(seconds)


def test_a_standstill_of_this_process_is_not_taken_for_others_with_the_same_token():
    """What the server counted when it took a request is more than what is left of it after a standstill."""
    limit, latency = 480, 0.15
    arrivals: list[float] = []

    async def job() -> int:
        limiter = RateLimiter(limit)

        async def one(start: float, *, stands_still: bool) -> None:
            await asyncio.sleep(start - limiter.now())
            async with limiter.turn() as turn:
                arrived = limiter.now()
                arrivals.append(arrived)
                counted = sum(arrived - 2 < other <= arrived for other in arrivals)
                if stands_still:  # between writing the request and noting that it is written
                    asyncio.get_running_loop()._now += 0.2  # type: ignore[attr-defined]
                turn.sent()
                await asyncio.sleep(arrived + latency - limiter.now())
                turn.answered(RateLimits(limit=limit, remaining=limit - counted))

        early = [one(0.001 * number, stands_still=False) for number in range(200)]
        late = [one(1.8 + 0.001 * number, stands_still=number == 199) for number in range(200)]
        await asyncio.gather(*early, *late)
        return limiter.own

    assert virtually(job) == limit
