"""A run that is killed at any moment costs nothing: what was published stays, what was answered counts."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from installation import Installation
from published import differing, query, tables

from pipedrive_graph.simulator.server import Simulator

NIGHT = "2026-11-02T02:00:00Z"
SEED = 7

Moment = Callable[[Installation, Simulator, subprocess.Popen[str]], None]


def change_everything(simulator: Simulator) -> None:
    """What happens in the company between the two nights."""
    company, users = simulator.company, sorted(simulator.company.users)
    company.grant(users[5], "can_export_data_from_lists")
    company.revoke(users[6], "can_add_products")
    company.move(users[7], sorted(company.roles)[1])
    company.remove_user(users[8])
    company.deactivate(users[9])
    company.invite("new@example.com")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory):
    """A company after its first night and before its second, and the tables of an undisturbed second."""
    from pipedrive_graph.simulator.server import Options

    folder = tmp_path_factory.mktemp("resume")
    with Simulator(Options(users=60, limit=2000, now=datetime(2026, 11, 1, tzinfo=UTC))) as simulator:
        first = Installation.of(folder / "first", simulator)
        first.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-01T02:00:00Z"
        assert first.night().verdict.status == "complete"
        change_everything(simulator)
        undisturbed = Installation(folder / "undisturbed", {**first.variables})
        shutil.copytree(first.home, undisturbed.home)
        undisturbed.variables["PIPEDRIVE_GRAPH_CLOCK"] = NIGHT
        assert undisturbed.command("sync").code == 0
        yield simulator, first, tables(undisturbed.published, clock=False)


def after_requests(share: float) -> Moment:
    """When so many of the night's 146 requests have arrived: the next one is never answered."""

    def wait(installation: Installation, simulator: Simulator, process: subprocess.Popen[str]) -> None:
        def kill(reply):
            process.kill()
            return reply

        simulator.faults.add(".*", kill, after=round(share * 140))
        process.wait(timeout=60)

    return wait


def once(sign: str, *, later: float) -> Moment:
    """When a file appears below the home folder, and a moment later."""

    def wait(installation: Installation, simulator: Simulator, process: subprocess.Popen[str]) -> None:
        old = set(installation.home.rglob(sign))
        while process.poll() is None and set(installation.home.rglob(sign)) <= old:
            time.sleep(0.0005)
        time.sleep(later)
        process.kill()

    return wait


def answered(installation: Installation) -> set[str]:
    """Paths whose answers by id are checkpointed in an unfinished snapshot."""
    lines = [
        json.loads(line)
        for path in installation.home.glob("landing/default/*/*.id*.ndjson")
        if not (path.parent / "manifest.json").exists()
        for line in path.read_text().splitlines(keepends=True)
        if line.endswith("\n")
    ]
    return {line["endpoint"].replace("{id}", line["asked"]["id"]) for line in lines}


chance = random.Random(SEED)  # noqa: S311 - chance that can be repeated
MOMENTS = {
    "collecting, early": after_requests(chance.uniform(0.02, 0.3)),
    "collecting, late": after_requests(chance.uniform(0.3, 0.99)),
    "committing": once("*.ndjson.gz", later=chance.uniform(0, 0.004)),
    "building": once("*/*/*/manifest.json", later=chance.uniform(0.05, 0.5)),
    "publishing": once(".identity_graph.duckdb.*.tmp", later=chance.uniform(0, 0.2)),
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_killed_and_run_again(stage, tmp_path: Path, moment: Moment) -> None:
    simulator, first, undisturbed = stage
    installation = Installation(tmp_path / "home", {**first.variables, "PIPEDRIVE_GRAPH_CLOCK": NIGHT})
    shutil.copytree(first.home, installation.home)
    before = installation.published.read_bytes()

    process = installation.process("sync", "--json")
    moment(installation, simulator, process)
    told = installation.wait(process)
    simulator.faults.clear()
    kept = answered(installation)

    assert told.code == -signal.SIGKILL
    assert installation.published.read_bytes() == before

    simulator.requests.clear()
    again = installation.command("sync", "--json")

    assert (again.code, again.err) == (0, "")
    assert not kept & {request.path for request in simulator.requests}
    after = tables(installation.published, clock=False)
    # killed behind the commit, the snapshot is there already, and the next one is another
    differences = differing(after, undisturbed)
    assert differences.keys() <= {"snapshots"}, differences
    left = [path.name for path in installation.home.rglob("*") if path.suffix in {".tmp", ".wal", ".ndjson"}]
    assert left == []
    assert query(installation.published, "SELECT DISTINCT status FROM snapshots") == [("complete",)]
