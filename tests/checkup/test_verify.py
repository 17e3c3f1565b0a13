"""`verify`: every damage to what is kept is noticed, and none ends with exit code 0 and a wrong table."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from alerts.receivers import web_receiver
from installation import UNJUDGED, Installation, rebuild
from published import Row, query, tables

from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.orchestration.build import build_definitions
from pipedrive_graph.simulator.server import Options, Simulator

Damage = Callable[[Path], None]
"""Damages a home folder."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Three nights, the second with a role less, a roster, and a review; nothing is damaged."""
    home = tmp_path_factory.mktemp("verify") / "home"
    with Simulator(Options(users=8, limit=2000)) as simulator:
        installation = Installation.of(home, simulator, UNJUDGED)
        home.mkdir()
        (home / "roster.csv").write_text("email,status\nmara@example.com,active\n")
        installation.variables["PIPEDRIVE_ROSTER"] = "roster.csv"
        for day in (20, 21):
            installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = f"2026-11-{day}T02:00:00Z"
            installation.night()
        opened = installation.command("review", "open", "--out", str(home.parent / "review.csv"))
        assert opened.code == 0, opened
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-22T02:00:00Z"
        synced = installation.command("sync", "--json")
        assert synced.code == 0, synced
        yield installation


@pytest.fixture
def copied(whole: Installation, tmp_path: Path) -> Installation:
    """A copy that may be damaged."""
    shutil.copytree(whole.home, tmp_path / "home")
    return Installation(tmp_path / "home", dict(whole.variables), UNJUDGED)


def snapshot(home: Path, which: int) -> Path:
    return sorted(path for path in (home / "landing" / "default").iterdir() if path.is_dir())[which]


def of(which: int, name: str) -> Callable[[Path], Path]:
    return lambda home: snapshot(home, which) / name


def at(name: str) -> Callable[[Path], Path]:
    return lambda home: next(home.glob(name))


def flip(place: Callable[[Path], Path], offset: float = 0.5) -> Damage:
    """Flip one bit of a file."""

    def act(home: Path) -> None:
        path = place(home)
        content = bytearray(path.read_bytes())
        content[int(len(content) * offset)] ^= 4
        path.write_bytes(content)

    return act


def cut(place: Callable[[Path], Path]) -> Damage:
    return lambda home: place(home).write_bytes(place(home).read_bytes()[:-9]) and None


def drop(place: Callable[[Path], Path]) -> Damage:
    return lambda home: place(home).unlink()


def drop_folder(place: Callable[[Path], Path]) -> Damage:
    return lambda home: shutil.rmtree(place(home))


def rewrite(place: Callable[[Path], Path], old: bytes, new: bytes) -> Damage:
    """Change the text in a compressed file, and compress it again as it was."""

    def act(home: Path) -> None:
        path = place(home)
        text = gzip.decompress(path.read_bytes())
        assert old in text
        path.write_bytes(gzip.compress(text.replace(old, new, 1), mtime=0))

    return act


def replace(place: Callable[[Path], Path], old: str, new: str) -> Damage:
    def act(home: Path) -> None:
        text = place(home).read_text()
        assert old in text
        place(home).write_text(text.replace(old, new, 1))

    return act


def swap(name: str) -> Damage:
    """Exchange a file between two snapshots."""

    def act(home: Path) -> None:
        first, second = snapshot(home, 0) / name, snapshot(home, 1) / name
        one, other = first.read_bytes(), second.read_bytes()
        first.write_bytes(other)
        second.write_bytes(one)

    return act


def sql(file: str, query: str) -> Damage:
    def act(home: Path) -> None:
        with duckdb.connect(str(home / file)) as connection:
            connection.execute(query)

    return act


USERS, FLAGS, ROLES = "users.ndjson.gz", "users.id.permissions.ndjson.gz", "roles.ndjson.gz"
JOURNAL = at("journal/default.ndjson")

DAMAGES: dict[str, Damage] = {
    "a bit of the newest users": flip(of(2, USERS)),
    "a bit of older users": flip(of(0, USERS)),
    "a bit of permissions": flip(of(1, FLAGS)),
    "a bit of a gzip header": flip(of(1, FLAGS), 0),
    "a bit of a gzip checksum": flip(of(1, FLAGS), 0.999),
    "users are cut off": cut(of(0, USERS)),
    "permissions are cut off": cut(of(2, FLAGS)),
    "a permission is revoked": rewrite(of(2, FLAGS), b"true", b"false"),
    "a permission is granted": rewrite(of(0, FLAGS), b"false", b"true"),
    "another id was asked for": rewrite(of(1, FLAGS), b'"id": "', b'"id": "9'),
    "an answer was refused": rewrite(of(1, FLAGS), b'"answered"', b'"refused"'),
    "an answer came at another time": rewrite(of(1, FLAGS), b"2026-11-21", b"2026-11-20"),
    "an answer is missing": rewrite(of(1, FLAGS), b'"endpoint"', b'"x"'),
    "the newest users are missing": drop(of(2, USERS)),
    "older roles are missing": drop(of(0, ROLES)),
    "the users of two nights are exchanged": swap(USERS),
    "a bit of the newest ids": flip(of(2, "known.json")),
    "a bit of older ids": flip(of(0, "known.json")),
    "an id is added": replace(of(2, "known.json"), '"roles": [', '"roles": [\n  999,'),
    "the newest ids are missing": drop(of(2, "known.json")),
    "a bit of the newest memory": flip(of(2, "memory.json.gz")),
    "a bit of older memory": flip(of(0, "memory.json.gz")),
    "the newest memory is missing": drop(of(2, "memory.json.gz")),
    "a bit of the newest manifest": replace(of(2, "manifest.json"), '"users": ', '"users": 1'),
    "a bit of an older manifest": replace(of(0, "manifest.json"), '"users": ', '"users": 1'),
    "a manifest names another file": replace(of(1, "manifest.json"), USERS, ROLES),
    "the newest manifest is missing": drop(of(2, "manifest.json")),
    "an older manifest is missing": drop(of(1, "manifest.json")),
    "the newest snapshot is missing": drop_folder(of(2, "")),
    "the oldest snapshot is missing": drop_folder(of(0, "")),
    "a file is added": lambda home: (snapshot(home, 0) / "more.json").write_text("{}") and None,
    "a bit of the journal": flip(JOURNAL),
    "the journal is emptied": lambda home: JOURNAL(home).write_bytes(b"") and None,
    "the journal is missing": drop(JOURNAL),
    "the journal's folder is missing": drop_folder(at("journal")),
    "a digit of the journal's head": replace(at("journal/default.head.json"), '"lines": ', '"lines": 1'),
    "the journal's head is missing": drop(at("journal/default.head.json")),
    "a bit of a roster": flip(at("journal/default.rosters/*")),
    "a roster is missing": drop(at("journal/default.rosters/*")),
    "a bit of a review": flip(at("journal/default.reviews/*")),
    "a review is missing": drop(at("journal/default.reviews/*")),
    "the warehouse is cut off": cut(at("warehouse.duckdb")),
    "a row of the warehouse is missing": sql(
        "warehouse.duckdb", "DELETE FROM users WHERE user_id = (SELECT min(user_id) FROM users)"
    ),
    "the published file is cut off": lambda home: (
        (home / "identity_graph.duckdb").write_bytes(b"no database" * 1000) and None
    ),
    "a published row is changed": sql("identity_graph.duckdb", "UPDATE users SET admin = NOT admin"),
    "the record of the runs is changed": lambda home: (home / "runs" / "default.json").write_text("{}"),
    "a published row is missing": sql(
        "identity_graph.duckdb", "DELETE FROM users WHERE user_id = (SELECT min(user_id) FROM users)"
    ),
}


def test_what_is_whole_is_listed_with_what_was_not_looked_at(whole: Installation) -> None:
    verified = whole.command("verify", "--json")

    assert (verified.code, verified.err) == (0, "")
    found = {check["check"]: check["text"] for check in verified.objects}
    assert {check["state"] for check in verified.objects} == {"ok"}
    assert list(found) == ["warehouse", "database", "tables", "landing", "journal", "published", "scope"]
    assert found["landing"].startswith("landing: 3 snapshots, ")
    assert found["landing"].endswith(" answers: sha256 compared, every answer read")
    assert found["journal"] == (
        f"journal: 2 entries in {whole.home}/journal/default.ndjson, 1 roster and 1 review that it names"
    )
    assert found["scope"].startswith("not checked: the contents of reports and exports, OAuth tokens, ")

    quick = whole.command("verify", "--quick", "--company", "default")
    assert (quick.code, quick.err) == (0, "")
    assert "sizes compared" in quick.out


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_is_noticed_and_nothing_is_written(copied: Installation, name: str) -> None:
    DAMAGES[name](copied.home)
    before = {path: path.read_bytes() for path in copied.home.rglob("*") if path.is_file()}

    verified = copied.command("verify", "--json")

    assert verified.code == 1
    assert verified.err == ""
    assert [check["exit_code"] for check in verified.objects if check["state"] == "fault"]
    assert {path: path.read_bytes() for path in copied.home.rglob("*") if path.is_file()} == before


@pytest.fixture(scope="module")
def right(whole: Installation, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """The tables that a rebuild of what is whole makes."""
    home = tmp_path_factory.mktemp("right") / "home"
    shutil.copytree(whole.home, home)
    installation = Installation(home, dict(whole.variables), UNJUDGED)
    rebuild(installation.settings, UNJUDGED)
    return tables(installation.published)


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGES)
def test_no_damage_ends_with_a_wrong_table(right, copied: Installation, name: str) -> None:
    DAMAGES[name](copied.home)

    try:
        rebuild(copied.settings, UNJUDGED)
    except PipedriveGraphError as error:
        assert error.exit_code == 1  # noqa: PT017 - either this, or the right tables
    else:
        assert tables(copied.published) == right


@pytest.mark.slow
def test_damage_is_sent_as_an_alert_once_a_day(copied: Installation) -> None:
    DAMAGES["a bit of older users"](copied.home)
    file = snapshot(copied.home, 0) / USERS
    with web_receiver() as receiver:
        (copied.home / "alerts.toml").write_text(
            '[[alert]]\nkind = "webhook"\nurl_env = "URL"\non = ["failed"]\n'
        )
        copied.variables["URL"] = receiver.url
        codes = [copied.command("verify", *options).code for options in ([], ["--alert"], ["--alert"])]

        assert codes == [1, 1, 1]
        (body,) = receiver.bodies
    assert body["notes"][0] == {
        "kind": "failed",
        "text": f"Files of default are not as they were written: {file} is not as it was written"
        " (its sha256 differs); restore it from a backup, then try again.",
    }


@pytest.mark.slow
@pytest.mark.parametrize("damaged", [False, True])
def test_dagster_checks_every_week(copied: Installation, damaged: bool) -> None:
    if damaged:
        DAMAGES["a bit of older users"](copied.home)
    definitions = build_definitions(copied.settings)

    job = definitions.resolve_job_def("verify")
    ended = job.execute_in_process(raise_on_error=False)

    assert ended.success is not damaged
    schedule = definitions.resolve_schedule_def("every_week")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 5 * * 0", "UTC")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


@pytest.fixture(scope="module", params=["every-user", "by-access"])
def read_thrice(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A company that was read in three nights, which changed it, and not built; nobody changes the home."""
    with Simulator(Options(users=30, limit=2000)) as simulator:
        installation = Installation.of(tmp_path_factory.mktemp("read") / "home", simulator, UNJUDGED)
        installation.variables["PIPEDRIVE_COLLECT"] = request.param
        people = [user for user in simulator.company.users.values() if not user.admin_apps]
        for day in (20, 21, 22):
            installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = f"2026-11-{day}T02:00:00Z"
            installation.read()
            simulator.company.grant(people[day % 7].id, "can_use_api")
            del simulator.company.users[people[day].id]
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-23T02:00:00Z"
        yield installation


@pytest.mark.slow
@pytest.mark.parametrize("missing", [False, True])
def test_what_is_made_from_answers_is_made_again_byte_for_byte(
    read_thrice: Installation, tmp_path: Path, missing: bool
) -> None:
    installation = Installation(tmp_path / "home", dict(read_thrice.variables), UNJUDGED)
    shutil.copytree(read_thrice.home, installation.home)
    names = ("known.json", "memory.json.gz")
    paths = [snapshot(installation.home, which) / name for which in (1, 2) for name in names]
    before = [path.read_bytes() for path in paths]
    for path in paths:
        path.unlink() if missing else path.write_bytes(b"{}")

    synced = installation.command("sync", "--json")

    assert synced.code == 0, synced
    why = "is missing" if missing else "is not as it was written (its sha256 differs)"
    again = "It is rebuilt from the answers in the snapshots."
    assert [line for line in synced.err.splitlines() if "rebuilt" in line] == [
        f"Warning: {path} {why}. {again}" for path in paths[2:]
    ]
    assert [path.read_bytes() for path in paths] == before
    assert installation.command("verify").code == 0


def test_where_answers_are_damaged_too_a_backup_is_needed(copied: Installation) -> None:
    newest = snapshot(copied.home, 2)
    (newest / "known.json").write_text("{}")
    flip(of(2, ROLES))(copied.home)

    synced = copied.command("sync")

    assert synced.code == 1
    assert synced.sentence == (
        f"{newest / ROLES} is not as it was written (its sha256 differs); restore it from a backup, then try"
        " again."
    )


@pytest.mark.slow
def test_a_lost_roster_and_a_lost_review_can_be_accepted(copied: Installation) -> None:
    for kind in ("rosters", "reviews"):
        for path in (copied.home / "journal" / f"default.{kind}").iterdir():
            path.unlink()

    refused, accepted = copied.command("rebuild"), copied.command("rebuild", "--accept-loss")
    again, verified = copied.command("rebuild"), copied.command("verify")

    assert refused.code == 1
    assert refused.sentence.endswith("restore it from a backup, then try again.")
    assert [told.code for told in (accepted, again, verified)] == [0, 0, 0]
    assert query(copied.published, "FROM reviews") == []


@pytest.mark.slow
def test_a_roster_that_is_damaged_is_written_again_while_it_is_the_same(copied: Installation) -> None:
    (kept,) = (copied.home / "journal" / "default.rosters").iterdir()
    before = kept.read_bytes()
    kept.write_bytes(b"torn")

    assert copied.command("sync").code == 0
    assert kept.read_bytes() == before


def test_an_answer_that_was_written_wrong_is_named_by_its_line(copied: Installation) -> None:
    """The digests fit: the file was written so."""
    folder = snapshot(copied.home, 2)
    path, manifest = folder / FLAGS, json.loads((folder / "manifest.json").read_text())
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"answered"', b'"answer"')
    path.write_bytes(gzip.compress(b"".join(lines), mtime=0))
    for file in manifest["files"]:
        if file["name"] == FLAGS:
            file["bytes"] = path.stat().st_size
            file["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))

    texts = [check["text"] for check in copied.command("verify", "--json").objects]

    assert f"{path}: line 2: the endpoint or the outcome is unknown; restore it from a backup." in texts
