"""`doctor` ends with the code with which the next `sync` ends, fault by fault."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from installation import UNJUDGED, Installation

from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator
from pipedrive_graph.warehouse import database

NOBODY = 65534
ROOT = Path(__file__).parents[2]

Break = Callable[[Installation, Simulator], None]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory):
    """An installation after two nights."""
    with Simulator(Options(users=8, limit=2000)) as simulator:
        installation = Installation.of(tmp_path_factory.mktemp("doctor") / "home", simulator, UNJUDGED)
        installation.night()
        installation.night()
        yield installation, simulator


@pytest.fixture
def copied(nights, tmp_path: Path) -> Iterator[tuple[Installation, Simulator]]:
    installation, simulator = nights
    shutil.copytree(installation.home, tmp_path / "home")
    yield Installation(tmp_path / "home", dict(installation.variables), UNJUDGED), simulator
    simulator.faults.clear()


def write(name: str, text: str) -> Break:
    def act(installation: Installation, _: Simulator) -> None:
        path = installation.home / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    return act


def refuse(path: str) -> Break:
    return lambda _, simulator: simulator.faults.add(path, faults.forbidden, times=None)


def variable(name: str, value: str) -> Break:
    return lambda installation, _: installation.variables.update({name: value})


def change(*statements: str) -> Break:
    def act(installation: Installation, _: Simulator) -> None:
        with database.writer(installation.settings.warehouse) as connection:
            for statement in statements:
                connection.execute(statement)

    return act


def folder(name: str) -> Break:
    def act(installation: Installation, _: Simulator) -> None:
        (installation.home / name).unlink()
        (installation.home / name).mkdir()

    return act


def snapshots(installation: Installation) -> list[Path]:
    return sorted(path.parent for path in installation.landing().path.glob("*/manifest.json"))


def kept(installation: Installation) -> set[str]:
    """What lies in the home folder; only OAuth tokens may be written by a check."""
    paths = (str(path.relative_to(installation.home)) for path in installation.home.rglob("*"))
    return {path for path in paths if path != "tokens"}


def lose(*which: int) -> Break:
    def act(installation: Installation, _: Simulator) -> None:
        there = snapshots(installation)
        for number in which:
            shutil.rmtree(there[number])

    return act


def damage(name: str, which: int = -1) -> Break:
    def act(installation: Installation, _: Simulator) -> None:
        path = snapshots(installation)[which] / name
        path.write_bytes(path.read_bytes()[:-20])

    return act


def unbuilt_and_damaged(installation: Installation, _: Simulator) -> None:
    """The newest snapshot is in no table yet, and one of its files has changed without getting shorter."""
    newest = snapshots(installation)[-1]
    change("DELETE FROM history.snapshots WHERE position = 1")(installation, _)
    path = newest / "users.ndjson.gz"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    installation.published.unlink()


def half_begun(installation: Installation, _: Simulator) -> None:
    draft = installation.landing().path / "20991231T000000-000000" / "draft.json"
    draft.parent.mkdir()
    draft.write_text("{")


FAULTS: dict[str, tuple[int, str, Break]] = {
    "settings.toml is wrong": (2, "settings", write("settings.toml", "[dagstr]\n")),
    "a file of a secret is missing": (
        2,
        "secrets",
        lambda installation, _: installation.variables.update(
            PIPEDRIVE_API_TOKEN="",
            PIPEDRIVE_API_TOKEN_FILE="/nonexistent/token",  # noqa: S106
        ),
    ),
    "the token is wrong": (3, "pipedrive", variable("PIPEDRIVE_API_TOKEN", "wrong")),
    "there is no token": (2, "pipedrive", variable("PIPEDRIVE_API_TOKEN", "")),
    "nobody has logged in": (
        3,
        "pipedrive",
        lambda installation, _: installation.variables.update(
            PIPEDRIVE_API_TOKEN="",
            PIPEDRIVE_CLIENT_ID="id",
            PIPEDRIVE_CLIENT_SECRET="s",  # noqa: S106
        ),
    ),
    "users are refused": (3, "pipedrive", refuse("users")),
    "roles are refused": (4, "pipedrive", refuse("roles")),
    "permission sets are refused": (4, "pipedrive", refuse("permissionSets")),
    "the warehouse is damaged": (1, "warehouse", write("warehouse.duckdb", "no database" * 1000)),
    "the warehouse is a folder": (1, "warehouse", folder("warehouse.duckdb")),
    "the published file is a folder": (1, "database", folder("identity_graph.duckdb")),
    "the landing is lost": (1, "history", lose(0, 1)),
    "the newest snapshot is lost": (1, "history", lose(1)),
    "an older snapshot is lost": (1, "history", lose(0)),
    "a manifest is damaged": (1, "history", damage("manifest.json")),
    "a snapshot that is not built yet is damaged": (1, "landing", unbuilt_and_damaged),
    "a line of the journal is damaged": (1, "journal", write("journal/default.ndjson", "{\n")),
    "the journal is lost": (
        1,
        "history",
        change("INSERT INTO history.journal (company, lines) VALUES ('default', 3)"),
    ),
    "waivers.toml is wrong": (2, "waivers", write("waivers.toml", "[[waiver]]\n")),
    "nobody can be alerted": (
        6,
        "alerts",
        write("alerts.toml", '[[alert]]\nkind = "slack"\nurl_env = "MISSING"\n'),
    ),
    "alerts.toml is wrong": (2, "alerts", write("alerts.toml", "[[alert]]\n")),
    "findings.toml is wrong": (2, "rules", write("findings.toml", "[rules]\nfolder = 'none'\n")),
    "an own rule is broken": (4, "rules", write("rules/own.sql", "SELECT 1")),
    "the roster is missing": (2, "roster", variable("PIPEDRIVE_ROSTER", "none.csv")),
}

WARNINGS: dict[str, tuple[str, Break]] = {
    "the warehouse is of another version": (
        "warehouse",
        change("ALTER TABLE history.roles ADD COLUMN of_tomorrow INTEGER"),
    ),
    "the warehouse is of an earlier version": (
        "warehouse",
        change("ALTER TABLE history.journal DROP COLUMN sha256"),
    ),
    "the published file is damaged": ("database", write("identity_graph.duckdb", "no database" * 1000)),
    "an unfinished snapshot is damaged": ("landing", half_begun),
    "the ids of the newest snapshot are damaged": ("landing", damage("known.json")),
    "an old file is damaged": ("landing", damage("users.ndjson.gz", 0)),
    "the memory of alerts is damaged": ("alerts", write("alerts/default.json", "{")),
    "reviews.toml is wrong": ("reviews", write("reviews.toml", '[owners]\n"Sails" = "mara@example.com"\n')),
}


def test_doctor_of_a_healthy_installation(copied) -> None:
    installation, _ = copied
    doctor = installation.command("doctor", "--json")
    assert (doctor.code, doctor.err) == (0, "")
    assert {check["state"] for check in doctor.objects} == {"ok"}
    assert [check["check"] for check in doctor.objects] == [
        "version", "home", "database", "warehouse", "landing", "secrets", "pipedrive",
    ]  # fmt: skip
    assert doctor.objects[4] == {
        "check": "landing",
        "company": "default",
        "state": "ok",
        "exit_code": 0,
        "text": "landing: 2 snapshots, sizes compared",
    }
    assert installation.command("doctor", "--thorough").code == 0


SLOW = {
    "roles are refused",
    "permission sets are refused",
    "the warehouse is a folder",
    "the published file is a folder",
    "the warehouse is damaged",
    "the ids of the newest snapshot are damaged",
}
"""Faults that a sync meets late; tried with the slow tests."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in FAULTS],
)
def test_doctor_ends_as_the_next_sync_ends(copied, name: str) -> None:
    installation, simulator = copied
    code, check, act = FAULTS[name]
    act(installation, simulator)
    before = kept(installation)

    doctor = installation.command("doctor", "--json")

    assert kept(installation) == before
    sync = installation.command("sync", "--json")
    assert (doctor.code, sync.code) == (code, code), (doctor, sync)
    found = [one for one in doctor.objects if one["state"] == "fault"]
    assert (found[0]["check"], found[0]["exit_code"]) == (check, code)
    assert "Unexpected" not in doctor.out + doctor.err + sync.err


@pytest.mark.slow
@pytest.mark.parametrize("name", WARNINGS)
def test_doctor_warns_of_what_stops_no_sync(copied, name: str) -> None:
    installation, simulator = copied
    check, act = WARNINGS[name]
    act(installation, simulator)

    doctor = installation.command("doctor", "--json")

    assert [one["check"] for one in doctor.objects if one["state"] == "warning"] == [check]
    assert (doctor.code, installation.command("sync").code) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "fault", "code", "state"),
    [("roles", faults.forbidden, 4, "fault"), ("permissionSets", faults.not_found, 0, "warning")],
    ids=["refused", "not there"],
)
def test_a_list_that_was_never_answered(serve, home, path, fault, code, state) -> None:
    simulator = serve(users=8)
    simulator.faults.add(path, fault, times=None)
    installation = Installation.of(home, simulator)

    doctor = installation.command("doctor", "--json")

    assert (doctor.code, installation.command("sync").code) == (code, code)
    (found,) = [one for one in doctor.objects if one["state"] == state]
    assert found["text"].startswith(f"The list {path} is not answered (")


@pytest.mark.slow
def test_the_token_of_another_company(copied, serve) -> None:
    installation, _ = copied
    installation.variables["PIPEDRIVE_BASE_URL"] = serve(users=8, seed=2).url
    doctor = installation.command("doctor", "--json")
    assert (doctor.code, installation.command("sync").code) == (3, 3)
    assert "The token belongs to Pipedrive company " in doctor.objects[-1]["text"]


@pytest.mark.slow
def test_an_old_file_that_changed_without_getting_shorter_is_found_by_a_thorough_look(copied) -> None:
    installation, _ = copied
    path = snapshots(installation)[0] / "users.ndjson.gz"
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    quick, thorough = installation.command("doctor"), installation.command("doctor", "--thorough")

    assert (quick.code, thorough.code) == (0, 0)
    sentence = f"{path} is not as it was written (its sha256 differs)"
    assert (sentence in quick.out, sentence in thorough.out) == (False, True)


def test_doctor_looks_at_the_companies_that_are_named(serve, home) -> None:
    home.mkdir()
    simulator = serve(users=8)
    file = home / "companies.toml"
    file.write_text("".join(f'[{name}]\napi_token_env = "{name.upper()}"\n' for name in ("a", "b", "c")))
    installation = Installation(
        home, {"A": simulator.token, "B": "wrong", "C": simulator.token, "PIPEDRIVE_BASE_URL": simulator.url}
    )

    two = installation.command("doctor", "--json", "--company", "a", "--company", "c", "--company", "a")
    unknown = installation.command("doctor", "--company", "d")

    assert installation.command("doctor").code == 3
    assert (two.code, [one["company"] for one in two.objects if one["check"] == "pipedrive"]) == (
        0,
        ["a", "c"],
    )
    assert (unknown.code, unknown.sentence) == (
        2,
        "The settings have no company 'd'; there is: a, b, c.",
    )


def as_nobody(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user who owns nothing; skips the test where that user cannot run this Python."""
    try:
        return subprocess.run(
            [sys.executable, "-m", "pipedrive_graph", *arguments],
            env={**installation.environment, "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            user=NOBODY, group=NOBODY, capture_output=True, text=True, check=False, cwd="/",
        )  # fmt: skip
    except PermissionError:
        pytest.skip("another user cannot run this Python")


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to another user")
@pytest.mark.parametrize(
    "name",
    ["warehouse.duckdb", "landing/default", "landing/default/*/manifest.json", "reports", "journal", ""],
)
def test_files_of_another_user_are_named_with_their_owner(nights, name: str) -> None:
    installation, _ = nights
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    try:
        copy = Installation(place / "home", dict(installation.variables))
        shutil.copytree(installation.home, copy.home)
        (copy.home / "reports").mkdir()
        (copy.home / "journal").mkdir()
        for path in (copy.home, *copy.home.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        if as_nobody(copy, "--version").returncode:
            pytest.skip("another user cannot read this checkout")
        healthy = as_nobody(copy, "doctor")
        for path in copy.home.glob(name) if name else [copy.home]:
            os.chown(path, 0, 0)
            path.chmod(0o700 if path.is_dir() and name != "reports" else 0o755 if path.is_dir() else 0o600)

        doctor, sync = as_nobody(copy, "doctor", "--json"), as_nobody(copy, "sync")

        assert healthy.returncode == 0, healthy.stdout
        # what sync refuses before it reads anything, doctor has said
        assert (doctor.returncode, sync.returncode) == (1, 1), sync.stderr
        for printed in (doctor.stdout, sync.stderr):
            assert "belongs to root, and this process runs as nobody" in printed
        assert sync.stderr.startswith("Cannot read or write ")
        lines = doctor.stdout.splitlines()
        texts = [(line["company"], line["text"]) for line in map(json.loads, lines)]
        assert len(texts) == len(set(texts))
        assert "Unexpected" not in doctor.stdout + sync.stderr
    finally:
        shutil.rmtree(place)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to another user")
def test_a_published_file_of_another_user_is_named_with_its_owner(nights) -> None:
    installation, _ = nights
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    try:
        copy = Installation(place, dict(installation.variables))
        shutil.copy(installation.home / "identity_graph.duckdb", place)
        (place / "identity_graph.duckdb").chmod(0o600)
        if as_nobody(copy, "--version").returncode:
            pytest.skip("another user cannot read this checkout")

        told = as_nobody(copy, "findings")

        assert told.returncode == 1
        assert told.stderr == (
            f"Cannot read {place}/identity_graph.duckdb: it belongs to root,"
            " and this process runs as nobody.\n"
        )
    finally:
        shutil.rmtree(place)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")
def test_there_is_no_space(nights, tmp_path: Path) -> None:
    _, simulator = nights
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "none", disk], check=False).returncode:
        pytest.skip("this system lets nobody mount")
    try:
        installation = Installation.of(disk / "home", simulator)
        doctor = installation.command("doctor", "--json")
        assert (doctor.code, installation.command("sync").code) == (1, 1)
        (check,) = [one for one in doctor.objects if one["state"] == "fault"]
        assert check["text"] == (f"No space is left to write {installation.home}; free some and try again.")
    finally:
        subprocess.run(["umount", disk], check=True)


def test_the_objects_are_one_per_line(copied) -> None:
    installation, _ = copied
    for line in installation.command("doctor", "--json").out.splitlines():
        assert list(json.loads(line)) == ["check", "company", "state", "exit_code", "text"]


def test_lists_about_visibility_that_are_not_offered_are_a_warning(home, serve):
    simulator = serve(users=12, clean=True, refuse_visibility=403)
    installation = Installation.of(home, simulator)
    assert "legacyTeams" not in installation.command("doctor").out
    installation.variables["PIPEDRIVE_VISIBILITY"] = "true"
    result = installation.command("doctor", "--json")
    texts = [check["text"] for check in result.objects if check["state"] == "warning"]
    reason = "answered with status 403: You do not have permissions to do this."
    assert [text for text in texts if "The list " in text] == [
        f"The list pipelines is not answered (pipelines: {reason}): its data stays unknown.",
        f"The list legacyTeams is not answered (legacyTeams: {reason}): its data stays unknown.",
    ]
    assert result.code == 0
