from __future__ import annotations

import asyncio

import pytest

from pipedrive_graph.pipedrive.concurrency import map_as_completed


async def double(number: int) -> int:
    await asyncio.sleep(0.001 * (5 - number))
    if number == 99:
        raise ValueError("ninety-nine")
    return 2 * number


async def collect(questions, at_once: int = 4) -> list[int]:
    return [result async for result in map_as_completed(double, questions, at_once)]


def test_results_come_in_the_order_in_which_they_are_ready():
    assert asyncio.run(collect([1, 4])) == [8, 2]
    assert asyncio.run(collect([])) == []
    assert sorted(asyncio.run(collect(range(90), 7))) == [2 * number for number in range(90)]


def test_an_error_comes_alone_and_after_what_was_there():
    taken = []

    async def run() -> None:
        async for result in map_as_completed(double, iter([5, 5, 99, 1]), 1):
            taken.append(result)

    with pytest.raises(ValueError, match="ninety-nine"):
        asyncio.run(run())
    assert taken == [10, 10]


def test_questions_may_fail_too():
    def questions():
        yield 5
        raise KeyError("no more")

    with pytest.raises(KeyError):
        asyncio.run(collect(questions()))


def test_questions_are_taken_as_places_become_free():
    asked = []

    def questions():
        for number in range(1000):
            asked.append(number)
            yield 5

    async def run() -> None:
        results = map_as_completed(double, questions(), 3)
        async for _ in results:
            break
        await results.aclose()

    asyncio.run(run())
    assert len(asked) < 20


def test_nothing_is_left_running():
    async def run() -> int:
        results = map_as_completed(double, range(50), 5)
        await anext(results)
        await results.aclose()
        return len(asyncio.all_tasks())

    assert asyncio.run(run()) == 1
