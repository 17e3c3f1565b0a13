"""`backup`: the contents of the archive, and the errors when it cannot be written."""

from __future__ import annotations

import gzip
import json
import os
import tarfile
from pathlib import Path

import pytest
from installation import Installation

from pipedrive_graph import backups
from pipedrive_graph.backups.archive import _Writer
from pipedrive_graph.common import files
from pipedrive_graph.warehouse import database


def members(archive: Path) -> list[str]:
    """The names in an archive, with a snapshot's id and its files shortened."""
    with tarfile.open(archive) as opened:
        names = opened.getnames()
    return [name for name in names if "/2026" not in name or name.endswith("/manifest.json")]


def test_everything_that_cannot_be_made_again_is_in_it_and_nothing_else(
    installation: Installation, tmp_path: Path
) -> None:
    target = tmp_path / "backups" / "night.tar.gz"

    ended = installation.command("backup", str(target), "--json")

    assert (ended.code, ended.err) == (0, "")
    (told,) = ended.objects
    (snapshot,) = [path.name for path in installation.home.glob("landing/default/2026*")]
    assert members(target) == [
        "BACKUP.json",
        "home/landing/default/.seed",
        f"home/landing/default/{snapshot}/manifest.json",
        "home/journal/default.ndjson",
        "home/alerts/default.json",
        "home/tokens/default.json",
        "home/waivers.toml",
        "home/exports.json",
        "home/hr/people.csv",
        "home/rules/README.md",
        "MANIFEST.json",
    ]
    assert target.stat().st_mode & 0o777 == 0o600
    assert told["companies"]["default"]["snapshot_id"] == snapshot
    assert told["variables"] == ["PIPEDRIVE_API_TOKEN", "PIPEDRIVE_BASE_URL", "PIPEDRIVE_ROSTER"]
    assert (told["left_out"], told["outside"], told["damaged"]) == (["notes.txt"], [], [])
    assert (told["tokens"], told["exit_code"]) == (True, 0)
    with tarfile.open(target) as archive:
        assert told["files"] == len(archive.getnames()) - 2


def test_no_value_of_a_variable_is_in_it(installation: Installation, tmp_path: Path) -> None:
    installation.variables["PIPEDRIVE_API_TOKEN"] = "c4n4ry" * 6
    target = tmp_path / "night.tar.gz"

    ended = installation.command("backup", str(target))

    assert "c4n4ry" * 6 not in ended.out + ended.err
    assert b"c4n4ry" * 6 not in gzip.decompress(target.read_bytes())
    assert "PIPEDRIVE_API_TOKEN" in ended.out
    assert "mode 0600" in ended.out
    assert "notes.txt" in ended.out


def test_tokens_can_be_left_out(installation: Installation, tmp_path: Path) -> None:
    target = tmp_path / "night.tar.gz"
    ended = installation.command("backup", str(target), "--without-tokens", "--json")
    assert ended.code == 0
    assert ended.objects[0]["tokens"] is False
    assert b"c4n4ry-t0ken" not in gzip.decompress(target.read_bytes())


def test_files_outside_the_home_are_named(installation: Installation, tmp_path: Path) -> None:
    outside = tmp_path / "people.csv"
    outside.write_text("email,status\n")
    installation.variables["PIPEDRIVE_ROSTER"] = str(outside)
    (told,) = installation.command("backup", str(tmp_path / "night.tar.gz"), "--json").objects
    assert told["outside"] == [str(outside)]


def test_a_file_that_is_linked_to_is_backed_up(installation: Installation, tmp_path: Path) -> None:
    elsewhere = tmp_path / "waivers.toml"
    (installation.home / "waivers.toml").rename(elsewhere)
    (installation.home / "waivers.toml").symlink_to(elsewhere)
    target = tmp_path / "night.tar.gz"
    assert installation.command("backup", str(target)).code == 0
    with tarfile.open(target) as archive:
        assert archive.getmember("home/waivers.toml").isreg()


def test_a_draft_is_backed_up_without_what_a_commit_makes(installation: Installation, tmp_path: Path) -> None:
    draft = installation.home / "landing/default/20261121T020000-000000"
    draft.mkdir(mode=0o700)
    for name in ("draft.json", "users.ndjson", "users.ndjson.gz", ".known.json.tmp"):
        (draft / name).write_text("{}\n")
    target = tmp_path / "night.tar.gz"

    assert installation.command("backup", str(target)).code == 0

    with tarfile.open(target) as archive:
        names = [name.rpartition("/")[2] for name in archive.getnames() if draft.name in name]
    assert names == ["draft.json", "users.ndjson"]


def test_a_damaged_snapshot_is_said_and_backed_up_as_it_is(
    installation: Installation, tmp_path: Path
) -> None:
    (users,) = installation.home.glob("landing/default/2026*/users.ndjson.gz")
    users.write_bytes(b"damaged")
    (known,) = installation.home.glob("landing/default/2026*/known.json")
    known.unlink()
    target = tmp_path / "night.tar.gz"

    ended = installation.command("backup", str(target), "--json")

    assert (ended.code, ended.objects[0]["exit_code"]) == (1, 1)
    assert ended.objects[0]["damaged"] == [
        f"{known} is missing.",
        f"{users} is not as it was written (its sha256 differs).",
    ]
    with tarfile.open(target) as archive:
        content = archive.extractfile(f"home/{users.relative_to(installation.home)}")
        assert content is not None
        assert content.read() == b"damaged"


def test_a_mistake_in_the_settings_is_a_warning(installation: Installation, tmp_path: Path) -> None:
    (installation.home / "companies.toml").write_text("[acme\n")
    (installation.home / "alerts.toml").write_text("[[alert]]\nkind = 7\n")
    target = tmp_path / "night.tar.gz"

    ended = installation.command("backup", str(target))

    assert ended.code == 0
    assert [line.split(": ")[0] for line in ended.err.splitlines()] == ["Warning"] * 2
    assert {"home/companies.toml", "home/alerts.toml"} < {*members(target)}


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("home/landing/x.tar.gz", "is in a folder of the program"),
        ("home/reports/x.tar.gz", "is in a folder of the program"),
        ("home/notes.txt", "already exists and is not a backup; name another file."),
        ("home", "is a folder; name the file to write, such as"),
    ],
)
def test_a_place_that_is_refused(
    installation: Installation, tmp_path: Path, target: str, sentence: str
) -> None:
    before = (installation.home / "notes.txt").read_text()
    ended = installation.command("backup", str(tmp_path / target))
    assert ended.code == 2
    assert sentence in ended.sentence
    assert (installation.home / "notes.txt").read_text() == before


def test_a_home_that_is_missing(elsewhere: Installation, tmp_path: Path) -> None:
    ended = elsewhere.command("backup", str(tmp_path / "night.tar.gz"))
    assert (ended.code, ended.sentence) == (2, f"There is nothing to back up: {elsewhere.home} is missing.")
    assert not elsewhere.home.exists()


def test_a_backup_in_the_home_itself_is_not_in_the_next_one(installation: Installation) -> None:
    target = installation.home / "night.tar.gz"
    for _ in range(2):
        assert installation.command("backup", str(target)).code == 0
    assert "home/night.tar.gz" not in members(target)


def test_a_full_disk_leaves_the_earlier_backup(installation: Installation, tmp_path: Path) -> None:
    target = tmp_path / "night.tar.gz"
    assert installation.command("backup", str(target)).code == 0
    before = target.read_bytes()
    ended = installation.on_a_full_disk(2_000, "backup", str(target))
    assert ended.code == 1
    assert ended.err == f"No space is left to write {target}; free some and try again.\n"
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["night.tar.gz"]


def test_a_backup_waits_for_what_writes_the_warehouse(installation: Installation, tmp_path: Path) -> None:
    with database.lock(installation.settings.warehouse):
        process = installation.process("backup", str(tmp_path / "night.tar.gz"))
        assert process.stderr is not None
        sentence = process.stderr.readline()
        assert process.poll() is None
    assert installation.wait(process).code == 0
    assert sentence.startswith(f"Another process ({os.getpid()}) is writing the warehouse")


def test_a_snapshot_that_is_removed_meanwhile_is_no_half_backup(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `forget` may do it between the list of files and their reading."""
    target = tmp_path / "night.tar.gz"
    (users,) = installation.home.glob("landing/default/2026*/users.ndjson.gz")
    add = _Writer.add

    def removing(written: _Writer, item: backups.contents.Item) -> None:
        users.unlink(missing_ok=True)
        add(written, item)

    monkeypatch.setattr(_Writer, "add", removing)

    ended = installation.command("backup", str(target))

    assert (ended.code, ended.sentence) == (
        1, f"{users} was changed or removed while the backup was written; run the backup again.",
    )  # fmt: skip
    assert not target.exists()


def test_a_draft_that_is_committed_meanwhile_is_left_out(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = installation.home / "landing/default/20261121T020000-000000"
    draft.mkdir(mode=0o700)
    for name in ("draft.json", "users.ndjson"):
        (draft / name).write_text("{}\n")
    add = _Writer.add

    def committing(written: _Writer, item: backups.contents.Item) -> None:
        (draft / "users.ndjson").unlink(missing_ok=True)
        add(written, item)

    monkeypatch.setattr(_Writer, "add", committing)
    target = tmp_path / "night.tar.gz"
    assert installation.command("backup", str(target)).code == 0
    with tarfile.open(target) as archive:
        manifest = json.loads(archive.extractfile("MANIFEST.json").read())  # type: ignore[union-attr]
    assert f"landing/default/{draft.name}/users.ndjson" not in {one["name"] for one in manifest["files"]}


def test_a_file_that_cannot_be_read_is_named(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests may run as root, which can read everything."""

    def failing(path: Path) -> Path:
        if path.name == "users.ndjson.gz":
            raise files.cannot_read(path, PermissionError(13, "Permission denied"))
        return path.resolve()

    monkeypatch.setattr(files, "real", failing)

    ended = installation.command("backup", str(tmp_path / "night.tar.gz"))

    assert ended.code == 1
    assert "users.ndjson.gz: Permission denied" in ended.sentence
    assert not (tmp_path / "night.tar.gz").exists()
