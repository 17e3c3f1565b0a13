"""The share of the allowed rate that a whole collection uses, on a virtual clock.

The simulator is called without a socket: its answers, its limits and its latencies are its own, and its
clock is the event loop's. The share is the one of benchmarks/collect.py.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from benchmarks.pacing import BAR, share
from benchmarks.serving import Arrival
from pipedrive_graph.collect import collect
from pipedrive_graph.config.company import TOKEN_VARIABLE, Company
from pipedrive_graph.landing import Landing, Manifest
from pipedrive_graph.landing.storage import FolderStorage
from pipedrive_graph.pipedrive.http import Transport
from pipedrive_graph.pipedrive.http_types import Response
from pipedrive_graph.simulator import middleware
from pipedrive_graph.simulator.company import generate
from pipedrive_graph.simulator.middleware import SeenRequest
from pipedrive_graph.simulator.model import Company as Simulated
from pipedrive_graph.simulator.server import Options, create_app

from .virtual import VirtualLoop


class _Silent:
    def progress(self, progress: object) -> None:
        pass

    def warn(self, sentence: str) -> None:
        pytest.fail(sentence)


class _Loop(VirtualLoop):
    """Runs functions directly instead of in a thread, during which the clock would jump."""

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()
        future.set_result(func(*args))
        return future


def collected(
    simulated: Simulated, options: Options, home: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Manifest, list[SeenRequest]]:
    """Collect a company on a virtual clock; return the manifest, and the requests as they arrived."""
    requests: list[SeenRequest] = []
    company = Company("acme", base_url="http://127.0.0.1:9/v1", daily_reserve=0.0)

    async def job() -> Manifest:
        app = create_app(simulated, options, requests=requests)
        server = httpx.ASGITransport(app)

        async def get(
            self: Transport,
            path: str,
            query: Mapping[str, str],
            sent: Callable[[], None] | None = None,
            *_: object,
        ) -> Response:
            request = httpx.Request(
                "GET", f"{self.base_url}/{path}", params=query, headers={"x-api-token": options.token}
            )
            if sent is not None:
                sent()
            response = await server.handle_async_request(request)
            return Response(response.status_code, dict(response.headers), await response.aread())

        monkeypatch.setattr(Transport, "get", get)
        return await collect(company, Landing(FolderStorage(home)).of(company.name), observer=_Silent())

    monkeypatch.setenv(TOKEN_VARIABLE, options.token)
    with asyncio.Runner(loop_factory=_Loop) as runner:
        clock = SimpleNamespace(monotonic=runner.get_loop().time, time=middleware.time.time)
        monkeypatch.setattr(middleware, "time", clock)
        return runner.run(job()), requests


@pytest.mark.slow
@pytest.mark.parametrize("latency", [0.15, 1.0])
def test_a_collection_of_600_users_reaches_97_percent_of_the_allowed_rate(
    latency: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(users=600, latency=latency, jitter=latency / 10)
    simulated = generate(options.users, options.seed)

    manifest, requests = collected(simulated, options, tmp_path, monkeypatch)

    assert (manifest.verdict.status, manifest.users, manifest.throttled) == ("complete", 600, 0)
    assert manifest.requests == len(requests) > 1200
    assert Counter(seen.status for seen in requests)[429] == 0
    arrivals = [Arrival(seen.at, seen.path, seen.status) for seen in requests]
    assert share(arrivals, options.limit, options.window, latency) >= BAR
