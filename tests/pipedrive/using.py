"""Helpers: a client on a simulator, and a retry policy with short waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from pipedrive_graph.pipedrive.answers import Answer
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.http_types import Timeouts
from pipedrive_graph.pipedrive.ratelimit.retry import RetryPolicy

Result = TypeVar("Result")

HASTY = RetryPolicy(first=0.02, longest=0.1, silence=1.5, pauses=3)
SHORT = Timeouts(connect=0.9, read=0.8, total=3.0)


def use(
    url: str,
    token: str,
    job: Callable[[Pipedrive], Awaitable[Result]],
    *,
    warnings: list[str] | None = None,
    preflight: bool = True,
    retry_policy: RetryPolicy = HASTY,
    timeouts: Timeouts = SHORT,
    **budget: Any,
) -> Result:
    """Run a job with a client, after the preflight; `budget` is the daily budget."""

    async def run() -> Result:
        sentences = [] if warnings is None else warnings
        async with Pipedrive(
            url, token, on_warning=sentences.append, retry_policy=retry_policy, timeouts=timeouts, **budget
        ) as pipedrive:
            if preflight:
                await pipedrive.preflight()
            return await job(pipedrive)

    return asyncio.run(run())


async def take_all(pipedrive: Pipedrive, calls: Iterable[Call]) -> list[Answer]:
    return [answer async for answer in pipedrive.fetch_all(calls)]


def permissions(ids: Iterable[int]) -> list[Call]:
    return [Call(Endpoint.PERMISSIONS, str(user)) for user in ids]
