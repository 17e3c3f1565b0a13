"""Companies that are read in one event loop: what one does holds up no other."""

from __future__ import annotations

import asyncio
import time

import pytest
from installation import Installation, Silent

from pipedrive_graph.collect import collect
from pipedrive_graph.landing import Snapshot

SECONDS = 1.0


@pytest.fixture(autouse=True)
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packing a snapshot takes a while, as it does on a busy disk."""
    pack = Snapshot.pack

    def slow(self: Snapshot, *arguments: object) -> object:
        time.sleep(SECONDS)
        return pack(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Snapshot, "pack", slow)


@pytest.mark.slow
def test_a_commit_holds_up_no_other_company(installation: Installation, monkeypatch) -> None:
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    (company,) = installation.settings.companies
    pauses: list[float] = []

    async def others() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            pauses.append(time.monotonic() - began)

    async def job() -> str:
        ticking = asyncio.create_task(others())
        manifest = await collect(company, installation.landing(), observer=Silent())
        ticking.cancel()
        return manifest.verdict.status

    assert asyncio.run(job()) == "complete"
    assert max(pauses) < SECONDS


def test_a_run_that_is_cancelled_while_it_commits_keeps_the_lock_to_the_end(
    installation: Installation, monkeypatch
) -> None:
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    (company,) = installation.settings.companies
    landing = installation.landing()
    committing = asyncio.Event()
    pack = Snapshot.pack

    async def job() -> None:
        loop = asyncio.get_running_loop()

        def noted(self: Snapshot, *arguments: object) -> object:
            loop.call_soon_threadsafe(committing.set)
            return pack(self, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(Snapshot, "pack", noted)
        collecting = asyncio.create_task(collect(company, landing, observer=Silent()))
        await committing.wait()
        collecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await collecting
        assert landing.latest() is not None
        with landing.lock():
            pass

    asyncio.run(job())
