"""Another integration with the same token: a separate process that sends calls at a constant rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import httpx

from benchmarks.beside import beside

OTHERS_PATH = "users/me"
"""The requested path; the measured client requests it only once, in its preflight."""


@contextmanager
def others(url: str, token: str, per_second: float) -> Iterator[None]:
    """Send calls at this rate, whatever the responses, until the block ends."""
    with beside(_call, url, token, per_second) as connection:
        connection.recv()  # the other process has started
        yield


def _call(url: str, token: str, per_second: float, connection: Connection) -> None:
    asyncio.run(_steadily(url, token, per_second, connection))


async def _steadily(url: str, token: str, per_second: float, connection: Connection) -> None:
    under_way: set[asyncio.Task[httpx.Response]] = set()
    async with httpx.AsyncClient(base_url=url, headers={"x-api-token": token}, trust_env=False) as client:
        await client.get(OTHERS_PATH)
        connection.send(None)
        due = time.monotonic()
        while not connection.poll():
            task = asyncio.create_task(client.get(OTHERS_PATH))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            due += 1 / per_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await asyncio.gather(*under_way, return_exceptions=True)
