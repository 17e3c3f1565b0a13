"""Who may write the home folder or a configuration file decides what the program does: others are refused."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

import pytest
from installation import Installation

from pipedrive_graph.common import trust
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.pipedrive.auth.tokens import TokenStore

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to another user")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir(0o700)
    return folder


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o750, 0o500])
def test_what_nobody_else_can_write_is_trusted(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    trust.check(folder)
    trust.check(folder / "companies.toml")  # there is none


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_what_everybody_can_write_is_refused(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        trust.check(folder)
    assert str(caught.value) == f"Everybody can write {folder} (mode {mode:04o}); run `chmod o-w {folder}`."


@as_root
def test_what_a_group_can_write_is_refused_unless_it_is_named(folder: Path, monkeypatch) -> None:
    os.chown(folder, 0, NOBODY)
    folder.chmod(0o770)
    name = grp.getgrgid(NOBODY).gr_name
    with pytest.raises(ConfigurationError) as caught:
        trust.check(folder)
    assert str(caught.value) == (
        f"The group {name} can write {folder} (mode 0770); run `chmod g-w {folder}`, or set"
        f" PIPEDRIVE_GRAPH_GROUP to {name} if all its members may change what this program does."
    )
    for value in (name, str(NOBODY)):
        monkeypatch.setenv("PIPEDRIVE_GRAPH_GROUP", value)
        trust.check(folder)
    folder.chmod(0o777)
    with pytest.raises(ConfigurationError, match="Everybody can write "):
        trust.check(folder)


@as_root
@pytest.mark.parametrize(
    ("members", "others", "trusted"),
    [([], [], True), (["ana"], [], True), (["ana", "ben"], [], False), ([], ["ben"], False)],
)
def test_a_group_of_the_user_alone_may_write(folder, monkeypatch, members, others, trusted) -> None:
    """Debian gives each user a group of their own, and a umask of 002."""
    users = {"ana": 4001, **dict.fromkeys(others, 4002)}
    entries = [pwd.struct_passwd((name, "x", uid, 4001, "", "/", "/bin/sh")) for name, uid in users.items()]
    monkeypatch.setattr(pwd, "getpwall", lambda: entries)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: {one.pw_uid: one for one in entries}[uid])
    monkeypatch.setattr(grp, "getgrgid", lambda gid: grp.struct_group(("ana", "x", gid, members)))
    monkeypatch.setattr(os, "geteuid", lambda: 4001)
    os.chown(folder, 4001, 4001)
    folder.chmod(0o775)
    if trusted:
        trust.check(folder)
    else:
        with pytest.raises(ConfigurationError, match=r"The group ana can write .* \(mode 0775\)"):
            trust.check(folder)


@as_root
@pytest.mark.parametrize(
    "name",
    ["companies.toml", "findings.toml", "waivers.toml", "alerts.toml", "rules/mine.sql", "roster.csv", ""],
)
def test_a_file_of_another_user_is_not_obeyed(installation, monkeypatch, name: str) -> None:
    installation.variables["PIPEDRIVE_ROSTER"] = "roster.csv"
    path = installation.home / name
    for folder in (installation.home, path.parent):
        folder.mkdir(parents=True, exist_ok=True)
    if name:
        path.write_text("" if name != "companies.toml" else "[acme]\napi_token_env = 'PIPEDRIVE_API_TOKEN'\n")
    for one in (installation.home, *installation.home.rglob("*")):
        os.chown(one, NOBODY, NOBODY)
    os.chown(path, 4001, 4001)
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)

    result = installation.command("sync")

    assert (result.code, result.sentence) == (
        2,
        f"{path} belongs to 4001, and this process runs as nobody. Its owner could change what this program"
        f" does: run `sudo chown nobody {path}`, or use a copy of your own.",
    )
    path.chmod(0o777 if path.is_dir() else 0o666)
    os.chown(path, NOBODY, NOBODY)
    result = installation.command("sync")
    assert (result.code, result.sentence.partition(" (mode")[0]) == (2, f"Everybody can write {path}")


@as_root
def test_tokens_of_another_user_are_not_used(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "default.json"
    path.write_text('{"access_token": "a", "refresh_token": "r", "expires_at": 1, "api_domain": null}')
    assert TokenStore(path).read() is not None
    os.chown(path, 4001, 4001)
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    with pytest.raises(ConfigurationError, match=r"default\.json belongs to 4001"):
        TokenStore(path).read()


@pytest.mark.slow
def test_folders_are_their_owners_alone_whatever_the_umask(simulator, tmp_path: Path) -> None:
    installation = Installation.of(tmp_path / "new" / "home", simulator)
    before = os.umask(0)
    try:
        assert installation.command("sync").code == 0
    finally:
        os.umask(before)

    folders = [installation.home.parent, installation.home, *installation.home.rglob("*/")]
    assert {f"{path.stat().st_mode & 0o7777:04o}" for path in folders} == {"0700"}
    files = [path for path in installation.home.rglob("*") if path.is_file()]
    assert {f"{path.stat().st_mode & 0o7777:04o}" for path in files} == {"0600"}
