"""What all tests share: a clean environment, running simulators, and an installation on each."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from installation import Installation, Serve
from reviewed import Reviewed, reviewed

from pipedrive_graph.cli import logs
from pipedrive_graph.common import clock
from pipedrive_graph.simulator import dates
from pipedrive_graph.simulator.server import Options, Simulator
from pipedrive_graph.warehouse import database

# A background job of a shell ignores SIGINT, and so would the commands that these tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

if "PYTEST_XDIST_WORKER" in os.environ:
    # who shares the cores with other workers is faster so: what the tests hold is small
    database.CONFIG["threads"] = 1


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of whoever runs the tests reaches them, and no test turns logging off for the next."""
    # a clock that a fixture of a module has set: monkeypatch would restore it for the next module
    os.environ.pop(clock.CLOCK_VARIABLE, None)
    for name in list(os.environ):
        if name.startswith("PIPEDRIVE_") or name == "DAGSTER_HOME" or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    # a clock that is set goes on from there: not by the hour that the tests before have taken
    clock._STARTED = dates._STARTED = time.monotonic()
    yield
    logs.reset()
    os.environ.pop(clock.CLOCK_VARIABLE, None)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder that is not there yet."""
    return tmp_path / "home"


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start simulators, as many as the test wants; they are fast unless told otherwise."""
    with ExitStack() as stack:

        def start(**options: Any) -> Simulator:
            told = {"users": 40, "limit": 2000, **options}
            return stack.enter_context(Simulator(Options(**told)))

        yield start


@pytest.fixture(scope="session")
def review(tmp_path_factory: pytest.TempPathFactory) -> Reviewed:
    """A company whose names are hostile, after two nights, with its access report; nobody changes it."""
    return reviewed(tmp_path_factory.mktemp("review") / "home")


@pytest.fixture
def simulator(serve: Serve) -> Simulator:
    """A company of 40 people."""
    return serve()


@pytest.fixture
def installation(home: Path, simulator: Simulator) -> Installation:
    """An installation that reads `simulator`."""
    return Installation.of(home, simulator)
