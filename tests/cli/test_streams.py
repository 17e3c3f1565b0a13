"""A bad stdout does not change how a run ends: not UTF-8, closed, full, or unread."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from installation import Installation

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "pipedrive_graph"]


@pytest.fixture(scope="module")
def night(tmp_path_factory) -> Installation:
    """An installation whose company and users have names beyond ASCII, after one night."""
    from pipedrive_graph.simulator.server import Options, Simulator

    with Simulator(Options(users=12, limit=2000)) as simulator:
        simulator.company.users[simulator.company.plain_user_id].name = "Zoë ☃ Łuk"
        installation = Installation.of(tmp_path_factory.mktemp("output") / "home", simulator)
        assert installation.command("sync").code == 0
        yield installation


def shell(installation: Installation, script: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell script in which `$command` is the command line."""
    return subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, **installation.environment, "command": " ".join(COMMAND), **variables},
        capture_output=True,
        timeout=200,
        check=False,
    )


ENCODINGS = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("variables", ENCODINGS, ids=["ascii", "latin-1", "C"])
def test_stdout_that_is_not_utf8(night, variables) -> None:
    told = shell(night, "$command sync && $command sql 'SELECT name FROM users' --format csv", **variables)

    assert (told.returncode, told.stderr) == (0, b"")
    encoding = "latin-1" if "latin-1" in variables.values() else "ascii"
    text = told.stdout.decode(encoding)
    assert "snapshot" in text
    assert ("Zoë ? ?uk" if encoding == "latin-1" else "Zo? ? ?uk") in text


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_stdout_that_is_closed(night, closed) -> None:
    told = shell(night, f"$command sync {closed}")

    assert (told.returncode, told.stdout, told.stderr) == (0, b"", b"")
    assert night.command("sql", "SELECT count(*) AS n FROM users", "--format", "json").objects == [{"n": 12}]


def test_a_reader_that_goes_away(night) -> None:
    query = "SELECT range FROM range(100000000)"
    told = shell(
        night,
        "set -o pipefail; $command sync | true; a=$?; $command findings | head -1 >/dev/null; b=$?;"
        f" $command sql --limit 0 '{query}' --format csv | head -1; echo $a $b $?",
    )

    assert (told.stdout, told.stderr) == (b"range\r\n0 0 0\n", b"")


def test_stderr_that_nobody_reads(night) -> None:
    assert shell(night, "set -o pipefail; $command sync --company x 2>&1 | true").returncode == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")  # noqa: PTH110
def test_a_full_disk_below_stdout(night) -> None:
    told = shell(night, "$command sql 'SELECT 1' --format csv > /dev/full")

    assert (told.returncode, told.stderr) == (
        1,
        b"The output could not be written (No space left on device).\n",
    )
