"""Opens Dagster's instance in DAGSTER_HOME, and starts Dagster's daemon on it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg

from pipedrive_graph.common import environment, files, locks, trust

CONFIGURATION = "dagster.yaml"

_KEPT = (CONFIGURATION, "history", "logs", "schedules", "storage", ".logs_queue", ".nux", ".telemetry")
"""What Dagster keeps in its home."""

DEFINITIONS = "pipedrive_graph.definitions"

DAEMON = [sys.executable, "-m", "dagster._daemon", "run", "-m", DEFINITIONS]
"""The command of Dagster's daemon, which runs the schedule, the sensors and the queue of runs."""


@contextlib.contextmanager
def opened(on_wait: Callable[[str], None]) -> Iterator[dg.DagsterInstance | None]:
    """The instance in DAGSTER_HOME; None where the variable is not set."""
    home = environment.value(environment.DAGSTER_HOME)
    if not home:
        yield None
        return
    # Dagster reads it itself, and keeps a carriage return at its end
    os.environ[environment.DAGSTER_HOME] = home
    folder = Path(home)
    trust.check(folder)
    trust.check(folder / CONFIGURATION)
    _check_is_open(folder)
    with files.private_files():  # Dagster's files would else be readable by all
        # several processes that make a new instance's database at once can leave it broken for good
        with locks.lock(folder / ".first-use.lock", doing="opening Dagster's instance", on_wait=on_wait):
            close_to_others(folder)
            found = dg.DagsterInstance.get()
        with found as instance:
            yield instance


def _check_is_open(home: Path) -> None:
    """Refuse a home in which this user may not write what every run writes.

    Raises:
        LandingError: naming the file or folder, its owner and the current user.
    """
    written = [home / name for name in (*_KEPT[1:5], "history/runs", "history/runs.db")]
    written += [home / name for name in ("history/runs/index.db", "schedules/schedules.db")]
    for path in (home, *written):
        is_folder = path.is_dir()
        rights = os.R_OK | os.W_OK | (os.X_OK if is_folder else 0)
        if (is_folder or path.is_file()) and not files.may(path, rights):
            denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            raise files.cannot_write(path, denied)


def close_to_others(home: Path) -> None:
    """Take the rights of other users from what Dagster keeps in its home, as earlier versions left it.

    Only Dagster's own files and folders are looked at, in case that the home is a folder of other things too.
    """
    rights = 0o007 if environment.value(trust.GROUP_VARIABLE) else 0o077
    kept = [home / name for name in _KEPT if not (home / name).is_symlink()]
    for path in (home, *kept, *(inner for folder in kept for inner in folder.rglob("*"))):
        with contextlib.suppress(FileNotFoundError, PermissionError):  # gone by now, or another user's
            mode = stat.S_IMODE(path.lstat().st_mode)
            if mode & rights and not (path != home and path.is_symlink()):
                path.chmod(mode & ~rights)


def become_daemon() -> None:
    """Replace this process by Dagster's daemon, so that whoever ends this process ends the daemon."""
    sys.stdout.flush()
    os.execv(DAEMON[0], DAEMON)  # noqa: S606 - this Python, and arguments of our own


@contextlib.contextmanager
def daemon() -> Iterator[None]:
    """Run Dagster's daemon beside this process while the block runs."""
    process = subprocess.Popen(DAEMON)  # noqa: S603 - this Python, and arguments of our own
    try:
        yield
    finally:
        process.terminate()
        process.wait()
