"""Runs many calls at once and hands their answers on as they come; knows nothing of HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

Asked = TypeVar("Asked")
Result = TypeVar("Result")


async def as_they_come(
    ask: Callable[[Asked], Awaitable[Result]], questions: Iterable[Asked], at_once: int
) -> AsyncGenerator[Result, None]:
    """Yield what `ask` returns for each question, in the order in which it does.

    `questions` is consumed as places become free. Results that came before an error are yielded
    before it is raised. Who stops listening, cancels what is under way; who listens slowly, slows it.

    Args:
        ask: brings one result.
        questions: what is asked for.
        at_once: how many questions are under way at most.

    Raises:
        Exception: the first error of `ask` or of `questions`, as it was raised.
    """
    results: asyncio.Queue[tuple[Result] | None] = asyncio.Queue(at_once)
    source = iter(questions)
    failures: list[Exception] = []

    async def work() -> None:
        for question in source:
            await results.put((await ask(question),))

    async def supervise() -> None:
        workers = [asyncio.create_task(work()) for _ in range(at_once)]
        try:
            await asyncio.gather(*workers)
        except Exception as error:  # noqa: BLE001 - raised again where the results are taken
            failures.append(error)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
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
