"""The process ends quickly after a command, but writes all output and has the right exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = """
import sys
from pipedrive_graph import cli

{before}

def command(*_):
    {body}
    return 3

cli.run = command
try:
    cli.main()
finally:
    print("Python ends as usual")
"""


def ended(
    body: str, *, before: str = "", options: tuple[str, ...] = (), stdout: int = subprocess.PIPE
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a process whose command is this."""
    process = subprocess.run(
        [sys.executable, *options, "-c", COMMAND.format(before=before, body=body)],
        stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
    )  # fmt: skip
    return process.returncode, process.stdout, process.stderr


OBJECT = """
class Kept:
    def __del__(self):
        print("taken apart")
kept = Kept()
"""


def test_objects_are_not_taken_apart() -> None:
    assert ended("print('done')", before=OBJECT) == (3, "done\n", "")


def test_what_is_buffered_is_written() -> None:
    assert ended("print('x' * 300_000); print('y', file=sys.stderr)") == (3, "x" * 300_000 + "\n", "y\n")


def test_functions_that_are_registered_for_the_end_are_run() -> None:
    before = (
        "import atexit, logging.handlers\n"
        "atexit.register(print, 'at the end')\n"
        "to_stderr = logging.StreamHandler()\n"
        "logging.getLogger('x').addHandler(logging.handlers.MemoryHandler(100, target=to_stderr))"
    )
    assert ended("logging.getLogger('x').error('kept')", before=before) == (3, "at the end\n", "kept\n")


def test_temporary_folders_are_removed(tmp_path: Path) -> None:
    body = f"global folder; folder = tempfile.TemporaryDirectory(dir={str(tmp_path)!r})"
    assert ended(body, before="import tempfile")[0] == 3
    assert list(tmp_path.iterdir()) == []


def test_a_thread_that_is_at_work_is_waited_for() -> None:
    body = "threading.Timer(0.3, print, ['written later']).start()"
    assert ended(body, before="import threading") == (3, "Python ends as usual\nwritten later\n", "")


def test_a_thread_in_the_background_is_not_waited_for() -> None:
    body = "threading.Thread(target=time.sleep, args=[100], daemon=True).start()"
    assert ended(body, before="import threading, time") == (3, "", "")


@pytest.mark.parametrize(
    ("options", "before"),
    [(("-X", "dev"), ""), ((), "sys.setprofile(lambda *_: None)"), ((), "sys.settrace(lambda *_: None)")],
)
def test_who_observes_the_process_sees_its_end(options: tuple[str, ...], before: str) -> None:
    assert ended("print('done')", before=before, options=options) == (3, "done\nPython ends as usual\n", "")


def test_a_reader_that_is_gone_changes_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert ended("print('x' * 300_000)", stdout=writing) == (3, None, "")
    finally:
        os.close(writing)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize(("body", "code"), [("print('x')", 3), ("print('x'); return 0", 1)])
def test_a_full_disk_is_an_error(body: str, code: int) -> None:
    with Path("/dev/full").open("w") as full:
        assert ended(body, stdout=full.fileno()) == (
            code,
            None,
            "The output could not be written (No space left on device).\n",
        )
