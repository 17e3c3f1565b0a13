"""`restore`: only a complete backup into an empty home, and all of it or nothing."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installation import CommandResult, Installation
from published import tables

from pipedrive_graph.backups import unpacking


@pytest.fixture(scope="module")
def archive(night: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the night."""
    target = tmp_path_factory.mktemp("backups") / "night.tar.gz"
    assert night.command("backup", str(target)).code == 0
    return target


def unpacked(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        return {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]


def packed(
    archive: Path, members: dict[str, bytes], more: Callable[[tarfile.TarFile], Any] | None = None
) -> Path:
    with tarfile.open(archive, "w:gz") as opened:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
            if more and name == "BACKUP.json":
                more(opened)
    return archive


def refused(ended: CommandResult, elsewhere: Installation, *, code: int = 1) -> str:
    """The sentence of a restore that has left nothing."""
    assert ended.code == code
    assert not elsewhere.home.exists() or [*elsewhere.home.iterdir()] == []
    return ended.sentence


@pytest.mark.slow
def test_every_file_is_back_and_the_rest_is_made_from_it(
    night: Installation, elsewhere: Installation, archive: Path
) -> None:
    ended = elsewhere.command("restore", str(archive))

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[1:] == [
        "Rebuilt from 1 snapshot.",
        f"Set PIPEDRIVE_GRAPH_HOME={elsewhere.home} if it is not set, then run `pipedrive-graph doctor`.",
    ]
    files = {name.removeprefix("home/"): content for name, content in unpacked(archive).items()}
    for name in ("BACKUP.json", "MANIFEST.json"):
        del files[name]
    assert {name: (elsewhere.home / name).read_bytes() for name in files} == files
    assert tables(elsewhere.published)["users"] == tables(night.published)["users"]
    assert (elsewhere.home / "reports" / "default" / "access_report.html").is_file()
    assert not (elsewhere.home / ".restored").exists()
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in elsewhere.home.rglob("*")}
    assert modes == {(True, 0o700), (False, 0o600)}


@pytest.mark.slow
def test_what_is_still_to_be_done_is_said(elsewhere: Installation, archive: Path) -> None:
    del elsewhere.variables["PIPEDRIVE_API_TOKEN"]
    ended = elsewhere.command("restore", str(archive), "--no-rebuild", "--json")
    (told,) = ended.objects
    assert told["variables_missing"] == ["PIPEDRIVE_API_TOKEN"]
    assert (told["home"], told["snapshots"], told["exit_code"]) == (str(elsewhere.home), 0, 0)
    assert not elsewhere.published.exists()


def test_a_home_that_holds_something_is_refused(
    installation: Installation, elsewhere: Installation, archive: Path
) -> None:
    elsewhere.home.mkdir(parents=True, mode=0o700)
    (elsewhere.home / "waivers.toml").write_text("# mine\n")

    ended = elsewhere.command("restore", str(archive))

    assert (ended.code, ended.sentence) == (
        2,
        f"{elsewhere.home} is not empty (it holds waivers.toml): move it away, or set PIPEDRIVE_GRAPH_HOME to"
        " another folder, then restore again.",
    )
    assert [path.name for path in elsewhere.home.iterdir()] == ["waivers.toml"]


def test_an_empty_volume_is_a_home(elsewhere: Installation, archive: Path) -> None:
    (elsewhere.home / "lost+found").mkdir(parents=True)
    (elsewhere.home / "cache").mkdir()  # a command that was tried before has made it
    elsewhere.home.chmod(0o700)
    assert elsewhere.command("restore", str(archive), "--no-rebuild").code == 0


@pytest.mark.parametrize("size", [0, 9, 1_000, 5_000, -200])
def test_a_backup_that_is_cut_off(elsewhere: Installation, archive: Path, tmp_path: Path, size: int) -> None:
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(archive.read_bytes()[:size])
    ended = elsewhere.command("restore", str(cut))
    assert "nothing was restored from it" in refused(ended, elsewhere)


def test_a_backup_without_its_end(elsewhere: Installation, archive: Path, tmp_path: Path) -> None:
    members = unpacked(archive)
    del members["MANIFEST.json"]
    ended = elsewhere.command("restore", str(packed(tmp_path / "x.tar.gz", members)))
    assert "is cut off: its end is missing" in refused(ended, elsewhere)


@pytest.mark.parametrize("change", ["changed", "missing", "more"])
def test_a_backup_whose_files_are_not_those_of_its_manifest(
    elsewhere: Installation, archive: Path, tmp_path: Path, change: str
) -> None:
    members = unpacked(archive)
    manifest = members.pop("MANIFEST.json")
    if change == "changed":
        members["home/waivers.toml"] = b"# nine\n"
    elif change == "missing":
        del members["home/waivers.toml"]
    else:
        members["home/findings.toml"] = b""
    ended = elsewhere.command(
        "restore", str(packed(tmp_path / "x.tar.gz", {**members, "MANIFEST.json": manifest}))
    )
    assert ".toml is not as it was backed up" in refused(ended, elsewhere)


@pytest.mark.parametrize(
    "name", ["/etc/x", "home/../../x", "home/a//b", "x", "home/./x", "home/waivers.toml", "../x", "home/"]
)
def test_a_name_that_leads_elsewhere(
    elsewhere: Installation, archive: Path, tmp_path: Path, name: str
) -> None:
    def add(opened: tarfile.TarFile) -> None:
        for _ in range(2):
            info = tarfile.TarInfo(name)
            opened.addfile(info, io.BytesIO(b""))

    ended = elsewhere.command("restore", str(packed(tmp_path / "x.tar.gz", unpacked(archive), add)))
    assert "nothing was restored" in refused(ended, elsewhere)
    assert not (tmp_path / "elsewhere" / "x").exists()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_what_is_not_a_file(elsewhere: Installation, archive: Path, tmp_path: Path, kind: bytes) -> None:
    def add(opened: tarfile.TarFile) -> None:
        info = tarfile.TarInfo("home/landing")
        info.type, info.linkname = kind, "/tmp"  # noqa: S108
        opened.addfile(info)

    ended = elsewhere.command("restore", str(packed(tmp_path / "x.tar.gz", unpacked(archive), add)))
    assert "which is not a file; nothing was restored" in refused(ended, elsewhere)


def test_an_archive_that_unpacks_to_far_more_than_a_backup_does(
    elsewhere: Installation, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "_SLACK", 2**20)
    zeros = {"BACKUP.json": unpacked(archive)["BACKUP.json"], "home/landing/x": bytes(2**24)}
    ended = elsewhere.command("restore", str(packed(tmp_path / "x.tar.gz", zeros)))
    assert "is too large once it is unpacked" in refused(ended, elsewhere)


@pytest.mark.parametrize(
    "content", [b"", b"hello", gzip.compress(b"hello"), b"PK\x03\x04"], ids=["empty", "text", "gzip", "zip"]
)
def test_what_is_not_a_backup(elsewhere: Installation, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tar.gz").write_bytes(content)
    sentence = refused(elsewhere.command("restore", str(tmp_path / "x.tar.gz")), elsewhere)
    assert "backup" in sentence


def test_another_archive(elsewhere: Installation, tmp_path: Path) -> None:
    ended = elsewhere.command("restore", str(packed(tmp_path / "x.tar.gz", {"README": b"hello"})))
    assert refused(ended, elsewhere) == (
        f"{tmp_path / 'x.tar.gz'} is not a backup that `pipedrive-graph backup` wrote."
    )


@pytest.mark.parametrize("head", [{"pipedrive_graph_backup": 2}, {"version": "0.10.0"}, {"version": "1.0.0"}])
def test_a_backup_of_a_later_version(
    elsewhere: Installation, archive: Path, tmp_path: Path, head: dict[str, Any]
) -> None:
    members = unpacked(archive)
    members["BACKUP.json"] = json.dumps({**json.loads(members["BACKUP.json"]), **head}).encode()
    ended = elsewhere.command("restore", str(packed(tmp_path / "x.tar.gz", members)))
    assert "install that version or a later one, then try again" in refused(ended, elsewhere, code=2)


def test_a_full_disk(elsewhere: Installation, archive: Path) -> None:
    ended = elsewhere.on_a_full_disk(2_000, "restore", str(archive))
    assert ended.code == 1
    assert ended.err.startswith("No space is left to write ")
    assert [*elsewhere.home.iterdir()] == []


def test_a_restore_that_is_killed_at_its_end_is_finished_by_the_next(
    elsewhere: Installation, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def killed(path: Path, target: Path) -> Path:
        if path.name == "landing":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", killed)
    assert elsewhere.command("restore", str(archive)).code == 1
    monkeypatch.setattr(Path, "rename", rename)
    assert (elsewhere.home / "waivers.toml").exists()

    for command in (["sync"], ["backup", str(tmp_path / "half.tar.gz")], ["rebuild"]):
        ended = elsewhere.command(*command)
        assert (ended.code, ended.sentence) == (
            2,
            f"A restore to {elsewhere.home} is not finished: run `pipedrive-graph restore` with the same"
            " backup again.",
        )
    members = unpacked(archive)
    head = {**json.loads(members["BACKUP.json"]), "at": "2026-11-19T00:00:00Z"}
    other = packed(tmp_path / "other.tar.gz", {**members, "BACKUP.json": json.dumps(head).encode()})
    assert "was interrupted here" in elsewhere.command("restore", str(other)).sentence

    ended = elsewhere.command("restore", str(archive), "--no-rebuild")

    assert (ended.code, ended.err) == (0, "")
    names = {name.removeprefix("home/") for name in members if name.startswith("home/")}
    assert all((elsewhere.home / name).is_file() for name in names)
    assert not (elsewhere.home / ".restored").exists()


def test_a_restore_that_is_killed_earlier_is_begun_again(elsewhere: Installation, archive: Path) -> None:
    left = elsewhere.home / ".restore.tmp" / "home" / "landing"
    left.mkdir(parents=True)
    (left / "half").write_text("")
    elsewhere.home.chmod(0o700)
    assert elsewhere.command("restore", str(archive), "--no-rebuild").code == 0
    assert not (elsewhere.home / "landing" / "half").exists()


def test_a_restore_without_a_snapshot(elsewhere: Installation, tmp_path: Path) -> None:
    young = Installation(tmp_path / "young", {**elsewhere.variables})
    young.home.mkdir(mode=0o700)
    (young.home / "waivers.toml").write_text("")
    assert young.command("backup", str(tmp_path / "x.tar.gz")).code == 0
    assert elsewhere.command("restore", str(tmp_path / "x.tar.gz")).code == 0
    assert [path.name for path in elsewhere.home.iterdir()] == ["waivers.toml"]


def test_a_damaged_snapshot_is_restored_as_it_was(
    installation: Installation, elsewhere: Installation, tmp_path: Path
) -> None:
    (users,) = installation.home.glob("landing/default/2026*/users.ndjson.gz")
    users.write_bytes(b"damaged")
    assert installation.command("backup", str(tmp_path / "x.tar.gz")).code == 1

    ended = elsewhere.command("restore", str(tmp_path / "x.tar.gz"))

    assert ended.code == 1
    assert f"it was damaged before the backup: {users} is not as it was written" in ended.err
    assert "The files are restored, but the tables could not be built: " in ended.err
    assert (elsewhere.home / users.relative_to(installation.home)).read_bytes() == b"damaged"
