"""The token is nowhere but in the requests, and what is written about people is for its owner alone."""

from __future__ import annotations

import gzip
import logging
import stat
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from installation import UNJUDGED, CommandResult, Installation, Serve
from published import query

from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.simulator import faults

CANARY = "c4n4ry-7f3e9d2b51a8460c"  # a token that stands out wherever it turns up


def places(*folders: Path, secret: str = CANARY) -> list[str]:
    """Files that hold the token, in any encoding in which a file of ours could hold it."""
    forms = [secret.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-32-le")]
    forms.append(secret[::-1].encode())
    found = []
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        if any(form in content for form in forms):
            found.append(str(path))
    return found


def canary(serve: Serve, home: Path, dialect: str) -> Installation:
    return Installation.of(home, serve(dialect=dialect, token=CANARY))


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["official", "brief"])
def test_a_night_writes_the_token_nowhere(serve, home, tmp_path, dialect) -> None:
    installation = canary(serve, home, dialect)
    dagster_home = tmp_path / "dagster"
    installation.variables["DAGSTER_HOME"] = str(dagster_home)
    earlier = dagster_home / "storage" / "earlier"
    earlier.parent.mkdir(parents=True, mode=0o755)
    earlier.write_text("")
    earlier.chmod(0o644)

    result = installation.wait(installation.process("sync", "--json", "--debug", umask=0o022))

    assert result.code == 0
    assert wide(dagster_home) == []
    assert len(list((tmp_path / "dagster").rglob("*.db"))) >= 2  # the run is in Dagster's instance
    assert CANARY not in result.out + result.err
    assert "DEBUG:" in result.err
    assert places(home, tmp_path / "dagster") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dialect", "fault"),
    [
        ("official", faults.cloudflare),
        ("brief", faults.unauthorised),
        ("official", faults.body(f'{{"success": false, "error": "no such token: {CANARY}"}}', 403)),
        ("brief", faults.html(200, f"<html>api_token={CANARY}</html>")),
    ],
    ids=["blocked", "revoked", "told back", "told back in HTML"],
)
def test_a_night_that_fails_writes_the_token_nowhere(serve, home, dialect, fault) -> None:
    simulator = serve(dialect=dialect, token=CANARY, users=12)
    installation = Installation.of(home, simulator)
    simulator.faults.add(r"users/\d+/permissions", fault, times=8, after=3)

    result = installation.command("sync", "--json", "--debug")

    assert result.code in {0, 3, 4}
    assert CANARY not in result.out + result.err
    assert places(home) == []


@pytest.mark.slow
def test_a_token_that_is_told_back_in_another_encoding_lands_nowhere(serve, home) -> None:
    simulator = serve(dialect="official", token=CANARY, users=12)
    installation = Installation.of(home, simulator, UNJUDGED)
    encoded = "".join(f"\\u{ord(letter):04x}" for letter in CANARY)
    simulator.company.users[min(simulator.company.users)].name = "TOLD-BACK"
    simulator.faults.add(
        "users",
        lambda reply: replace(reply, body=reply.body.replace(b"TOLD-BACK", encoded.encode())),
        times=None,
    )

    installation.night()

    assert query(installation.published, "SELECT name FROM users ORDER BY user_id LIMIT 1") == [("[token]",)]
    assert places(home) == places(home, secret=encoded) == []


@pytest.mark.slow
def test_errors_of_the_transport_do_not_name_the_token(serve, home) -> None:
    simulator = serve(dialect="brief", token=CANARY)
    installation = Installation.of(home, simulator)
    simulator.faults.add("users", faults.cut("within"), times=None)

    result: CommandResult = installation.command("sync", "--debug")

    assert result.code != 0
    assert CANARY not in result.out + result.err
    assert places(home) == []


def test_an_error_of_the_client_does_not_hold_the_token(serve, home, caplog) -> None:
    installation = canary(serve, home, "brief")
    installation.variables["PIPEDRIVE_API_TOKEN"] = wrong = f"{CANARY}-wrong"
    caplog.set_level(logging.DEBUG)

    with pytest.raises(PipedriveGraphError) as caught:
        installation.night()

    chain: list[BaseException] = []
    error: BaseException | None = caught.value
    while error:
        chain.append(error)
        error = error.__cause__ or error.__context__
    assert wrong not in caplog.text
    assert not [error for error in chain if wrong in f"{error!r} {error} {vars(error)}"]


@pytest.mark.parametrize(
    "token", ["with space", "with\nline", "ümlaut", "tab\there"], ids=["space", "line", "letter", "tab"]
)
def test_a_token_that_can_be_none_is_not_repeated(installation, token) -> None:
    installation.variables["PIPEDRIVE_API_TOKEN"] = token

    result = installation.command("sync")

    assert result.code == 2
    assert result.sentence.startswith(
        "The variable PIPEDRIVE_API_TOKEN holds characters that no API token has"
    )
    assert token not in result.err


def test_the_token_goes_over_no_plain_connection(installation) -> None:
    installation.variables["PIPEDRIVE_BASE_URL"] = "http://api.example.com/v1"

    result = installation.command("sync")

    assert result.code == 2
    assert "https" in result.sentence
    assert not installation.home.exists()


def test_no_redirect_is_followed(installation, serve, simulator) -> None:
    other = serve()
    answer = faults.status(302, headers={"location": f"{other.url}/users/me"})
    simulator.faults.add(".*", answer, times=None)

    result = installation.command("sync")

    assert result.code == 1
    assert result.sentence
    assert other.requests == []


def wide(*folders: Path) -> list[str]:
    """Files that others than their owner may read or write."""
    found = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077]


@pytest.mark.slow
def test_what_is_written_about_people_is_for_its_owner_alone(installation) -> None:
    assert installation.command("sync").code == 0
    assert installation.command("rebuild").code == 0
    assert wide(installation.home) == []


def test_what_is_being_written_is_for_its_owner_alone(installation, simulator) -> None:
    simulator.faults.add(r"users/\d+/permissions", faults.cloudflare, times=None, after=20)
    assert installation.command("sync").code == 4
    assert list(installation.home.rglob("*.ndjson"))
    assert wide(installation.home) == []


@pytest.mark.slow
def test_what_is_being_published_is_for_its_owner_alone(installation) -> None:
    modes: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.001):
            for path in installation.home.glob("**/.*.tmp*"):
                with suppress(FileNotFoundError):
                    modes.add(stat.S_IMODE(path.stat().st_mode))

    watcher = threading.Thread(target=watch)
    watcher.start()
    installation.night()
    done.set()
    watcher.join()

    assert {mode & 0o077 for mode in modes} == {0}
