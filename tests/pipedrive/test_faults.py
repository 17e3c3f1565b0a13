from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import pytest

from pipedrive_graph.errors import BlockedError, BudgetError, IncompleteError, NotAuthorisedError
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.models import User
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator

from .using import HASTY, permissions, take_all, use


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    # A limit that is never reached: these tests are not about the rate limit.
    with Simulator(Options(users=30, limit=5000, daily_limit=10**9)) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Iterator[Simulator]:
    running.requests.clear()
    yield running
    running.faults.clear()


@pytest.fixture(scope="module")
def ids(running: Simulator) -> list[int]:
    return sorted(running.company.users)


def fetch(simulator: Simulator, call: Call):
    return use(simulator.url, simulator.token, lambda pipedrive: pipedrive.fetch(call))


PASSING = {
    "500": faults.status(500),
    "502 in HTML": faults.html(502),
    "504": faults.status(504),
    "cut before": faults.cut("before"),
    "cut within": faults.cut("within"),
    "silence": faults.silence,
    "trickle": faults.slow(3),
    "truncated": faults.truncated,
    "html with 200": faults.html(),
    "unsuccessful": faults.unsuccessful,
    "wrong shape": faults.body({"success": True, "data": "nothing"}),
    "not a number": faults.body(b'{"success": true, "data": {"can_use_api": NaN}}'),
    "empty": faults.body(b""),
    "html with 404": faults.html(404),
}


@pytest.mark.parametrize("name", PASSING)
def test_five_bad_attempts_are_lived_through(simulator: Simulator, ids: list[int], name: str):
    times = 1 if name in ("silence", "trickle") else 5  # these are slow
    fault = simulator.faults.add(r"users/\d+/permissions", PASSING[name], times=times)
    answer = fetch(simulator, permissions(ids)[0])
    assert answer.outcome is Outcome.ANSWERED
    assert fault.hits == times


def test_a_connection_that_ends_after_the_answer_is_replaced(simulator: Simulator, ids: list[int]):
    simulator.faults.add(".*", faults.cut("after"), times=None)

    async def job(pipedrive: Pipedrive):
        return await take_all(pipedrive, permissions(ids))

    answers = use(simulator.url, simulator.token, job)
    assert {answer.outcome for answer in answers} == {Outcome.ANSWERED}


@pytest.mark.parametrize(
    ("name", "status", "problem"),
    [
        ("500", 500, "answered with status 500: internal error"),
        ("html with 200", 200, "the body is not JSON"),
        ("unsuccessful", 200, "success is false: Something went wrong"),
        ("wrong shape", 200, "data: expected a map of flags, got 'nothing'"),
        ("empty", 200, "the body is empty"),
        ("cut before", None, "the answer was cut short"),
    ],
)
def test_six_bad_attempts_fail_the_call_and_nothing_else(simulator, ids, name, status, problem):
    simulator.faults.add(f"users/{ids[3]}/permissions", PASSING[name], times=None)

    async def job(pipedrive: Pipedrive):
        return await take_all(pipedrive, permissions(ids))

    answers = {answer.call.id: answer for answer in use(simulator.url, simulator.token, job)}
    failed = answers.pop(str(ids[3]))
    assert {answer.outcome for answer in answers.values()} == {Outcome.ANSWERED}
    assert failed.outcome is Outcome.FAILED
    assert failed.status == status
    assert failed.problem == f"users/{ids[3]}/permissions: {problem}"
    assert len([seen for seen in simulator.requests if f"/{ids[3]}/" in seen.path]) == 6


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        (faults.not_found, Outcome.GONE),
        (faults.status(410), Outcome.GONE),
        (faults.forbidden, Outcome.REFUSED),
        (faults.status(400), Outcome.FAILED),
        (faults.body(b"", 302), Outcome.FAILED),
    ],
)
def test_what_is_final_is_asked_once(simulator: Simulator, ids: list[int], action, outcome):
    fault = simulator.faults.add(r"users/\d+/permissions", action, times=None)
    answer = fetch(simulator, permissions(ids)[0])
    assert answer.outcome is outcome
    assert answer.data is None
    assert json.loads(answer.text) is None or "error" in json.loads(answer.text)
    assert fault.hits == 1


def test_most_of_everything_may_go_wrong(simulator: Simulator, ids: list[int]):
    for after, action in enumerate(PASSING.values()):
        if action not in (faults.silence, PASSING["trickle"]):
            simulator.faults.add(r"users/.*", action, times=3, after=after)

    async def job(pipedrive: Pipedrive):
        return await take_all(pipedrive, permissions(ids))

    answers = use(simulator.url, simulator.token, job)
    assert sorted(answer.call.id or "" for answer in answers) == sorted(map(str, ids))
    assert {answer.outcome for answer in answers} == {Outcome.ANSWERED}


async def listen(pipedrive: Pipedrive, calls: list[Call], answers: list[Answer]) -> None:
    async for answer in pipedrive.fetch_all(calls):
        answers.append(answer)


def expect_end(simulator: Simulator, ids: list[int], error: type[Exception], sentence: str):
    """Read all users; return the answers that arrived before the error."""
    answers: list[Answer] = []

    async def job(pipedrive: Pipedrive):
        with pytest.raises(error, match=sentence) as caught:
            await listen(pipedrive, permissions(ids * 10), answers)
        assert type(caught.value) is error  # and not an exception group
        sent = pipedrive.stats.requests
        with pytest.raises(error, match=sentence):
            await pipedrive.fetch(Call(Endpoint.USERS))
        await asyncio.sleep(0.1)
        assert pipedrive.stats.requests == sent  # nothing further was sent
        return answers

    return use(simulator.url, simulator.token, job)


def test_the_cdn_s_page_ends_the_run_at_once(ids: list[int]):
    with Simulator(Options(users=30, limit=40)) as simulator:
        fault = simulator.faults.add(r"users/\d+/permissions", faults.cloudflare, times=None, after=5)
        answers = expect_end(simulator, ids, BlockedError, "Cloudflare")
        assert 1 <= len(answers) <= 5
        assert fault.hits < 20  # the requests that were pending when the page arrived


def test_a_withdrawn_token_ends_the_run(simulator: Simulator, ids: list[int]):
    simulator.faults.add(r"users/\d+/permissions", faults.unauthorised, times=None, after=5)
    assert 1 <= len(expect_end(simulator, ids, NotAuthorisedError, "no longer accepts")) <= 5


def test_the_end_of_the_day_ends_the_run(ids: list[int]):
    with Simulator(Options(users=30, limit=40, daily_limit=102)) as poor:
        answers = expect_end(poor, sorted(poor.company.users), BudgetError, "daily reserve")
        assert len(answers) == 7  # what is left behind is a quarter
        assert 429 not in [seen.status for seen in poor.requests]


def over_limit(reply: faults.Reply) -> faults.Reply:
    return faults.status(
        429, headers={"x-ratelimit-remaining": "0", "retry-after": "0", "x-ratelimit-reset": "0"}
    )(faults.headers(x_ratelimit_remaining=None, x_ratelimit_reset=None)(reply))


def test_429_that_persists_ends_the_run(simulator: Simulator, ids: list[int]):
    simulator.faults.add(r"users/\d+/permissions", over_limit, times=None, after=5)
    assert 1 <= len(expect_end(simulator, ids, BudgetError, "daily budget")) <= 5


def test_a_429_is_no_attempt_and_everybody_waits(simulator: Simulator, ids: list[int]):
    simulator.faults.add(
        r"users/\d+/permissions",
        over_limit,
        faults.headers(retry_after="1"),
        times=1,
        after=3,
    )

    async def job(pipedrive: Pipedrive):
        answers = await take_all(pipedrive, permissions(ids))
        return answers, pipedrive.stats

    answers, stats = use(simulator.url, simulator.token, job)
    assert {answer.outcome for answer in answers} == {Outcome.ANSWERED}
    assert stats.throttled == 1
    assert stats.waited > 0.9
    assert stats.requests == len(simulator.requests) == len(ids) + 2


def test_a_server_that_goes_away_ends_the_run_soon_and_one_that_comes_back_does_not(ids: list[int]):
    with Simulator(Options(users=30, limit=40)) as simulator:

        async def comes_back(pipedrive: Pipedrive):
            simulator.stop()
            pending = asyncio.create_task(take_all(pipedrive, permissions(ids)))
            await asyncio.sleep(0.5)
            simulator.start()
            return await pending

        answers = use(simulator.url, simulator.token, comes_back)
        assert {answer.outcome for answer in answers} == {Outcome.ANSWERED}

        async def stays_away(pipedrive: Pipedrive):
            simulator.stop()
            began = time.monotonic()
            with pytest.raises(IncompleteError, match="stopped answering") as caught:
                await take_all(pipedrive, permissions(ids * 20))
            assert type(caught.value) is IncompleteError
            return time.monotonic() - began

        assert use(simulator.url, simulator.token, stays_away) < HASTY.silence + 0.5


def test_a_server_that_falls_silent_ends_the_run(simulator: Simulator, ids: list[int], monkeypatch):
    monkeypatch.setattr("pipedrive_graph.pipedrive.executor._PROBE", 0.3)
    simulator.faults.add(".*", faults.silence, times=None, after=8)
    answers: list[Answer] = []

    async def job(pipedrive: Pipedrive):
        with pytest.raises(IncompleteError, match="the request timed out"):
            await listen(pipedrive, permissions(ids), answers)

    use(simulator.url, simulator.token, job)
    assert len(answers) == 7  # and the preflight


def test_who_stops_listening_stops_the_calls(simulator: Simulator, ids: list[int]):
    async def job(pipedrive: Pipedrive):
        answers = pipedrive.fetch_all(permissions(ids * 100))
        async for _ in answers:
            break
        await answers.aclose()
        sent = pipedrive.stats.requests
        await asyncio.sleep(0.1)
        assert pipedrive.stats.requests == sent
        assert (await pipedrive.fetch(Call(Endpoint.ME))).data  # the client goes on
        async for _ in pipedrive.fetch_all(permissions(ids)):
            break  # left to the end of the client

    use(simulator.url, simulator.token, job)


def test_records_may_be_as_odd_as_they_like(simulator: Simulator):
    def change(body):
        body["data"][0].update(name="n" * 5_000_000, last_login="0000-00-00 00:00:00", access=None)
        body["data"][1]["name"] = "\ud800 half a pair"
        body["data"][2]["role_id"] = "abc"

    simulator.faults.add("users", faults.edit(change))
    answer = fetch(simulator, Call(Endpoint.USERS))
    assert answer.outcome is Outcome.ANSWERED
    assert answer.rows(User)[2].role_id is None
    assert len(answer.text.splitlines()) == 1
    answer.text.encode("utf-8")
