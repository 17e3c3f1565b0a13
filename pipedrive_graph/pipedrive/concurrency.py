"""Runs many calls concurrently and yields their results as they complete; independent of HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

Asked = TypeVar("Asked")
Result = TypeVar("Result")


async def map_as_completed(
    ask: Callable[[Asked], Awaitable[Result]],
    calls: Iterable[Asked],
    at_once: int,
    *,
    now: Callable[[], int] | None = None,
) -> AsyncGenerator[Result, None]:
    """Yield the results of `ask` for all calls, in order of completion.

    `calls` is consumed as capacity becomes free. Results that arrived before an error are yielded before it
    is raised. Closing the iterator cancels pending calls. A slow consumer applies back-pressure.

    Args:
        ask: makes one call and returns its result.
        calls: the arguments of `ask`.
        at_once: the most calls that may be pending.
        now: the current maximum, which may change; at least one call is always allowed.

    Raises:
        Exception: the first error of `ask` or of `calls`, as it was raised.
    """
    results: asyncio.Queue[tuple[Result] | None] = asyncio.Queue(at_once)
    source = iter(calls)
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
        for call in source:
            if working < allowed():
                hire(group)
            await results.put((await ask(call),))
            if working > allowed():
                break
        working -= 1

    async def supervise() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                hire(group)
        except* Exception as errors:  # noqa: BLE001 - raised again by the consumer's loop
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
