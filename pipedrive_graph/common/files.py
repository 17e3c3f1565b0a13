"""Writes files so that a crash leaves the old one or the new one, and says why one cannot be used."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pipedrive_graph.common.pasted import shown
from pipedrive_graph.common.text import CONTROLS, is_text
from pipedrive_graph.errors import BusyError, ConfigurationError, LandingError, NoSpaceError

_log = logging.getLogger(__name__)

PRIVATE = 0o600
"""The widest mode of a file that this project writes about people."""

PRIVATE_FOLDER = 0o700
"""The mode of a folder that this project makes, whatever the umask."""

_LINKS = 40
"""So many links may lead to a file; Linux follows no more either."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_NOT_SPILLED = "failed to offload data block"
"""What DuckDB says where its temporary files would take more than is free: it looks before it writes."""


def expanded(path: str | Path) -> Path:
    """A path as somebody has written it, with the home folder in place of `~` or `~name`.

    Raises:
        ConfigurationError: if there is no user of that name.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigurationError(
            f"There is no home folder for '{shown(Path(path).parts[0])}' in {shown(str(path))}; write the"
            " whole path."
        ) from None


def check_folder(folder: Path, *, setting: str) -> None:
    """Refuse a folder in which DuckDB cannot keep databases, or whose path no message could show.

    DuckDB takes a backslash for a separator, and puts the log of a database before a `?` in its path.

    Raises:
        ConfigurationError: naming the setting.
    """
    paths = {str(folder), str(folder.resolve())}
    if any(CONTROLS.search(path) for path in paths):
        problem = "holds a control character, such as a line break"
    elif any("?" in path or "\\" in path for path in paths):
        problem = "holds a '?' or a backslash, with which DuckDB cannot open a database"
    elif not all(is_text(path) for path in paths):
        problem = "is not UTF-8 text"
    else:
        return
    raise ConfigurationError(f"The path of the home folder {problem}: set {setting} to another folder.")


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing: their owner's alone, whatever the umask."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        with suppress(FileExistsError):  # another process was quicker
            path.mkdir(PRIVATE_FOLDER)
    folder.mkdir(PRIVATE_FOLDER, exist_ok=True)  # an error where something else has the name


def real(path: Path) -> Path:
    """Where a file lies, also where `path` is a link to it.

    A link is followed by the rule that Linux has for shared folders: it belongs to the user of this process,
    or to the owner of its folder.

    Raises:
        LandingError: if somebody else made the link, who would so choose which file is written.
    """
    link = path.absolute()
    for _ in range(_LINKS):
        if not link.is_symlink():
            break
        owner = link.lstat().st_uid
        if owner not in {os.geteuid(), link.parent.stat().st_uid}:
            raise LandingError(
                f"Cannot write {path}: it is a link that {ownership(link)}; remove it, or write elsewhere."
            )
        link = link.parent / link.readlink()
    return path.resolve()


def create(path: Path) -> int:
    """Make a new file that is its owner's alone, and return its descriptor.

    What a crash has left under that name is removed first. A link is never followed, and a file that somebody
    else makes there in the meantime is an error: both would give the content away.
    """
    with suppress(FileNotFoundError):
        path.unlink()
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE)


def read_bounded(path: Path, most: int) -> bytes:
    """Return the content of a file that a person made.

    Raises:
        OSError: if it cannot be read, or is larger than `most` bytes.
    """
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most // 2**20} MiB", str(path))
    return content


def digest(path: Path) -> str:
    """Return the sha256 of a file, which is not held in memory.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make what was created, renamed or removed in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_in_place(temporary: Path, path: Path) -> None:
    """Give a finished temporary file its name, atomically and durably; where that is a link, its target's."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    placed = temporary.replace(real(path))
    sync_folder(placed.parent)


def write_atomically(
    path: Path, content: bytes, *, on_finished: Callable[[Path], None] | None = None
) -> None:
    """Write a whole file: afterwards it has the old content or the new, never half.

    Args:
        path: the file.
        content: what it is to hold.
        on_finished: as `atomically` takes it.

    Raises:
        LandingError: if it cannot be written, for lack of space or of rights.
    """
    with atomically(path, on_finished=on_finished) as file:
        file.write(content)


@contextmanager
def atomically(path: Path, *, on_finished: Callable[[Path], None] | None = None) -> Iterator[BinaryIO]:
    """Write a file bit by bit: after the block it has the new content; if the block fails, the old.

    Args:
        path: the file.
        on_finished: called with the temporary file when it is complete, before it gets its name.

    Raises:
        LandingError: if it cannot be written, for lack of space or of rights.
    """
    temporary = temporary_for(path)
    try:
        make_folder(path.parent)
        with open(create(temporary), "wb") as file:
            yield file
            _check_is_at(temporary, file.fileno(), path)
        if on_finished is not None:
            on_finished(temporary)
        put_in_place(temporary, path)
    except BusyError:
        raise  # the temporary file is the other's
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def temporary_for(path: Path) -> Path:
    """Where the new content of a file is written; what a crash leaves there, the next writer replaces.

    It is beside the file itself, though `path` be a link to it: only there it can be renamed.
    """
    file = real(path)
    return file.with_name(f".{file.name}.tmp")


def private(path: str, flags: int) -> int:
    """An opener for `open`: the files that it makes are their owner's alone."""
    return os.open(path, flags, PRIVATE)


@contextmanager
def private_files() -> Iterator[None]:
    """Whatever files a library makes inside are their owner's alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise LandingError, saying why, where the system does not let a file or folder be read."""
    try:
        yield
    except OSError as error:
        raise cannot_read(path, error) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise LandingError, saying why, where the system does not let a file or folder be written."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> LandingError:
    """The sentence for a file that cannot be written."""
    if error.errno in _FULL:
        return no_space(path)
    return LandingError(f"Cannot write {path}: {reason(path, error)}.")


def cannot_read(path: Path, error: OSError) -> LandingError:
    """The sentence for a file or folder that cannot be read."""
    return LandingError(f"Cannot read {path}: {reason(path, error)}.")


def reason(path: Path, error: OSError) -> str:
    """What the system says; where it forbids something, also whom the file belongs to."""
    text = error.strerror or str(error)
    if error.errno not in {errno.EACCES, errno.EPERM}:
        return text
    closed = next(one for one in (path, *path.parents) if os.path.lexists(one))
    folder = path.parent
    if closed == path and may(path, os.R_OK | os.W_OK) and not may(folder, os.W_OK | os.X_OK):
        closed = folder
    return f"{text}; {closed} {ownership(closed)}"


def may(path: Path, how: int) -> bool:
    """Whether this process may use a file so; `how` is as `os.access` takes it."""
    return os.access(path, how, effective_ids=True)


def ownership(path: Path) -> str:
    """The owner of a file, and the user of this process, as a clause of a sentence."""
    return f"belongs to {owner_of(path)}, and this process runs as {current_user()}"


def owner_of(path: Path) -> str:
    """The owner of a file, by name where there is one."""
    try:
        return _name(path.lstat().st_uid)
    except OSError:
        return "another user"


def current_user() -> str:
    """The user that this process runs as."""
    return _name(os.geteuid())


def _name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:  # a container may run as an id that has no name
        return str(user_id)


def no_space(path: Path) -> NoSpaceError:
    """The sentence for a disk that is full."""
    return NoSpaceError(f"There is no space left to write {path}; free some and try again.")


def is_full(error: Exception) -> bool:
    """Whether what a library says is that the disk is full."""
    return any(words in str(error) for words in (_NOT_SPILLED, *map(os.strerror, _FULL)))


def _check_is_at(temporary: Path, descriptor: int, path: Path) -> None:
    """Raise BusyError where another process has begun to write the same file, and replaced the temporary."""
    if not is_at(temporary, descriptor):
        raise BusyError(f"Another process is writing {path}; wait until it has ended, then try again.")


def is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is still the one that lies there."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
