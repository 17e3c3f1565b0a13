"""Collects companies concurrently, in an event loop on a thread, and hands over those that have ended."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pipedrive_graph.config.company import Company
from pipedrive_graph.pipeline.land import Landed

Land = Callable[[Company], Awaitable[Landed]]


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of a company's collection."""

    company: str
    result: Landed | Exception


class Collector:
    """Collects companies in the background while the block runs; leaving the block early cancels the rest.

    The main thread stays free: it builds the companies that have ended, and receives signals.

    Args:
        companies: the companies, started in this order.
        land: collects one company.
        jobs: how many companies are collected at the same time.
    """

    def __init__(self, companies: Sequence[Company], land: Land, *, jobs: int) -> None:
        self._companies, self._land, self._jobs = companies, land, jobs
        self._ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        self._left = len(companies)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="collector", daemon=True)
        self._all: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._all = self._loop.create_task(self._everything())
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread.is_alive() and self._all is not None:
            with suppress(RuntimeError):  # the loop has just ended
                self._loop.call_soon_threadsafe(self._all.cancel)
        self._thread.join()

    def batches(
        self, publish_after: float, on_ended: Callable[[Ended], bool], *, is_waiting: bool = False
    ) -> Iterator[list[str]]:
        """Yield the companies whose snapshots are ready, in batches to build.

        Args:
            publish_after: the seconds that the first snapshot of a batch waits for others. A batch is yielded
                when all companies have ended, or when that time has passed.
            on_ended: called at once with each company that has ended; returns whether it belongs to a batch.
            is_waiting: whether the caller already has snapshots for the first batch.

        Yields:
            The names of the companies of a batch; the last batch may be empty.
        """
        batch: list[str] = []
        deadline = time.monotonic() + publish_after if is_waiting else None
        while self._left:
            try:
                ended = self._ended.get(timeout=self._time_left(deadline))
            except queue.Empty:
                yield batch
                batch, deadline = [], None
                continue
            self._left -= 1
            if on_ended(ended):
                batch.append(ended.company)
                deadline = deadline or time.monotonic() + publish_after
        yield batch

    def stopped(self) -> Iterator[Ended]:
        """Cancel the collection, and yield the companies that have ended but were not handed over."""
        self.__exit__(None, None, None)
        with suppress(queue.Empty):
            while True:
                yield self._ended.get_nowait()

    @staticmethod
    def _time_left(deadline: float | None) -> float | None:
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            if self._all is not None:
                with suppress(asyncio.CancelledError):
                    self._loop.run_until_complete(self._all)
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    async def _everything(self) -> None:
        free = asyncio.Semaphore(self._jobs)
        async with asyncio.TaskGroup() as tasks:
            for company in self._companies:
                tasks.create_task(self._collect(company, free), name=company.name)

    async def _collect(self, company: Company, free: asyncio.Semaphore) -> None:
        async with free:
            result: Landed | Exception
            try:
                result = await self._land(company)
            except Exception as error:  # noqa: BLE001 - the others continue; the main thread reports it
                result = error
            self._ended.put(Ended(company.name, result))
