"""Secrets from variables, files and systemd: which source counts, and the sentence about each mistake."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from installation import UNJUDGED, Installation

from pipedrive_graph.cli.commands import explore
from pipedrive_graph.common import environment
from pipedrive_graph.config import credentials
from pipedrive_graph.config import settings as settings_module
from pipedrive_graph.errors import ConfigurationError

NOBODY = 65534
CANARY = "c4n4ry0f4secret7f3e9d2b51a8460c"


@contextmanager
def as_another_user() -> Iterator[None]:
    """Run as a user who may read nothing that is private, where this process is root's."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def secret_file(folder: Path, content: bytes = f"{CANARY}\n".encode(), mode: int = 0o600) -> Path:
    path = folder / "token"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_variable_holds_the_secret(monkeypatch) -> None:
    monkeypatch.setenv("ACME_TOKEN", f" {CANARY}\r")

    assert credentials.secret("ACME_TOKEN") == CANARY
    assert str(credentials.source("ACME_TOKEN")) == "the variable ACME_TOKEN"


def test_what_is_set_nowhere_is_empty(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    assert credentials.secret("ACME_TOKEN") == ""
    assert credentials.secret("") == ""
    assert credentials.source("ACME_TOKEN") is None


@pytest.mark.parametrize("content", [b"%s", b"%s\n", b"%s\r\n", b"\xef\xbb\xbf%s\n\n", b" %s "])
def test_a_file_holds_the_secret(monkeypatch, tmp_path: Path, content: bytes) -> None:
    path = secret_file(tmp_path, content % CANARY.encode())
    monkeypatch.setenv("ACME_TOKEN_FILE", f"{path}\r")
    monkeypatch.setenv("ACME_TOKEN", "")  # as a file of variables leaves it that somebody has not filled in

    assert credentials.secret("ACME_TOKEN") == CANARY
    assert str(credentials.source("ACME_TOKEN")) == f"the variable ACME_TOKEN_FILE, the file {path}"


def test_a_secret_of_kubernetes_is_a_link_to_a_link(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "..2026_11_30").mkdir()
    secret_file(tmp_path / "..2026_11_30", mode=0o444)
    (tmp_path / "..data").symlink_to("..2026_11_30")
    (tmp_path / "token").symlink_to("..data/token")
    monkeypatch.setenv("ACME_TOKEN_FILE", str(tmp_path / "token"))

    with as_another_user_in(tmp_path):
        assert credentials.secret("ACME_TOKEN") == CANARY


@contextmanager
def as_another_user_in(folder: Path) -> Iterator[None]:
    """As another user, who may look into the folders of the test."""
    for path in (folder, *folder.parents[:-2]):
        path.chmod(path.stat().st_mode | 0o011)
    with as_another_user():
        yield


def test_a_credential_of_systemd_is_found_by_its_name(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "ACME_TOKEN").write_text(CANARY)
    (tmp_path / "ACME_TOKEN").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    assert credentials.secret("ACME_TOKEN") == CANARY
    where = f"the systemd credential ACME_TOKEN, the file {tmp_path}/ACME_TOKEN"
    assert str(credentials.source("ACME_TOKEN")) == where


def test_a_variable_is_preferred_to_a_credential(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "ACME_TOKEN").write_text("of-systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("ACME_TOKEN", "of-the-variable")

    assert credentials.secret("ACME_TOKEN") == "of-the-variable"
    found = credentials.source("ACME_TOKEN")
    assert found is not None
    assert found.warnings == ["the variable ACME_TOKEN is used instead of the systemd credential ACME_TOKEN"]


Make = Callable[[Path], Path]


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "token", 0o600)
    return folder / "token"


MISTAKES: dict[str, tuple[Make, str]] = {
    "missing": (lambda folder: folder / "token", "does not exist."),
    "below a file": (lambda folder: secret_file(folder) / "token", "does not exist."),
    "a folder": (lambda folder: folder, "is a folder."),
    "a pipe": (pipe, "is not a regular file."),
    "a device": (lambda _: Path("/dev/null"), "is not a regular file."),
    "empty": (lambda folder: secret_file(folder, b""), "is empty."),
    "blank": (lambda folder: secret_file(folder, b" \n\n"), "is empty."),
    "too large": (
        lambda folder: secret_file(folder, CANARY.encode() * 3000),
        "is larger than 64 KiB, and should hold the secret alone.",
    ),
    "lines": (
        lambda folder: secret_file(folder, f"TOKEN\n{CANARY}\n".encode()),
        "has several lines, and should hold the secret alone.",
    ),
    "UTF-16": (lambda folder: secret_file(folder, CANARY.encode("utf-16")), "is not UTF-8 text."),
    "zeros": (lambda folder: secret_file(folder, CANARY.encode("utf-16-le")), "is not UTF-8 text."),
    "writable": (
        lambda folder: secret_file(folder, mode=0o646),
        "can be changed by everybody (mode 0646); run `chmod o-w` on it.",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_file_that_cannot_be_used_is_one_sentence(monkeypatch, tmp_path: Path, mistake: str) -> None:
    make, ending = MISTAKES[mistake]
    path = make(tmp_path)
    monkeypatch.setenv("ACME_TOKEN_FILE", str(path))

    with pytest.raises(ConfigurationError) as caught:
        credentials.secret("ACME_TOKEN")

    where = f"The file of ACME_TOKEN (from the variable ACME_TOKEN_FILE: {path})"
    assert str(caught.value) == f"{where} {ending}"
    assert CANARY not in str(caught.value)


def test_a_file_that_may_not_be_read(monkeypatch, tmp_path: Path) -> None:
    path = secret_file(tmp_path, mode=0o000)
    monkeypatch.setenv("ACME_TOKEN_FILE", str(path))

    with (
        as_another_user_in(tmp_path),
        pytest.raises(ConfigurationError, match="cannot be read: Permission denied"),
    ):
        credentials.secret("ACME_TOKEN")


@pytest.mark.parametrize("pasted", [CANARY, "hunter2", f"/{CANARY}", "pa\0ss"])
def test_a_secret_in_the_place_of_a_path_is_not_repeated(monkeypatch, pasted: str) -> None:
    monkeypatch.setattr(os, "environ", {"SMTP_PASSWORD_FILE": pasted})

    with pytest.raises(ConfigurationError) as caught:
        credentials.secret("SMTP_PASSWORD")

    assert str(caught.value).startswith("The file of SMTP_PASSWORD (from the variable SMTP_PASSWORD_FILE")
    assert pasted not in str(caught.value)


def test_a_variable_and_its_file_are_an_error(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACME_TOKEN", CANARY)
    monkeypatch.setenv("ACME_TOKEN_FILE", str(secret_file(tmp_path)))

    with pytest.raises(ConfigurationError) as caught:
        credentials.secret("ACME_TOKEN")

    assert (
        str(caught.value) == "The variables ACME_TOKEN and ACME_TOKEN_FILE are both set; remove one of them."
    )


def test_a_setting_that_names_the_variable_of_the_file(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACME_TOKEN_FILE", str(secret_file(tmp_path)))

    with pytest.raises(ConfigurationError) as caught:
        credentials.secret("ACME_TOKEN_FILE")  # api_token_env = "ACME_TOKEN_FILE"

    assert str(caught.value) == (
        "The variable ACME_TOKEN_FILE holds the path of a file: where the settings name ACME_TOKEN_FILE,"
        " write ACME_TOKEN instead."
    )


def test_every_secret_of_an_oauth_app_comes_from_a_file(monkeypatch, tmp_path: Path) -> None:
    names = ("PIPEDRIVE_CLIENT_ID", "PIPEDRIVE_CLIENT_SECRET", "PIPEDRIVE_REFRESH_TOKEN")
    for name in names:
        (tmp_path / name).write_text(f"{name}'s\n")
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    monkeypatch.setenv("PIPEDRIVE_GRAPH_HOME", str(tmp_path / "home"))

    (company,) = settings_module.load().companies

    app = company.app()
    assert company.uses_oauth
    assert (app.client_id(), app.client_secret(), company.refresh_token()) == (
        "PIPEDRIVE_CLIENT_ID's",
        "PIPEDRIVE_CLIENT_SECRET's",
        "PIPEDRIVE_REFRESH_TOKEN's",
    )


def test_no_other_program_gets_a_secret_or_its_file(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    for name in ("PIPEDRIVE_API_TOKEN", "ACME_TOKEN", "SLACK_URL"):
        monkeypatch.setenv(name, CANARY)
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / CANARY))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / CANARY))

    assert CANARY not in str(environment.inherited())
    assert environment.inherited()["PATH"] == "/usr/bin"


def test_the_notebook_gets_what_is_allowed_alone(monkeypatch) -> None:
    started: list[dict[str, str]] = []
    monkeypatch.setattr(os, "execve", lambda program, arguments, variables: started.append(variables))
    monkeypatch.setattr(
        os, "environ", {"HOME": "/home/ana", "MARIMO_X": "1", "ACME_TOKEN": CANARY, "OTHER": CANARY}
    )

    explore._serve(["run", "explore.py", "--token"])

    assert started == [
        {
            "HOME": "/home/ana",
            "MARIMO_X": "1",
            "MARIMO_SKIP_UPDATE_CHECK": "1",
            "MARIMO_RESTRICT_SHARING": "1",
        }
    ]


@pytest.fixture
def from_files(home: Path, serve, tmp_path: Path) -> Installation:
    """Two companies whose tokens come from a file and from a credential; an alert's address is in a file."""
    simulator = serve(users=6, token=CANARY)
    home.mkdir(0o700)
    (home / "companies.toml").write_text(
        '[acme]\napi_token_env = "ACME_TOKEN"\n[beta]\napi_token_env = "BETA_TOKEN"\n'
    )
    (home / "alerts.toml").write_text('[[alert]]\nkind = "slack"\nurl_env = "SLACK_URL"\n')
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "BETA_TOKEN").write_text(CANARY)
    (tmp_path / "credentials" / "BETA_TOKEN").chmod(0o400)
    (tmp_path / "slack").write_text("http://127.0.0.1:9/hook\n")
    (tmp_path / "slack").chmod(0o644)
    variables = {
        "PIPEDRIVE_BASE_URL": simulator.url,
        "ACME_TOKEN_FILE": str(secret_file(tmp_path)),
        "SLACK_URL_FILE": str(tmp_path / "slack"),
        "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
    }
    return Installation(home, variables, UNJUDGED)


def test_doctor_says_where_each_secret_comes_from(from_files: Installation, tmp_path: Path) -> None:
    result = from_files.command("doctor", "--json")

    checks = [(each["company"], each["text"]) for each in result.objects if each["check"] == "secrets"]
    assert checks == [
        (None, f"alert 'slack' from the variable SLACK_URL_FILE, the file {tmp_path}/slack"),
        (
            None,
            f"Everybody on this machine can read {tmp_path}/slack, the file of SLACK_URL; run"
            f" `chmod o-r {tmp_path}/slack`, unless only this program's container has it",
        ),
        ("acme", f"API token from the variable ACME_TOKEN_FILE, the file {tmp_path}/token"),
        (
            "beta",
            f"API token from the systemd credential BETA_TOKEN, the file {tmp_path}/credentials/BETA_TOKEN",
        ),
    ]
    assert [each["state"] for each in result.objects if each["check"] == "pipedrive"] == ["ok", "ok"]
    assert CANARY not in result.out + result.err


def test_a_command_ends_with_2_where_the_file_cannot_be_used(
    from_files: Installation, tmp_path: Path
) -> None:
    (tmp_path / "token").unlink()
    sentence = f"The file of ACME_TOKEN (from the variable ACME_TOKEN_FILE: {tmp_path}/token) does not exist."

    result = from_files.command("plan", "--company", "acme")
    assert (result.code, result.sentence) == (2, f"acme: {sentence}")

    checks = from_files.command("doctor", "--company", "acme", "--json").objects
    assert [(each["check"], each["exit_code"]) for each in checks if each["text"] == sentence] == [
        ("secrets", 2)
    ]


def test_an_alert_whose_file_cannot_be_used_is_not_sent(from_files: Installation, tmp_path: Path) -> None:
    (tmp_path / "slack").write_text("")

    result = from_files.command("alerts", "--test")

    sentence = f"The file of SLACK_URL (from the variable SLACK_URL_FILE: {tmp_path}/slack) is empty."
    assert (result.code, result.err) == (1, f"slack: {sentence}\n")
