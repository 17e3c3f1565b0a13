"""A run that was killed and the one that finishes it ask for little more than one undisturbed run."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest
from installation import UNJUDGED, Installation, arrived
from published import query

from pipedrive_graph.simulator.server import Options, Simulator

pytestmark = pytest.mark.slow

LISTS_AGAIN = 10
"""How many requests are allowed beside those that were in flight: who we are, and the lists, are read again.

That is two to five requests; of a server that pages its users, one more for each page behind the first.
"""


@pytest.fixture(scope="module", params=["official", "brief"])
def second_night(request, tmp_path_factory: pytest.TempPathFactory):
    """A company before its second night, with somebody gone, and what that night asks undisturbed."""
    folder = tmp_path_factory.mktemp(request.param)
    # two windows: what was asked in the first one has been answered when the run is killed in the second
    options = Options(users=30, limit=40, dialect=request.param)
    with Simulator(options) as simulator:
        first = Installation.of(folder / "first", simulator, UNJUDGED)
        first.night()
        simulator.company.remove_user(sorted(simulator.company.users)[7])
        undisturbed = Installation(folder / "undisturbed", first.variables, UNJUDGED)
        shutil.copytree(first.home, undisturbed.home)
        simulator.requests.clear()
        manifest = undisturbed.night()
        asked = Counter(request.path for request in simulator.requests)
        assert manifest.verdict.status == "complete"
        assert manifest.requests == asked.total()
        yield simulator, first, asked


@pytest.mark.parametrize(
    "share",
    [
        pytest.param(0.0, id="asking who we are"),
        pytest.param(0.01, id="reading the users"),
        pytest.param(0.02, id="reading the roles"),
        0.05,
        0.4,
        0.7,
        0.95,
        pytest.param(1.0, id="at the last answer"),
    ],
)
def test_both_runs_together(second_night, tmp_path: Path, share: float) -> None:
    simulator, first, undisturbed = second_night
    installation = Installation(tmp_path / "home", first.variables, UNJUDGED)
    shutil.copytree(first.home, installation.home)
    simulator.requests.clear()
    process = installation.process("sync")

    def kill(reply):
        process.kill()
        return reply

    # who asks with a token in the wrong place gets no further than the door, where no fault is
    simulator.faults.add(".*", kill, after=round(share * (undisturbed.total() - 2)))
    assert installation.wait(process).code == -signal.SIGKILL
    simulator.faults.clear()
    in_flight = arrived(simulator) - installation.written

    manifest = installation.night()

    assert manifest.verdict.status == "complete"
    assert len(simulator.requests) - undisturbed.total() <= in_flight + LISTS_AGAIN
    assert not undisturbed - Counter(request.path for request in simulator.requests)
    assert query(installation.published, "SELECT DISTINCT status FROM snapshots") == [("complete",)]
