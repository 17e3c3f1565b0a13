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
"""The files and folders of Dagster in its home."""

DEFINITIONS = "pipedrive_graph.definitions"

DAEMON = [sys.executable, "-m", "dagster._daemon", "run", "-m", DEFINITIONS]
"""The command of Dagster's daemon, which runs the schedule, the sensors and the run queue."""


@contextlib.contextmanager
def opened(on_wait: Callable[[str], None]) -> Iterator[dg.DagsterInstance | None]:
    """Open the instance in DAGSTER_HOME; yields None if the variable is not set.

    Args:
        on_wait: called once when another process holds the lock.
    """
    home = environment.value(environment.DAGSTER_HOME)
    if not home:
        yield None
        return
    # Dagster reads the variable itself, and would keep a trailing carriage return
    os.environ[environment.DAGSTER_HOME] = home
    folder = Path(home)
    trust.check(folder)
    trust.check(folder / CONFIGURATION)
    _check_is_open(folder)
    with files.private_files():  # otherwise all users could read Dagster's files
        # two processes that create a new instance's database at once can corrupt it
        with locks.lock(folder / ".first-use.lock", doing="opening Dagster's instance", on_wait=on_wait):
            close_to_others(folder)
            opened_instance = dg.DagsterInstance.get()
        with opened_instance as instance:
            yield instance


def _check_is_open(home: Path) -> None:
    """Refuse a home in which this user cannot write the files that every run writes.

    Raises:
        LandingError: if a file or folder is not writable; names it, its owner and the current user.
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
    """Remove other users' rights on Dagster's files, which earlier versions left open.

    Only Dagster's own files and folders are changed, because the home may contain other files too.
    """
    rights = 0o007 if environment.value(trust.GROUP_VARIABLE) else 0o077
    existing = [home / name for name in _KEPT if not (home / name).is_symlink()]
    for path in (home, *existing, *(inner for folder in existing for inner in folder.rglob("*"))):
        with contextlib.suppress(FileNotFoundError, PermissionError):  # deleted meanwhile, or another user's
            mode = stat.S_IMODE(path.lstat().st_mode)
            if mode & rights and not (path != home and path.is_symlink()):
                path.chmod(mode & ~rights)


def become_daemon() -> None:
    """Replace this process by Dagster's daemon, so that ending it ends the daemon."""
    sys.stdout.flush()
    os.execv(DAEMON[0], DAEMON)  # noqa: S606 - this Python, and arguments of our own


@contextlib.contextmanager
def daemon() -> Iterator[None]:
    """Run Dagster's daemon in another process while the block runs."""
    process = subprocess.Popen(DAEMON)  # noqa: S603 - this Python, and arguments of our own
    try:
        yield
    finally:
        process.terminate()
        process.wait()
