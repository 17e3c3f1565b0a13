"""Runs many calls at once and hands their answers on as they come; knows nothing of HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

Asked = TypeVar("Asked")
Result = TypeVar("Result")


async def as_they_come(
    ask: Callable[[Asked], Awaitable[Result]],
    questions: Iterable[Asked],
    at_once: int,
    *,
    now: Callable[[], int] | None = None,
) -> AsyncGenerator[Result, None]:
    """Yield what `ask` returns for each question, in the order in which it does.

    `questions` is consumed as places become free. Results that came before an error are yielded
    before it is raised. Closing the iterator cancels what is under way. A slow consumer slows the calls.

    Args:
        ask: brings one result.
        questions: what is asked for.
        at_once: how many questions are under way at most.
        now: how many of them may be at this moment; it may change, and one always may.

    Raises:
        Exception: the first error of `ask` or of `questions`, as it was raised.
    """
    results: asyncio.Queue[tuple[Result] | None] = asyncio.Queue(at_once)
    source = iter(questions)
    failures: list[Exception] = []
    working = 0

    def allowed() -> int:
        return at_once if now is None else max(1, min(at_once, now()))

    def hire(group: asyncio.TaskGroup) -> None:
        nonlocal working
        working += 1
        group.create_task(work(group))

    async def work(group: asyncio.TaskGroup) -> None:
        nonlocal working
        for question in source:
            if working < allowed():
                hire(group)
            await results.put((await ask(question),))
            if working > allowed():
                break
        working -= 1

    async def supervise() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                hire(group)
        except* Exception as errors:  # noqa: BLE001 - raised again where the results are taken
            failures.append(errors.exceptions[0])
        await results.put(None)

    supervisor = asyncio.create_task(supervise())
    try:
        while (result := await results.get()) is not None:
            yield result[0]
    finally:
        supervisor.cancel()
        await asyncio.gather(supervisor, return_exceptions=True)
    if failures:
        raise failures[0]
