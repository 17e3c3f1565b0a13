"""Files are whole or absent, private, and locked by one process at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipedrive_graph.common import files, locks
from pipedrive_graph.errors import BusyError, LandingError, NoSpaceError


def test_a_file_is_written_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    files.write_atomically(path, b"first")
    files.write_atomically(path, b"second")

    assert path.read_bytes() == b"second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_temporary_file_that_was_put_there_is_not_written_through(tmp_path: Path) -> None:
    path, victim = tmp_path / "file", tmp_path / "victim"
    victim.write_bytes(b"precious")
    temporary = files.temporary_for(path)
    for prepare in (lambda: temporary.symlink_to(victim), lambda: temporary.hardlink_to(victim)):
        prepare()
        files.write_atomically(path, b"new")
        assert (path.read_bytes(), victim.read_bytes()) == (b"new", b"precious")
        assert not os.path.lexists(temporary)
    temporary.write_bytes(b"left by a crash")
    temporary.chmod(0o666)
    files.write_atomically(path, b"newer")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"newer", 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to another user")
def test_a_link_of_another_user_in_a_shared_folder_is_not_followed(tmp_path: Path) -> None:
    path, victim = tmp_path / "file", tmp_path / "victim"
    victim.write_bytes(b"precious")
    path.symlink_to(victim)
    os.chown(path, 4001, 4001, follow_symlinks=False)

    with pytest.raises(LandingError) as caught:
        files.write_atomically(path, b"new")

    assert str(caught.value) == (
        f"Cannot write {path}: it is a link that belongs to 4001, and this process runs as root;"
        " remove it, or write elsewhere."
    )
    assert victim.read_bytes() == b"precious"
    tmp_path.chmod(0o755)
    os.chown(tmp_path, 4001, 4001)  # the user's own folder: the link is the user's own decision
    files.write_atomically(path, b"new")
    assert victim.read_bytes() == b"new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to another user")
def test_a_lock_of_another_user_and_a_link_are_refused(tmp_path: Path) -> None:
    path, victim = tmp_path / "lock", tmp_path / "victim"
    victim.write_bytes(b"precious")
    path.symlink_to(victim)
    with pytest.raises(LandingError) as caught, locks.lock(path, doing="testing"):
        pass
    assert str(caught.value) == f"The lock {path} is a link; remove it and try again."
    assert victim.read_bytes() == b"precious"
    path.unlink()
    path.write_bytes(b"")
    os.chown(path, 4001, 4001)
    with pytest.raises(LandingError) as caught, locks.lock(path, doing="testing"):
        pass
    assert str(caught.value) == (
        f"The lock {path} belongs to 4001, and this process runs as root; remove it and try again."
    )


def test_of_two_writers_of_a_file_the_second_wins_and_the_first_says_so(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def write() -> None:
        with files.atomically(path) as first:
            first.write(b"first")
            files.write_atomically(path, b"second")

    with pytest.raises(BusyError) as caught:
        write()
    assert str(caught.value) == (
        f"Another process is writing {path}; wait until it has ended, then try again."
    )
    assert path.read_bytes() == b"second"


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_folders_are_made_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        files.write_atomically(tmp_path / "a" / "b" / "file", b"")
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b")] == [0o700, 0o700]


def test_a_file_that_is_linked_to_is_written_where_it_is(tmp_path: Path) -> None:
    real, link = tmp_path / "real" / "file", tmp_path / "link"
    files.write_atomically(real, b"first")
    link.symlink_to("real/file")

    files.write_atomically(link, b"second")

    assert link.is_symlink()
    assert real.read_bytes() == b"second"
    assert list(real.parent.iterdir()) == [real]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write_atomically(path, b"first")
    script = (
        "import resource, signal, sys, pathlib\n"
        "from pipedrive_graph import errors; from pipedrive_graph.common import files\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        "try: files.write_atomically(pathlib.Path(sys.argv[1]), b'x' * 100)\n"
        "except errors.LandingError as error: sys.stdout.write(str(error))\n"
    )

    result = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)

    assert result.stdout == (f"No space is left to write {path}; free some and try again.")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LandingError, match=r"Cannot write .*: File exists\."):
        files.write_atomically(tmp_path / "file" / "below", b"")


HOLD = """
import sys, pathlib
from pipedrive_graph.common import files, locks
with locks.lock(pathlib.Path(sys.argv[1]), doing="testing"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that holds a lock."""
    path = tmp_path / "lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield path, process
    process.kill()
    process.communicate()


def test_a_lock_that_another_process_holds(holder) -> None:
    path, process = holder
    with (
        pytest.raises(BusyError, match=rf"Another process \({process.pid}\) is testing; wait until"),
        locks.lock(path, doing="testing"),
    ):
        pytest.fail("two processes hold the lock")


def test_a_lock_that_is_waited_for(holder) -> None:
    path, process = holder
    told: list[str] = []
    released = threading.Event()

    def release(sentence: str) -> None:
        told.append(sentence)
        released.set()
        process.stdin.write("\n")
        process.stdin.flush()

    with locks.lock(path, doing="testing", on_wait=release):
        (sentence,) = told
        assert re.fullmatch(
            rf"Another process \({process.pid}\) is testing \(since 2[-0-9]+ [0-9:]+ UTC\); waiting for it,"
            r" at most 60 minutes\.",
            sentence,
        )
        assert path.read_text() == str(os.getpid())


def test_a_lock_is_not_waited_for_longer_than_the_setting_says(
    holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, process = holder
    monkeypatch.setenv("PIPEDRIVE_GRAPH_LOCK_WAIT", "0.005")
    sentences: list[str] = []
    with (
        pytest.raises(BusyError) as caught,
        locks.lock(path, doing="testing", on_wait=sentences.append),
    ):
        pytest.fail("two processes hold the lock")

    assert len(sentences) == 1
    assert re.fullmatch(
        rf"Another process \({process.pid}\) is testing \(since 2[-0-9]+ [0-9:]+ UTC\), and still has not"
        rf" ended after 0.005 minutes of waiting: look at what process {process.pid} does and try again when"
        r" it has ended, or set PIPEDRIVE_GRAPH_LOCK_WAIT to more minutes\.",
        str(caught.value),
    )
    assert process.poll() is None


def test_a_lock_ends_with_its_process(holder) -> None:
    path, process = holder
    process.kill()
    process.wait()
    with locks.lock(path, doing="testing"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_lock_is_free_after_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError), locks.lock(path, doing="testing"):
        raise ZeroDivisionError
    with locks.lock(path, doing="testing"):
        assert path.read_text() == str(os.getpid())
    assert list(tmp_path.iterdir()) == []


def test_a_lock_whose_file_is_removed_meanwhile_is_taken_anew(tmp_path: Path, monkeypatch) -> None:
    path, real = tmp_path / "lock", fcntl.flock
    before: list[int] = []

    def late(descriptor: int, how: int) -> None:
        if not before:
            path.unlink()  # whoever held it has just ended
        before.append(descriptor)
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with locks.lock(path, doing="testing"):
        assert path.read_text() == str(os.getpid())
    assert len(before) == 2


COUNT = """
import sys, pathlib
from pipedrive_graph.common import files, locks
lock, count = map(pathlib.Path, sys.argv[1:])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(100):
    with locks.lock(lock, doing="counting", on_wait=lambda _: None):
        before = int(count.read_text())
        count.write_text(str(before + 1))
"""


@pytest.mark.slow
def test_of_many_processes_one_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", COUNT, tmp_path / "lock", count],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 4
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0] * 4
    assert count.read_text() == "400"


def test_a_lock_on_a_disk_that_is_full(tmp_path, monkeypatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(locks.os, "pwrite", full)
    path = tmp_path / "lock"
    with (
        pytest.raises(NoSpaceError, match=f"^No space is left to write {path}; free some"),
        locks.lock(path, doing="testing"),
    ):
        pytest.fail("the lock was taken")
    assert not path.exists()
