"""Locks between processes; the kernel releases a lock when its process ends."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pipedrive_graph.common import environment, files
from pipedrive_graph.errors import BusyError, LandingError

_log = logging.getLogger(__name__)

LOCK_WAIT_VARIABLE = "PIPEDRIVE_GRAPH_LOCK_WAIT"
DEFAULT_LOCK_WAIT = 60
"""Minutes that a process waits for a lock; a rebuild of a large installation may hold it that long."""

_LONGEST_LOCK_WAIT = 10_080  # minutes: a week


@contextmanager
def lock(path: Path, *, doing: str, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold a lock that the kernel releases when this process ends in any way.

    Args:
        path: the lock file; while the lock is held, the file contains the holder's process id. It is removed
            afterwards.
        doing: what the holder does, for the message of another process.
        on_wait: called once with a sentence that names the process that holds the lock; without it, a held
            lock is an error.

    Raises:
        BusyError: naming the other process, if `on_wait` is not given, or if the process holds the lock for
            longer than PIPEDRIVE_GRAPH_LOCK_WAIT allows.
        ConfigurationError: if that variable is not a number of minutes.
        LandingError: if the lock file cannot be created or written.
    """
    try:
        files.make_folder(path.parent)
        descriptor = _take(path, doing, on_wait)
    except OSError as error:
        raise files.cannot_write(path, error) from error
    try:
        try:
            os.ftruncate(descriptor, 0)  # removes the id of a process that was killed
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        except OSError as error:
            raise files.cannot_write(path, error) from error
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # while the lock is held, so that a waiting process notices and creates a new one
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a process holds a lock; writes nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def lock_wait(variables: Mapping[str, str] | None = None) -> float:
    """Return how many seconds a process waits for a lock that another process holds.

    Args:
        variables: the environment variables to read, by default those of this process.

    Raises:
        ConfigurationError: if the variable is not a number of minutes.
    """
    minutes = environment.minutes(
        LOCK_WAIT_VARIABLE, DEFAULT_LOCK_WAIT, least=0, most=_LONGEST_LOCK_WAIT, variables=variables
    )
    return minutes * 60


def _take(path: Path, doing: str, on_wait: Callable[[str], None] | None) -> int:
    """Create the lock file, or wait for the existing one; return its descriptor."""
    longest = lock_wait() if on_wait is not None else 0.0
    began, is_waiting = time.monotonic(), False
    while True:
        descriptor = _open_lock(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            since = datetime.fromtimestamp(os.fstat(descriptor).st_mtime, UTC)
            os.close(descriptor)
            sentence = f"Another process ({holder}) is {doing}"
            if on_wait is None:
                raise BusyError(f"{sentence}; wait until it has ended, then try again.") from error
            sentence += f" (since {since:%Y-%m-%d %H:%M:%S} UTC)"
            waited = time.monotonic() - began
            if waited >= longest:
                raise BusyError(
                    f"{sentence}, and still has not ended after {longest / 60:g} minutes of waiting: look at"
                    f" what process {holder} does and try again when it has ended, or set"
                    f" {LOCK_WAIT_VARIABLE} to more minutes."
                ) from error
            if not is_waiting:
                _log.debug("Waiting for the lock %s, which process %s holds", path, holder)
                on_wait(f"{sentence}; waiting for it, at most {longest / 60:g} minutes.")
                is_waiting = True
            time.sleep(0.1)
            continue
        if files.is_at(path, descriptor):
            if is_waiting:
                waited = time.monotonic() - began
                _log.debug("Got the lock %s after %.3f s", path, waited, extra={"seconds": round(waited, 3)})
            return descriptor
        os.close(descriptor)


def _open_lock(path: Path) -> int:
    """Open or create a lock file.

    Raises:
        LandingError: if another user put it there, or it is a link, which would choose the file to write.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, files.PRIVATE)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise LandingError(f"The lock {path} is a link; remove it and try again.") from error
        raise
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode) or state.st_uid not in {os.geteuid(), 0, path.parent.stat().st_uid}:
        os.close(descriptor)
        raise LandingError(f"The lock {path} {files.ownership(path)}; remove it and try again.")
    return descriptor
