"""The client against the simulator's arrival log: never over the limit, and hardly under it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable

import httpx
import pytest

from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.http_types import Timeouts
from pipedrive_graph.pipedrive.ratelimit.retry import RetryPolicy
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator

from .using import permissions, take_all, use

WINDOW = 2.0


def most_in_a_window(arrivals: Iterable[float]) -> int:
    times = sorted(arrivals)
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - WINDOW:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize(
    "options",
    [
        Options(users=60, limit=60, latency=0.1, jitter=0.1, fixed_window=True),
        Options(users=60, limit=40, latency=0.8, jitter=0.2, reset="epoch_ms", clock_offset=-9e6),
        Options(users=60, limit=20, latency=0.02, dialect="brief"),
    ],
    ids=["fixed windows", "slow server", "brief"],
)
def test_the_rate_is_kept_and_used(options: Options):
    windows = 2
    wanted = windows * options.limit  # and the preflight: the last one is the first of its window

    with Simulator(options) as simulator:
        ids = (sorted(simulator.company.users) * 6)[:wanted]

        async def job(pipedrive: Pipedrive):
            answers = await take_all(pipedrive, permissions(ids))
            return answers, pipedrive.stats

        answers, stats = use(
            simulator.url, simulator.token, job, timeouts=Timeouts(), retry_policy=RetryPolicy()
        )
        seen = list(simulator.requests)

    assert {answer.outcome.value for answer in answers} == {"answered"}
    assert stats.limit == options.limit
    assert stats.throttled == 0
    assert stats.requests == len(seen)
    assert 429 not in [request.status for request in seen]
    assert most_in_a_window(request.at for request in seen) <= options.limit
    arrivals = sorted(request.at for request in seen if request.status == 200)
    share = windows * WINDOW / (arrivals[-1] - arrivals[0])
    assert 0.94 < share < 1  # the machine that runs tests has other things to do as well


def test_what_others_use_of_the_token_is_left_to_them():
    with Simulator(Options(users=60, limit=40)) as simulator:
        done = threading.Event()
        refused = []

        def others() -> None:
            with httpx.Client(base_url=simulator.url, trust_env=False) as client:
                while not done.wait(0.2):  # ten per window
                    answer = client.get("/users/me", headers={"x-api-token": simulator.token})
                    refused.append(answer.status_code == 429)

        thread = threading.Thread(target=others)

        async def job(pipedrive: Pipedrive):
            thread.start()
            await asyncio.sleep(2.2)
            await take_all(pipedrive, permissions(sorted(simulator.company.users)[:45]))
            return pipedrive.stats

        try:
            stats = use(simulator.url, simulator.token, job)
        finally:
            done.set()
            thread.join()
        assert sum(refused) + stats.throttled == 0


def test_without_headers_the_smallest_plan_is_assumed():
    with Simulator(Options(users=60)) as simulator:
        simulator.faults.add(
            ".*",
            faults.headers(x_ratelimit_limit=None, x_ratelimit_remaining=None, x_ratelimit_reset=None),
            times=None,
        )

        async def job(pipedrive: Pipedrive):
            began = time.monotonic()
            await take_all(pipedrive, permissions(sorted(simulator.company.users)[:20]))
            return time.monotonic() - began, pipedrive.stats.limit

        seconds, limit = use(simulator.url, simulator.token, job)
        assert limit in (20, 21)  # nothing was refused: one more is tried
        assert seconds > WINDOW  # with the preflight, they are one too many for a window
        assert most_in_a_window(request.at for request in simulator.requests) <= 20


def test_slow_answers_do_not_slow_the_calls():
    with Simulator(Options(users=60, limit=20, latency=1.0)) as simulator:

        async def job(pipedrive: Pipedrive):
            began = time.monotonic()
            calls = permissions(sorted(simulator.company.users)[:19])
            calls.append(Call(Endpoint.USERS))
            await asyncio.sleep(0.6)
            await take_all(pipedrive, calls)
            return time.monotonic() - began

        # Sent one after the other, they would take twenty seconds.
        assert use(simulator.url, simulator.token, job, timeouts=Timeouts(), retry_policy=RetryPolicy()) < 5
