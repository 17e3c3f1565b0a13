"""Fixtures for all tests: a clean environment, running simulators, and installations that read them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cpu_time import pytest_addoption, pytest_configure
from installation import Installation, Serve
from reviewed import Reviewed, reviewed

from pipedrive_graph.cli import logs
from pipedrive_graph.common import clock
from pipedrive_graph.simulator import dates
from pipedrive_graph.simulator.server import Options, Simulator
from pipedrive_graph.warehouse import database

__all__ = ["pytest_addoption", "pytest_configure"]

# A background job of a shell ignores SIGINT, and so would the commands that these tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

if "PYTEST_XDIST_WORKER" in os.environ:
    # one thread per worker is faster, because the workers share the cores and the tests use little data
    database.CONFIG["threads"] = 1


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Remove the developer's settings from the environment, and reset logging after each test."""
    # a clock that a fixture of a module has set: monkeypatch would restore it for the next module
    os.environ.pop(clock.CLOCK_VARIABLE, None)
    for name in list(os.environ):
        if name.startswith("PIPEDRIVE_") or name == "DAGSTER_HOME" or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    # a clock that a test sets starts now, and not when the first test started
    clock._STARTED = dates._STARTED = time.monotonic()
    yield
    logs.reset()
    os.environ.pop(clock.CLOCK_VARIABLE, None)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The path of a home folder that does not exist yet."""
    return tmp_path / "home"


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start any number of simulators; without options, they are small and fast."""
    with ExitStack() as stack:

        def start(**options: Any) -> Simulator:
            merged = {"users": 40, "limit": 2000, **options}
            return stack.enter_context(Simulator(Options(**merged)))

        yield start


@pytest.fixture(scope="session")
def review(tmp_path_factory: pytest.TempPathFactory) -> Reviewed:
    """A company with hostile names, after two nights, with its access report; tests must not change it."""
    return reviewed(tmp_path_factory.mktemp("review") / "home")


@pytest.fixture
def simulator(serve: Serve) -> Simulator:
    """A company of 40 people."""
    return serve()


@pytest.fixture
def installation(home: Path, simulator: Simulator) -> Installation:
    """An installation that reads `simulator`."""
    return Installation.of(home, simulator)
