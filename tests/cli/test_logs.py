"""Messages on stderr: text or JSON lines, by level, without secrets and without what libraries log."""

from __future__ import annotations

import json
import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from installation import CommandResult, Installation

from pipedrive_graph.cli import logs
from pipedrive_graph.common import locks
from pipedrive_graph.common.redaction import Redaction
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator

CANARY = "c4n4ry-7f3e9d2b51a8460c"


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, CommandResult]]:
    """What two runs of `sync` write in JSON, a complete one with --debug and a partial one."""
    with Simulator(Options(users=12, limit=2000, token=CANARY)) as simulator:
        installation = Installation.of(tmp_path_factory.mktemp("logs") / "home", simulator)
        told = {"debug": installation.command("sync", "--debug", "--log-format=json")}
        simulator.faults.add(r"users/\d+/permissions", faults.forbidden, times=1)
        told["partial"] = installation.command("sync", "--json", "--log-format", "json")
        yield told


def lines(result: CommandResult) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.err.splitlines()]


def test_a_warning_is_an_object_with_level_company_and_run(nights) -> None:
    (line,) = [line for line in lines(nights["partial"]) if " is partial: " in line["message"]]

    assert list(line) == ["time", "level", "message", "command", "company", "run"]
    assert (line["level"], line["command"], line["company"]) == ("warning", "sync", "default")
    assert re.fullmatch(r"[0-9a-f-]{36}", line["run"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"])


def test_debug_shows_the_steps_of_this_program(nights) -> None:
    messages = [line["message"] for line in lines(nights["debug"])]

    for step in (
        r"Collecting company 'default': started",
        r"GET users/\d+/permissions: 200 in \d+\.\d{3} s",
        r"Collecting company 'default': done in \d+\.\d{3} s",
        r"Building snapshot \S+ of 'default': started",
        r"sql/graph/users\.sql: done in \d+\.\d{3} s",
        r"sql/findings/dormant_admin\.sql: done in \d+\.\d{3} s",
        r"Publishing identity_graph\.duckdb: done in \d+\.\d{3} s",
        r"Writing access_report\.html of 'default': done in \d+\.\d{3} s",
    ):
        assert any(re.fullmatch(step, message) for message in messages), step


def test_debug_shows_no_lines_of_libraries(nights) -> None:
    """Of libraries it was 3,239 lines: DEBUG of httpcore, asyncio and Dagster."""
    written = lines(nights["debug"])

    assert [line for line in written if "logger" in line and line["level"] in {"debug", "info"}] == []
    assert len(written) < 500


def test_a_request_has_its_endpoint_status_and_seconds(nights) -> None:
    line = next(line for line in lines(nights["debug"]) if line["message"].startswith("GET users/me"))

    assert (line["endpoint"], line["status"], line["level"]) == ("users/me", 200, "debug")
    assert line["seconds"] >= 0


def test_one_run_has_one_id(nights) -> None:
    assert len({line["run"] for line in lines(nights["debug"]) if line["company"]}) == 1


def test_no_message_holds_the_token(nights) -> None:
    assert CANARY not in "".join(told.out + told.err for told in nights.values())


def test_an_error_has_its_exit_code_and_with_debug_its_traceback_in_one_field(tmp_path) -> None:
    installation = Installation(tmp_path / "home")

    (plain,) = lines(installation.command("sql", "FROM users", "--log-format", "json"))
    (debug,) = lines(installation.command("sql", "FROM users", "--log-format", "json", "--debug"))

    sentence = f"Nothing is published at {installation.published} yet; run sync first."
    assert (plain["level"], plain["message"], plain["exit_code"]) == ("error", sentence, 1)
    assert (plain["command"], plain["company"]) == ("sql", None)
    assert "traceback" not in plain
    assert debug["traceback"].startswith("Traceback (most recent call last):\n")
    assert debug["message"] == sentence


def test_wrong_usage_is_an_object_too(tmp_path) -> None:
    result = Installation(tmp_path / "home").command("review", "import", "--log-format=json")

    (line,) = lines(result)
    assert (result.code, line["exit_code"], line["command"]) == (2, 2, "review import")
    assert line["message"] == "Missing argument 'FILE'."


def test_the_variables_set_format_and_level(tmp_path) -> None:
    installation = Installation(tmp_path / "home", {"PIPEDRIVE_GRAPH_LOG_FORMAT": "json\r"})

    (line,) = lines(installation.command("rebuild"))
    overruled = installation.command("rebuild", "--log-format", "text")

    assert line["message"].startswith("There are no snapshots in ")
    assert overruled.err == line["message"] + "\n"


@pytest.mark.parametrize(
    ("name", "values"),
    [("FORMAT", "text or json"), ("LEVEL", "debug, info, warning or error")],
)
def test_a_variable_with_another_value_is_refused(tmp_path, name, values) -> None:
    installation = Installation(tmp_path / "home", {f"PIPEDRIVE_GRAPH_LOG_{name}": "loud"})

    result = installation.command("rebuild")

    assert (result.code, result.err) == (2, f"The variable PIPEDRIVE_GRAPH_LOG_{name} must be {values}.\n")


def test_an_option_with_another_value_is_refused(tmp_path) -> None:
    result = Installation(tmp_path / "home").command("rebuild", "--log-level", "loud")

    assert result.code == 2
    assert "'loud' is not one of 'debug', 'info', 'warning', 'error'." in result.err


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("debug", ["a", "Warning: b", "c"]),
        ("info", ["a", "Warning: b", "c"]),
        ("warning", ["Warning: b", "c"]),
        ("error", ["c"]),
    ],
)
def test_the_level_decides_what_is_written(capsys, level, written) -> None:
    logs.configure(["sync", "--log-level", level], "sync")

    logs.say("a")
    logs.say("Warning: b")
    logs.say("c", logging.ERROR)

    assert capsys.readouterr().err.splitlines() == written


def test_debug_as_text_has_the_time_and_the_level_of_each_step(capsys) -> None:
    logs.configure(["sync", "--debug"], "sync")

    logging.getLogger("pipedrive_graph.builder.build").debug("Building: started")
    logging.getLogger("somebody.else").debug("select(2) returned")
    logging.getLogger("somebody.else").warning("Out of luck")

    first, second = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"\S+Z DEBUG: Building: started", first)
    assert re.fullmatch(r"\S+Z WARNING: somebody.else: Out of luck", second)


def test_debug_shows_a_wait_for_a_lock(capsys, tmp_path) -> None:
    logs.configure(["sync", "--debug", "--log-format", "json"], "sync")
    path = tmp_path / "lock"
    with ExitStack() as held:
        held.enter_context(locks.lock(path, doing="building"))
        with locks.lock(path, doing="building", on_wait=lambda _: held.close()):
            pass

    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first["message"] == f"Waiting for the lock {path}, which process {os.getpid()} holds"
    assert re.fullmatch(rf"Got the lock {path} after \d+\.\d\d\d s", second["message"])
    assert second["seconds"] > 0


def test_a_warning_of_a_library_is_an_object_too(capsys) -> None:
    logs.configure(["rebuild", "--log-format", "json"], "rebuild")

    logging.getLogger("somebody.else").warning("Out of %s", "luck")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("and of time", UserWarning, stacklevel=1)

    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["logger"], first["level"], first["message"]) == ("somebody.else", "warning", "Out of luck")
    assert "UserWarning: and of time" in second["message"]


def test_what_a_terminal_would_obey_is_escaped(capsys) -> None:
    logs.configure(["sync", "--log-format", "json"], "sync")

    logs.say("red \x1b[31m, back \N{RIGHT-TO-LEFT OVERRIDE}, two\nlines \x7f")

    text = capsys.readouterr().err
    assert text.isascii()
    assert text.count("\n") == 1
    assert text.rstrip("\n").isprintable()
    assert json.loads(text)["message"] == "red \x1b[31m, back \N{RIGHT-TO-LEFT OVERRIDE}, two\nlines \x7f"


def test_a_secret_that_the_process_works_with_is_masked_everywhere(capsys) -> None:
    secrets = Redaction(CANARY)
    for format_ in ("json", "text"):
        logs.configure(["sync", "--debug", "--log-format", format_], "sync")
        logging.getLogger("somebody.else").warning("posting to https://host/?token=%s", CANARY)
        logs.say("It failed.", logging.ERROR, ValueError(f"no such token: {CANARY}"), at=f"/{CANARY}")

    text = capsys.readouterr().err
    assert CANARY not in text
    assert text.count("no such token: [token]") == 2
    assert secrets.text(CANARY) == "[token]"
