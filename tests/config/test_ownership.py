"""Root in the home of a service, and files that are closed to the user of a command."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks.ready import Ready
from installation import UNJUDGED, CommandResult, Installation
from published import query

from pipedrive_graph.simulator.server import Options, Simulator

SERVICE, OTHER, GROUP = 4001, 4002, 65534
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user"),
]


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    with Ready(tmp_path_factory.mktemp("ready")) as server:
        yield server


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(Options(users=8, limit=2000)) as started:
        yield started


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Installation:
    """A home after a night, with a decision, a roster, a state of alerts and tokens."""
    installation = Installation.of(tmp_path_factory.mktemp("ownership") / "home", simulator)
    installation.home.mkdir()
    installation.variables["PIPEDRIVE_ROSTER"] = "roster.csv"
    (installation.home / "roster.csv").write_text("email,status\nnobody@example.com,active\n")
    installation.night()
    assert installation.command("report").code == 0
    (installation.home / "alerts").mkdir(exist_ok=True)
    (installation.home / "alerts" / "default.json").write_text(json.dumps({"since": "2026-11-01T00:00:00Z"}))
    return installation


@pytest.fixture
def copied(night: Installation) -> Iterator[Installation]:
    """A copy that belongs to the service, in a place that everybody can reach."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    shutil.copytree(night.home, place / "home")
    variables = {**night.variables, "OPS_URL": "http://127.0.0.1:1/hook"}
    copy = Installation(place / "home", variables, UNJUDGED)
    for path in (copy.home, *copy.home.rglob("*")):
        os.chown(path, SERVICE, SERVICE)
        path.chmod(0o700 if path.is_dir() else 0o600)
    yield copy
    shutil.rmtree(place)


def owners(installation: Installation) -> set[int]:
    return {path.lstat().st_uid for path in (installation.home, *installation.home.rglob("*"))}


def a_finding(installation: Installation) -> str:
    ((finding,),) = query(
        installation.published, "SELECT min(finding_id) FROM findings WHERE status = 'open'"
    )
    return str(finding)


def as_service(ready: Ready, installation: Installation, *arguments: str) -> CommandResult:
    return ready.run_as(SERVICE, (SERVICE,), installation.environment, *arguments)


WRITING = [
    ("sync",), ("rebuild",), ("report",), ("waive", "x", "--reason", "r", "--until", "2027-01-01"),
    ("ack", "x"), ("review", "open", "--out", "r.csv"), ("review", "import", "r.csv"), ("alerts",),
    ("alerts", "--test"), ("export", "--format", "csv"), ("login",), ("plan",), ("doctor",),
    ("verify", "--alert"), ("dagster",),
]  # fmt: skip


@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_root_is_refused_in_the_home_of_another_user(copied, ready, command: tuple[str, ...]) -> None:
    result = ready.run(copied.environment, *command)

    advice = "as its page and its daemon, too"
    if command != ("dagster",):
        advice = "or add --as-root: its files then belong to that user"
    assert (result.code, result.sentence) == (
        2,
        f"{copied.home}/landing belongs to 4001, and this process runs as root: files of root there would"
        f" stop the runs of 4001. Run this as 4001 (`sudo -u 4001 …`), {advice}.",
    )
    assert owners(copied) == {SERVICE}


@pytest.mark.parametrize(
    "command", [("findings",), ("verify", "--quick"), ("changes", "--since", "2026-01-01")]
)
def test_root_may_read_there(copied, ready, command: tuple[str, ...]) -> None:
    assert ready.run(copied.environment, *command).code == 0
    assert owners(copied) == {SERVICE}


@pytest.mark.slow
def test_what_root_makes_belongs_to_the_owner_of_the_home(copied, ready) -> None:
    """Also what replaces a file, what is in a new folder, and a file of settings that is written anew."""
    finding = a_finding(copied)
    (copied.home / "waivers.toml").write_text("# mine\n")
    os.chown(copied.home / "findings.toml", 0, 0) if (copied.home / "findings.toml").exists() else None
    (copied.home / "reviews.toml").write_text("")  # root's own, and not touched
    for command in (
        ("waive", finding, "--reason", "r", "--until", "2026-12-31"),
        ("export", "--format", "csv"),
    ):
        copied.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-12-01T00:00:00+00:00"
        told = ready.run(copied.environment, *command, "--as-root")
        assert told.code == 0, told
    os.chown(copied.home / "reviews.toml", SERVICE, SERVICE)
    assert owners(copied) == {SERVICE}
    assert (copied.home / "exports" / "csv" / "users.csv").exists()
    told = as_service(ready, copied, "export", "--format", "csv")
    assert told.code == 0, told


@pytest.mark.slow
def test_the_nights_of_the_service_go_on_after_one_of_root(copied, ready) -> None:
    copied.variables["DAGSTER_HOME"] = str(copied.home.parent / "dagster")
    for name in ("dagster", "of the service"):
        (copied.home.parent / name).mkdir(0o700)
        os.chown(copied.home.parent / name, SERVICE, SERVICE)

    by_root = ready.run(copied.environment, "sync", "--as-root")
    copied.variables["HOME"] = str(copied.home.parent / "of the service")
    by_service = as_service(ready, copied, "sync")

    assert by_root.code in {0, 6}, by_root
    assert by_service.code in {0, 6}, by_service
    assert owners(copied) == {SERVICE}
    assert {path.lstat().st_uid for path in (copied.home.parent / "dagster").rglob("*")} == {SERVICE}


CLOSED = (
    "Cannot read or write {path}: belongs to root, and this process runs as 4001: run `chown -R 4001 {home}`"
    " as root."
)
DENIED = "Cannot {verb} {path}: Permission denied; {path} belongs to root, and this process runs as 4001."
TABLE = [
    ("warehouse.duckdb", ("sync",), CLOSED),
    ("warehouse.duckdb", ("rebuild",), CLOSED),
    ("warehouse.duckdb", ("rebuild", "--accept-loss"), CLOSED),
    ("warehouse.duckdb", ("waive", "FINDING", "--reason", "r", "--until", "2026-12-31"), CLOSED),
    ("warehouse.duckdb", ("ack", "FINDING"), CLOSED),
    ("warehouse.duckdb", ("verify",), DENIED.replace("{verb}", "open")),
    ("warehouse.duckdb.wal", ("sync",), CLOSED),
    ("warehouse.duckdb.wal", ("rebuild",), CLOSED),
    ("warehouse.duckdb.wal", ("verify",), DENIED.replace("{verb}", "open")),
    ("landing", ("sync",), CLOSED),
    ("landing", ("rebuild",), DENIED.replace("{verb}", "read")),
    ("landing", ("verify",), DENIED.replace("{verb} {path}", "read {path}/forgotten.json")),
    ("landing/default", ("sync",), CLOSED),
    ("landing/default", ("rebuild",), CLOSED),
    ("landing/default/*/manifest.json", ("sync",), CLOSED),
    ("landing/default/*/manifest.json", ("verify",), DENIED.replace("{verb}", "read")),
    ("landing/default/*/users.ndjson.gz", ("rebuild",), CLOSED),
    ("landing/default/*/users.ndjson.gz", ("verify",), DENIED.replace("{verb}", "read")),
    ("journal", ("sync",), CLOSED),
    ("journal/default.ndjson", ("sync",), CLOSED),
    ("journal/default.ndjson", ("verify",), DENIED.replace("{verb}", "read")),
    ("journal/default.rosters/*.json.gz", ("verify",), DENIED.replace("{verb}", "read")),
    ("journal/default.rosters/*.json.gz", ("rebuild",), DENIED.replace("{verb}", "read")),
    ("journal/default.rosters/*.json.gz", ("rebuild", "--accept-loss"), DENIED.replace("{verb}", "read")),
    ("reports/default", ("sync",), CLOSED),
    ("", ("sync",), CLOSED),
    ("identity_graph.duckdb", ("findings",),
     "Cannot read {path}: it belongs to root, and this process runs as 4001."),
    ("identity_graph.duckdb", ("verify",), DENIED.replace("{verb}", "open")),
    ("alerts/default.json", ("alerts",), DENIED.replace("{verb}", "read") + " No alert is sent until then."),
    ("alerts.toml", ("sync",), DENIED.replace("{verb}", "read")),
    ("roster.csv", ("sync",), DENIED.replace("{verb}", "read the roster")),
    ("reports/default/access_report.html", ("report", "--out", "PATH"), DENIED.replace("{verb}", "open")),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "command", "sentence"), TABLE, ids=[f"{name}, {' '.join(command)}" for name, command, _ in TABLE]
)
def test_a_closed_file_is_named_with_its_owner_and_never_taken_for_damaged(
    copied, ready, simulator, name: str, command: tuple[str, ...], sentence: str
) -> None:
    finding = a_finding(copied)
    (path,) = copied.home.glob(name) if "*" in name else [copied.home / name]
    if name.endswith(".wal"):
        path.touch()
    if name != "alerts.toml":
        os.chown(path, 0, 0)
        path.chmod(0o755 if not name else 0o700 if path.is_dir() else 0o600)
    if name.startswith(("alerts", "reports")):  # an alert about the failure looks for the report
        channel = copied.home / "alerts.toml"
        channel.write_text('[[alert]]\nkind = "slack"\nname = "ops"\nurl_env = "OPS_URL"\n')
        os.chown(channel, 0 if name == "alerts.toml" else SERVICE, SERVICE)
        channel.chmod(0o600)
    asked = len(simulator.requests)
    arguments = [{"FINDING": finding, "PATH": str(path)}.get(word, word) for word in command]
    copied.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-12-01T00:00:00+00:00"
    if command[0] == "sync":
        del copied.variables["PIPEDRIVE_GRAPH_CLOCK"]

    told = as_service(ready, copied, *arguments)

    assert sentence.format(path=path, home=copied.home) in told.out + told.err
    assert told.code == (2 if ".toml" in name or "csv" in name else 1)
    for word in ("rebuild", "damage", "backup", "remove the file", "Unexpected", "Traceback"):
        assert word not in told.err.replace(str(copied.home), ""), told
    assert command[0] == "verify" or len(simulator.requests) == asked


@pytest.mark.slow
@pytest.mark.parametrize("owner", [OTHER, 0], ids=["of another user", "a mounted volume of root"])
def test_a_home_that_a_group_writes_works(night, simulator, ready, owner: int) -> None:
    place = Path(tempfile.mkdtemp())
    try:
        place.chmod(0o755)
        home = place / "home"
        home.mkdir()
        (home / "lost+found").mkdir(0o700)
        os.chown(home, owner, GROUP)
        home.chmod(0o2770)
        installation = Installation.of(home, simulator)
        installation.variables["PIPEDRIVE_GRAPH_GROUP"] = str(GROUP)

        told = ready.run_as(SERVICE, (SERVICE, GROUP), installation.environment, "sync")

        assert told.code == 0, told
        doctor = ready.run_as(SERVICE, (SERVICE, GROUP), installation.environment, "doctor")
        assert doctor.code == 0, doctor
        root = ready.run(installation.environment, "report")
        assert root.code == 2
        assert root.sentence.startswith(f"{home}/landing belongs to 4001, and this process runs as root")
        handed = ready.run(installation.environment, "report", "--as-root")
        assert handed.code == 0
        made = [path for path in home.rglob("*") if path.name != "lost+found"]
        assert {path.lstat().st_uid for path in made} == {SERVICE}
        assert home.stat().st_uid == owner
    finally:
        shutil.rmtree(place)
