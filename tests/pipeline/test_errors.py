"""What goes wrong ends in its exit code and one sentence; nothing is lost, nothing half is written."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from installation import UNJUDGED, CommandResult, Installation

from pipedrive_graph.errors import LandingError, WarehouseError
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Simulator


def files(home: Path) -> dict[str, bytes]:
    """What lies in a home folder, without locks, the record of the last run, and what is parsed of sql/."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and not path.name.endswith("lock") and path.parent.name not in {"runs", "cache"}
    }


def fails(installation: Installation, code: int, *arguments: str) -> str:
    """Run `sync`, which must end with this code and one sentence that `--json` repeats; return it."""
    before = files(installation.home)
    result = installation.command("sync", "--json", *arguments)
    assert result.code == code, result
    assert files(installation.home) == before
    sentence = result.sentence
    assert result.failures == [("default", code, sentence)]
    return sentence


def test_a_wrong_token(installation) -> None:
    installation.variables["PIPEDRIVE_API_TOKEN"] = "not-the-token"  # noqa: S105
    assert fails(installation, 3) == (
        "Pipedrive does not accept the API token: check PIPEDRIVE_API_TOKEN "
        "(in Pipedrive: Personal preferences, API)."
    )


def test_the_token_of_no_admin(installation, simulator) -> None:
    installation.variables["PIPEDRIVE_API_TOKEN"] = simulator.options.user_token
    assert fails(installation, 3) == (
        "The API token belongs to a user who is not an admin of this Pipedrive company: "
        "use the token of an admin."
    )


def test_users_refused(installation, simulator) -> None:
    simulator.faults.add("users", faults.forbidden, times=None)
    assert fails(installation, 3) == (
        "The token of company 'default' may not list its users; use the token of a Pipedrive admin."
    )


def test_me_refused(installation, simulator) -> None:
    simulator.faults.add("users/me", faults.forbidden, times=None)
    assert fails(installation, 3).startswith("Pipedrive refuses the API token's owner (status 403)")


def test_a_base_url_that_leads_nowhere(installation, simulator) -> None:
    installation.variables["PIPEDRIVE_BASE_URL"] = f"http://127.0.0.1:{simulator.port}/v7"
    sentence = fails(installation, 1)
    assert sentence.startswith(f"The server at http://127.0.0.1:{simulator.port}/v7 is not Pipedrive's API")
    assert "PIPEDRIVE_BASE_URL" in sentence


@pytest.mark.slow
def test_a_server_that_is_not_pipedrive(installation, simulator) -> None:
    simulator.faults.add(".*", faults.html(), times=None)
    assert fails(installation, 1).startswith(f"The server at {simulator.url} is not Pipedrive's API")


@pytest.mark.slow
def test_a_server_that_is_broken(installation, simulator) -> None:
    simulator.faults.add(".*", faults.status(500), times=None)
    assert "status 500: try again later" in fails(installation, 1)


@pytest.mark.slow  # a server that may just be restarting is waited for
def test_nobody_listens(installation) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        installation.variables["PIPEDRIVE_BASE_URL"] = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        started = time.monotonic()
        sentence = fails(installation, 1)
    assert sentence.startswith("No response from http://127.0.0.1:")
    assert time.monotonic() - started < 32


@pytest.mark.slow
def test_the_token_of_another_company(installation, serve) -> None:
    installation.night()
    other = serve(seed=2)
    installation.variables["PIPEDRIVE_BASE_URL"] = other.url
    sentence = fails(installation, 3)
    assert sentence.startswith(f"The token belongs to Pipedrive company {other.company.id}, but")
    assert sentence.endswith("nothing was changed. Set the right token, or another company name.")


def test_no_token(installation) -> None:
    del installation.variables["PIPEDRIVE_API_TOKEN"]
    assert fails(installation, 2).startswith(
        "No API token for company 'default': set the environment variable PIPEDRIVE_API_TOKEN"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--company", "acme"], "The settings have no company 'acme'; there is: default."),
        (["--colour"], "No such option"),
        (["--collect", "everything"], "Invalid value for '--collect': 'everything' is not"),
        (["twice"], "Got unexpected extra argument (twice)"),
    ],
)
def test_wrong_usage(installation, arguments, sentence) -> None:
    result = installation.command("sync", *arguments)
    assert result.code == 2
    assert sentence in result.err
    assert "Traceback" not in result.err
    assert not installation.home.exists()


@pytest.mark.parametrize("variable", ["PIPEDRIVE_GRAPH_HOME", "PIPEDRIVE_ROSTER"])
def test_the_home_of_nobody(installation, variable) -> None:
    installation.variables[variable] = "~nobody9/here"
    if variable == "PIPEDRIVE_GRAPH_HOME":
        installation.home = Path("~nobody9/here")

    result = installation.command("doctor")

    assert (result.code, result.out) == (2, "")
    assert (
        result.sentence == "The home folder of '~nobody9' in ~nobody9/here is unknown; write the whole path."
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", [["report"], ["export", "--format", "xlsx"]])
def test_the_home_of_nobody_is_no_place_for_a_file(installation, command) -> None:
    installation.night()

    result = installation.command(*command, "--out", "~nobody9/here.file")

    assert (result.code, result.out) == (2, "")
    assert result.sentence == (
        "The home folder of '~nobody9' in ~nobody9/here.file is unknown; write the whole path."
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[acme", "Cannot read {file}: "),
        ("", "{file} names no company; write one table per company, such as [acme]."),
        (
            "[acme]",
            '{file}: [acme] must name the variable of its token, such as api_token_env = "ACME_TOKEN"',
        ),
        ("acme = 1", "{file}: 'acme' must be in the table of a company, such as [acme]."),
        ('["a/b"]\napi_token_env = "A"', "{file}: [a/b]: 'a/b' cannot name a company; "),
        ('[acme]\napi_token_env = "A"\ntoken = "x"', "{file}: [acme]: 'token' (line 3) is not a setting."),
        (
            '[acme]\napi_token_env = "A"\nbase_url = "ftp://x"',
            "{file}: [acme]: base_url (line 3) must be a plain https address",
        ),
        ("[acme]\napi_token_env = 3", "{file}: [acme]: api_token_env (line 2) must be a text."),
    ],
)
def test_a_malformed_companies_file(installation, content, sentence) -> None:
    installation.home.mkdir()
    file = installation.home / "companies.toml"
    file.write_text(content)

    result = installation.command("sync")

    assert result.code == 2
    assert result.sentence.startswith(sentence.format(file=file))
    assert list(installation.home.iterdir()) == [file]


@pytest.mark.slow
def test_a_second_sync_of_the_same_company_at_the_same_time(installation, simulator) -> None:
    installation.night()
    simulator.faults.add("permissionSets/.*", faults.slow(20))
    first = installation.process("sync")
    landing = installation.home / "landing" / "default"
    while len(list(landing.glob("*/users.ndjson"))) < 1:  # it collects
        time.sleep(0.01)
        assert first.poll() is None
    while len(simulator.requests) < 80:  # it has asked for all that it will
        time.sleep(0.01)
    simulator.requests.clear()

    result = installation.command("sync", "--json")

    assert result.code == 1
    assert result.sentence == (
        f"Another process ({first.pid}) is collecting company 'default'; "
        "wait until it has ended, then try again."
    )
    assert "users/me" not in {request.path for request in simulator.requests}
    first.send_signal(signal.SIGINT)
    ended = installation.wait(first)
    assert ended.code == 1
    assert (
        ended.sentence
        == "Interrupted. What was read so far is kept; a sync within 6 hours continues from there."
    )


HOLD = """
import pathlib, sys
from pipedrive_graph.warehouse import database
with database.lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [("sync", "--json"), ("rebuild",), ("ack", "abcdef")],
)
def test_a_warehouse_that_another_process_keeps_locked(installation, arguments) -> None:
    installation.models = UNJUDGED
    installation.night()
    installation.variables["PIPEDRIVE_GRAPH_LOCK_WAIT"] = "0.005"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, installation.home / "warehouse.duckdb"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        result = installation.command(*arguments)
    finally:
        holder.kill()
        holder.communicate()

    assert result.code == 1
    sentence = f"Another process ({holder.pid}) is writing the warehouse (since "
    waiting, error = [line.removeprefix("Warning: ") for line in result.err.strip().splitlines()]
    assert waiting.startswith(sentence)
    assert waiting.endswith(" UTC); waiting for it, at most 0.005 minutes.")
    assert error.startswith(sentence)
    assert " and still has not ended after 0.005 minutes of waiting" in error
    if "--json" in arguments:
        assert result.failures == [("default", result.code, error)]


@pytest.mark.slow
def test_the_cdn_blocks_in_the_middle_of_a_run(installation, simulator) -> None:
    simulator.faults.add(r"users/\d+/.*", faults.cloudflare, times=None, after=40)

    result = installation.command("sync", "--json")

    assert result.code == 4
    assert result.sentence.startswith(
        "Pipedrive's content delivery network (Cloudflare) refuses our requests"
    )
    (night,) = result.objects
    assert (night["status"], night["snapshot_id"], night["reason"]) == ("unfinished", None, result.sentence)
    assert set(night["findings"] or {}) <= {"critical", "high", "medium", "low", "info"}
    goes_on(installation, simulator, at_least=30)


@pytest.mark.slow
def test_the_token_is_revoked_in_the_middle_of_a_run(installation, simulator) -> None:
    simulator.faults.add(r"users/\d+/.*", faults.unauthorised, times=None, after=40)

    result = installation.command("sync", "--json")

    assert result.code == 3
    assert result.sentence.startswith("Pipedrive no longer accepts the API token")
    goes_on(installation, simulator, at_least=30)


@pytest.mark.slow
def test_the_server_dies_in_the_middle_of_a_run(installation, simulator) -> None:
    simulator.faults.add(r"users/\d+/.*", faults.silence, times=None, after=40)
    process = installation.process("sync", "--json")
    while sum(request.path.startswith("users/") for request in simulator.requests) < 45:
        time.sleep(0.01)
    simulator.stop()

    result = installation.wait(process, timeout=60)

    assert result.code == 4
    assert result.sentence.startswith("Pipedrive has stopped answering")
    simulator.start()
    goes_on(installation, simulator, at_least=30)


def goes_on(installation: Installation, simulator: Simulator, *, at_least: int) -> None:
    """The next sync is complete, and spares itself so many calls."""
    everything = 1 + 3 + 80 + 15  # me, the lists, two for each user, the contents of the sets
    simulator.faults.clear()
    simulator.requests.clear()
    result = installation.command("sync", "--json")
    assert (result.code, result.err) == (0, "")
    assert result.objects[0]["users"] == 40
    assert len(simulator.requests) <= everything - at_least
    assert result.objects[0]["requests"] == len(simulator.requests)


@pytest.mark.slow
def test_the_disk_is_full(installation, simulator) -> None:
    installation.night()
    published = installation.published.read_bytes()

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    result = installation.wait(installation.process("sync", "--json", preexec_fn=limit))

    assert result.code == 1
    assert result.sentence.startswith(f"No space is left to write {installation.home}/landing/default/")
    assert result.sentence.endswith("; free some and try again. What was read so far is kept.")
    assert installation.published.read_bytes() == published
    goes_on(installation, simulator, at_least=1)


@pytest.mark.slow
@pytest.mark.parametrize("size", [10_000, 300_000], ids=["when the file is made", "later"])
def test_the_disk_is_full_in_a_rebuild(installation, size: int) -> None:
    installation.night()
    before = files(installation.home)

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    result = installation.wait(installation.process("rebuild", preexec_fn=limit))

    assert (result.code, result.out) == (1, "")
    assert result.sentence == (
        f"No space is left to write {installation.home}/.warehouse.duckdb.tmp; free some and try again."
    )
    assert files(installation.home) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "error", "sentence"),
    [
        (
            "decisions.finding_commands.publish_file",
            WarehouseError("Cannot write it; the published file is unchanged."),
            "Cannot write it; the published file is unchanged. "
            "The decision is in the journal, and shows after the next sync.",
        ),
        (
            "cli.decided.write_findings",
            LandingError("Cannot write it."),
            "Cannot write it. The decision is recorded and published; the next sync writes the reports.",
        ),
    ],
)
def test_a_decision_outlives_what_comes_after_it(installation, monkeypatch, place, error, sentence) -> None:
    def fail(*_: object) -> None:
        raise error

    installation.night()
    finding = json.loads(installation.command("findings", "--json").out.splitlines()[0])["finding_id"]
    with monkeypatch.context() as broken:
        broken.setattr(f"pipedrive_graph.{place}", fail)
        result = installation.command(
            "waive", finding, "--reason", "x", "--until", f"{datetime.now(UTC).date()}"
        )

    assert (result.code, result.out, result.sentence) == (1, "", sentence)
    assert installation.command("rebuild").code == 0
    assert "waived" in installation.command("findings", finding).out


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")
def test_a_small_file_system_is_full(installation, simulator, tmp_path) -> None:
    import subprocess

    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "none", disk], check=False).returncode:
        pytest.skip("this system lets nobody mount")
    try:
        installation.home = disk / "home"
        result = installation.command("sync", "--json")
        assert result.code == 1
        assert result.sentence.startswith(f"No space is left to write {installation.home}/landing/default/")
        subprocess.run(["mount", "-o", "remount,size=200M", disk], check=True)
        again: CommandResult = installation.command("sync", "--json")
        assert (again.code, again.err) == (0, "")
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_folder_that_nobody_may_write_to(installation, tmp_path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    installation.home = file / "home"
    result = installation.command("sync")
    assert result.code == 1
    assert result.sentence == f"Cannot read {file}/home/journal/default.head.json: Not a directory."


@pytest.mark.slow
def test_damage_in_the_landing_is_named(installation) -> None:
    manifest = installation.night()
    file = installation.landing().path / manifest.snapshot_id / "users.ndjson.gz"
    file.write_bytes(file.read_bytes()[:-1])
    before = installation.published.read_bytes()

    result = installation.command("rebuild")

    assert result.code == 1
    assert result.sentence == (
        f"{file} is not as it was written (its sha256 differs); restore it from a backup, then try again."
    )
    assert installation.published.read_bytes() == before


@pytest.mark.slow
def test_a_damaged_manifest_stops_the_night(installation) -> None:
    manifest = installation.night()
    file = installation.landing().path / manifest.snapshot_id / "manifest.json"
    file.write_text(file.read_text()[:100])

    sentence = fails(installation, 1)

    assert sentence.startswith(f"{file} is damaged")
    assert sentence.endswith("restore it from a backup, then try again.")


@pytest.mark.slow
@pytest.mark.parametrize("repair", ["sync", "rebuild"])
def test_a_published_file_that_is_damaged(installation, repair: str) -> None:
    installation.night()
    installation.published.write_bytes(installation.published.read_bytes()[:300_000])

    for command in (["sql", "FROM users"], ["findings"], ["report"]):
        result = installation.command(*command)
        assert (result.code, result.out) == (1, "")
        assert result.sentence.startswith(f"Cannot read {installation.published} (")
        assert result.sentence.endswith("); if it is damaged, run sync: it is published again.")
    assert installation.command(repair).code == 0
    assert installation.command("findings").code == 0


@pytest.mark.slow
def test_a_warehouse_that_is_no_database(installation) -> None:
    installation.night()
    (installation.home / "warehouse.duckdb").write_bytes(b"not a database" * 1000)

    result = installation.command("sync", "--json")

    assert result.code == 1
    assert result.sentence.endswith(
        "). `pipedrive-graph rebuild` makes it again from the landing, and loses nothing."
    )
    assert installation.command("rebuild").code == 0
    assert installation.night().verdict.status == "complete"


def test_what_ended_the_run_is_told_although_the_published_file_is_damaged(installation) -> None:
    published = installation.home / "identity_graph.duckdb"
    published.parent.mkdir(parents=True)
    published.write_bytes(b"this is no database")
    installation.variables["PIPEDRIVE_API_TOKEN"] = "not-the-token"  # noqa: S105
    assert fails(installation, 3).startswith("Pipedrive does not accept the API token")


@pytest.mark.slow
def test_a_published_file_that_is_damaged_holds_up_no_other_company(installation) -> None:
    installation.home.mkdir(parents=True, exist_ok=True)
    (installation.home / "companies.toml").write_text(
        '[a]\napi_token_env = "WRONG"\n[b]\napi_token_env = "PIPEDRIVE_API_TOKEN"\n'
    )
    (installation.home / "identity_graph.duckdb").write_bytes(b"this is no database")
    installation.variables["WRONG"] = "not-the-token"
    result = installation.command("sync", "--json")
    assert result.code == 3
    assert [("error" in one, one["company"]) for one in result.objects] == [(True, "a"), (False, "b")]
