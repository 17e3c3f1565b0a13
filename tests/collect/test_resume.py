"""A run that is killed at any moment costs nothing: what was published stays, what was answered counts."""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from installation import UNJUDGED, Installation, Silent
from published import differing, query, tables

from pipedrive_graph.errors import BlockedError
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator

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
    with Simulator(Options(users=40, limit=2000, now=datetime(2026, 11, 1, tzinfo=UTC))) as simulator:
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
    """When so many of the night's 100 requests have arrived: the next one is never answered."""

    def wait(installation: Installation, simulator: Simulator, process: subprocess.Popen[str]) -> None:
        def kill(reply):
            process.kill()
            return reply

        simulator.faults.add(".*", kill, after=round(share * 98))
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
    "publishing": once(".identity_graph.duckdb*.tmp", later=chance.uniform(0, 0.2)),
}

QUICK = {"collecting, late"}
"""The moments that are tried each time; the others with the slow tests."""


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(moment, id=name, marks=() if name in QUICK else pytest.mark.slow)
        for name, moment in MOMENTS.items()
    ],
)
def test_killed_and_run_again(stage, tmp_path: Path, moment: Moment) -> None:
    simulator, first, undisturbed = stage
    installation = Installation(tmp_path / "home", {**first.variables, "PIPEDRIVE_GRAPH_CLOCK": NIGHT})
    shutil.copytree(first.home, installation.home)
    before = installation.published.read_bytes()

    process = installation.process("sync", "--json")
    moment(installation, simulator, process)
    result = installation.wait(process)
    simulator.faults.clear()
    kept = answered(installation)

    assert result.code == -signal.SIGKILL
    assert installation.published.read_bytes() == before

    simulator.requests.clear()
    again = installation.command("sync", "--json")

    assert again.code == 0
    assert not kept & {request.path for request in simulator.requests}
    after = tables(installation.published, clock=False)
    # killed behind the commit, the snapshot is there already, and the next one is another
    differences = differing(after, undisturbed)
    assert differences.keys() <= {"snapshots", "event_snapshots", "finding_counts"}, differences
    left = [path.name for path in installation.home.rglob("*") if path.suffix in {".tmp", ".wal", ".ndjson"}]
    assert left == []
    assert query(installation.published, "SELECT DISTINCT status FROM snapshots") == [("complete",)]


def interrupted(installation: Installation, simulator: Simulator) -> Path:
    """Leave an unfinished snapshot behind; return its folder."""
    simulator.faults.add(r"users/\d+/permissions", faults.cloudflare, times=None, after=30)
    with pytest.raises(BlockedError):
        installation.night()
    simulator.faults.clear()
    simulator.requests.clear()
    (folder,) = (path.parent for path in installation.landing().path.glob("*/draft.json"))
    return folder


@pytest.mark.slow
def test_a_line_that_the_crash_has_torn_is_asked_for_again(installation, simulator) -> None:
    folder = interrupted(installation, simulator)
    path = folder / "users.id.permissions.ndjson"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines)[:-10])
    torn = json.loads(lines[-1])["asked"]["id"]
    kept = json.loads(lines[0])["asked"]["id"]

    assert installation.night().verdict.status == "complete"

    paths = [request.path for request in simulator.requests]
    assert f"users/{torn}/permissions" in paths
    assert f"users/{kept}/permissions" not in paths


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory):
    """A company of twelve whose first snapshot was cut off, and how many requests a whole one takes."""
    with Simulator(Options(users=12, limit=2000)) as simulator:
        home = tmp_path_factory.mktemp("draft") / "home"
        whole = Installation.of(home.with_name("whole"), simulator, UNJUDGED).read().requests
        installation = Installation.of(home, simulator, UNJUDGED)
        simulator.faults.add(r"users/\d+/permissions", faults.cloudflare, times=None, after=8)
        with pytest.raises(BlockedError):
            installation.read()
        simulator.faults.clear()
        yield simulator, installation, whole


def flip(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert content.count(old) >= 1
    path.write_bytes(content.replace(old, new, 1))


def unsealed(folder: Path) -> None:
    """Make a draft what an earlier version wrote: without digests."""
    head = json.loads((folder / "draft.json").read_text())
    del head["sha256"]
    (folder / "draft.json").write_text(json.dumps(head))
    for path in folder.glob("*.ndjson"):
        lines = [re.sub(', "sha256": "[0-9a-f]{64}"}$', "}", line) for line in path.read_text().splitlines()]
        path.write_text("".join(f"{line}\n" for line in lines))


FLAGS = "users.id.permissions.ndjson"
LINE = f"line 1 of {FLAGS} is not as it was written"
HEAD = "draft.json is not as it was written"
DAMAGES = {
    "a letter of an answer": (lambda folder: flip(folder / FLAGS, b"true", b"trve"), LINE),
    "an answer that is still JSON": (lambda folder: flip(folder / FLAGS, b"true", b"null"), LINE),
    "who was asked for": (lambda folder: flip(folder / FLAGS, b'"id": "', b'"id": "9'), LINE),
    "a digest": (lambda folder: flip(folder / FLAGS, b', "sha256": "', b', "sha255": "'), LINE),
    "the end of a line": (lambda folder: flip(folder / FLAGS, b'"}\n', b'"} '), LINE),
    "a line of another draft": (
        lambda folder: flip(folder / "draft.json", folder.name.encode(), b"20200101T000000-000000"),
        HEAD,
    ),
    "zeros": (lambda folder: (folder / FLAGS).write_bytes(b"\0" * 400 + b"\n"), LINE),
    "not UTF-8": (lambda folder: flip(folder / FLAGS, b"true", b"\xff\xfe\xff\xfe"), LINE),
    "the head's time": (
        lambda folder: flip(folder / "draft.json", b'"started_at": "20', b'"started_at": "21'),
        HEAD,
    ),
    "the head's owner": (
        lambda folder: flip(folder / "draft.json", b'"token_owner": ', b'"token_owner": 1'),
        HEAD,
    ),
    "a head cut in two": (
        lambda folder: (folder / "draft.json").write_bytes((folder / "draft.json").read_bytes()[:70]),
        "draft.json cannot be read",
    ),
    "an empty head": (lambda folder: (folder / "draft.json").write_bytes(b""), "draft.json cannot be read"),
    "a head that is not UTF-8": (
        lambda folder: (folder / "draft.json").write_bytes(b"\xff\xfe{}"),
        "draft.json cannot be read",
    ),
    "an earlier version": (unsealed, "the version that began it wrote no digests of the answers"),
}


@pytest.mark.parametrize(("damage", "reason"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_draft_is_set_aside(cut_off, tmp_path: Path, damage, reason: str) -> None:
    _, before, whole = cut_off
    installation = Installation(tmp_path / "home", before.variables, UNJUDGED)
    shutil.copytree(before.home, installation.home)
    (folder,) = (path.parent for path in installation.landing().path.glob("*/draft.json"))
    damage(folder)
    observer = Silent()

    manifest = installation.read(observer=observer)

    assert (manifest.verdict.status, manifest.requests) == ("complete", whole)
    assert manifest.snapshot_id != folder.name
    assert observer.warnings == [
        f"The unfinished snapshot {folder.name} is set aside and not used: {reason}. The company is read from"
        f" the start; the files stay in {folder}."
    ]
    assert json.loads((folder / "abandoned.json").read_text())["reason"] == reason
    assert (folder / FLAGS).exists()
    assert installation.read(observer=observer).verdict.status == "complete"
    assert len(observer.warnings) == 1


def test_doctor_and_plan_speak_of_a_damaged_draft_and_leave_it_alone(cut_off, tmp_path: Path) -> None:
    _, before, _ = cut_off
    installation = Installation(tmp_path / "home", before.variables)
    shutil.copytree(before.home, installation.home)
    (folder,) = (path.parent for path in installation.landing().path.glob("*/draft.json"))
    (folder / "draft.json").write_bytes(b"{")

    doctor, plan = installation.command("doctor"), installation.command("plan", "--json")

    assert doctor.code == 0
    assert "will be set aside: draft.json cannot be read. The next sync starts over." in doctor.out
    assert plan.code == 0
    assert not (folder / "abandoned.json").exists()


def test_a_commit_keeps_the_answers_as_they_came(cut_off, tmp_path: Path) -> None:
    _, before, _ = cut_off
    installation = Installation(tmp_path / "home", before.variables, UNJUDGED)
    shutil.copytree(before.home, installation.home)
    (folder,) = (path.parent for path in installation.landing().path.glob("*/draft.json"))

    manifest = installation.read()

    assert manifest.snapshot_id == folder.name
    for path in folder.glob("*.ndjson.gz"):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            assert list(json.loads(line)) == ["endpoint", "asked", "status", "outcome", "at", "answer"]


@pytest.mark.slow
def test_a_torn_line_that_nobody_asks_for_again_is_dropped(installation, simulator) -> None:
    folder = interrupted(installation, simulator)
    (folder / "users.id.ndjson").write_text('{"endpoint": "users/{id}", "asked": {"id": "17"')

    assert installation.night().verdict.status == "complete"


@pytest.mark.slow
def test_who_vanished_meanwhile_has_nothing_left(installation, simulator) -> None:
    folder = interrupted(installation, simulator)
    lines = (folder / "users.id.permissions.ndjson").read_text().splitlines()
    asked = [int(json.loads(line)["asked"]["id"]) for line in lines]
    user = next(user for user in asked[5:] if user != simulator.company.owner_id)  # whose token it is
    simulator.company.remove_user(user)

    assert installation.night().verdict.status == "complete"

    for name, rows in tables(installation.published).items():
        assert not [row for row in rows if user in row or str(user) in row], name


@pytest.mark.slow
def test_who_came_meanwhile_is_asked_for(installation, simulator) -> None:
    interrupted(installation, simulator)
    new = simulator.company.invite("new@example.com")

    assert installation.night().verdict.status == "complete"

    flags = query(installation.published, "SELECT count(*) FROM user_permissions WHERE user_id = ?", new.id)
    assert flags == [(len(simulator.company.flags),)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "value"),
    [("PIPEDRIVE_GRAPH_CLOCK", "2026-11-01T08:30:00Z"), ("PIPEDRIVE_GRAPH_CLOCK", "2026-10-31T00:00:00Z")],
    ids=["six hours later", "the clock went back"],
)
def test_what_is_too_old_is_abandoned(installation, simulator, tmp_path, variable, value) -> None:
    whole = Installation.of(tmp_path / "whole", simulator).night().requests
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-01T02:00:00Z"
    folder = interrupted(installation, simulator)
    installation.variables[variable] = value

    manifest = installation.night()

    assert manifest.snapshot_id != folder.name
    assert manifest.requests == whole > 90
    assert json.loads((folder / "abandoned.json").read_text())["reason"] == "not finished within 6:00:00"
    assert not (folder / "manifest.json").exists()


@pytest.mark.slow
def test_another_administrators_token_begins_anew(serve, home) -> None:
    simulator = serve()
    installation = Installation.of(home, simulator)
    folder = interrupted(installation, simulator)
    company = simulator.company
    company.owner_id = next(
        user.id
        for user in company.users.values()
        if user.admin_apps and user.active and user.id != company.owner_id
    )

    manifest = installation.night()

    assert manifest.snapshot_id != folder.name
    assert json.loads((folder / "abandoned.json").read_text())["reason"].startswith(
        "begun with another token"
    )


@pytest.mark.slow
def test_a_page_that_is_missing_is_asked_for_after_the_crash(installation, simulator) -> None:
    user = simulator.company.plain_user_id
    page_1 = {
        "data": [
            {
                "id": 1,
                "user_id": user,
                "role_id": 1,
                "active_flag": True,
                "parent_role_id": None,
                "name": "(Unassigned users)",
                "type": "1",
            }
        ]
    }
    block = {"start": 0, "limit": 1, "more_items_in_collection": True, "next_start": 1}

    def first_page(body) -> None:
        body["data"] = page_1["data"]
        body["additional_data"] = {"pagination": block}

    simulator.faults.add(f"users/{user}/roleAssignments", faults.edit(first_page), times=1)
    simulator.faults.add(f"users/{user}/roleAssignments", faults.cloudflare, times=None)
    with pytest.raises(BlockedError):
        installation.night()
    simulator.faults.clear()
    simulator.requests.clear()

    assert installation.night().verdict.status == "complete"

    assert f"users/{user}/roleAssignments" in [request.path for request in simulator.requests]
