"""Writes files atomically, and explains why a file cannot be read or written."""

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
"""The widest mode of a file with personal data that this project writes."""

PRIVATE_FOLDER = 0o700
"""The mode of a folder that this project creates, whatever the umask."""

_LINKS = 40
"""The longest chain of links to a file; Linux has the same limit."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_NOT_SPILLED = "failed to offload data block"
"""DuckDB's message if its temporary files would need more space than is free; it checks before it writes."""


def expanded(path: str | Path) -> Path:
    """Return a path as typed, with `~` or `~name` replaced by the home folder.

    Raises:
        ConfigurationError: if the user does not exist.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigurationError(
            f"The home folder of '{shown(Path(path).parts[0])}' in {shown(str(path))} is unknown; write the"
            " whole path."
        ) from None


def check_folder(folder: Path, *, setting: str) -> None:
    """Refuse a folder in which DuckDB cannot keep databases, or whose path no message could show.

    DuckDB treats a backslash as a separator, and ends the path of a database's log at a `?`.

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
    """Create a folder and its missing parents with access for their owner only, whatever the umask."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        with suppress(FileExistsError):  # another process created it first
            path.mkdir(PRIVATE_FOLDER)
    folder.mkdir(PRIVATE_FOLDER, exist_ok=True)  # raises if a file has this name


def real(path: Path) -> Path:
    """Return the real path of a file, following links.

    A link is followed by the rule that Linux has for shared folders: it must belong to the user of this
    process, or to the owner of its folder.

    Raises:
        LandingError: if another user made the link and could so choose which file is written.
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
    """Create a file with access for its owner only, and return its descriptor.

    A file of this name left by a crash is removed first. A link is never followed, and a file that another
    user creates in the meantime is an error: both could expose the content.
    """
    with suppress(FileNotFoundError):
        path.unlink()
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE)


def read_bounded(path: Path, most: int) -> bytes:
    """Return the content of a file from a user.

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
    """Make created, renamed and removed files of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_in_place(temporary: Path, path: Path) -> None:
    """Rename a finished temporary file atomically and durably; if `path` is a link, replace its target."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    placed = temporary.replace(real(path))
    sync_folder(placed.parent)


def write_atomically(
    path: Path, content: bytes, *, on_finished: Callable[[Path], None] | None = None
) -> None:
    """Write a whole file: afterwards it has either the old content or the new.

    Args:
        path: the file.
        content: its new content.
        on_finished: see `atomically`.

    Raises:
        LandingError: if it cannot be written, for lack of space or permissions.
    """
    with atomically(path, on_finished=on_finished) as file:
        file.write(content)


@contextmanager
def atomically(path: Path, *, on_finished: Callable[[Path], None] | None = None) -> Iterator[BinaryIO]:
    """Write a file in parts: after the block it has the new content; if the block fails, the old.

    Args:
        path: the file.
        on_finished: called with the complete temporary file before it is renamed.

    Raises:
        LandingError: if it cannot be written, for lack of space or permissions.
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
        raise  # the temporary file belongs to the other process
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def temporary_for(path: Path) -> Path:
    """Return where the new content of a file is written; remains of a crash are replaced by the next write.

    It is beside the file itself, even if `path` is a link, because only there it can be renamed.
    """
    file = real(path)
    return file.with_name(f".{file.name}.tmp")


def private(path: str, flags: int) -> int:
    """Opener for `open` that creates files with access for their owner only."""
    return os.open(path, flags, PRIVATE)


@contextmanager
def private_files() -> Iterator[None]:
    """Within the block, files created by libraries are accessible to their owner only."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn an OSError into a LandingError that explains why a file or folder cannot be read."""
    try:
        yield
    except OSError as error:
        raise cannot_read(path, error) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError into a LandingError that explains why a file or folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> LandingError:
    """Return the error for a file that cannot be written."""
    if error.errno in _FULL:
        return no_space(path)
    return LandingError(f"Cannot write {path}: {reason(path, error)}.")


def cannot_read(path: Path, error: OSError) -> LandingError:
    """Return the error for a file or folder that cannot be read."""
    return LandingError(f"Cannot read {path}: {reason(path, error)}.")


def reason(path: Path, error: OSError) -> str:
    """Return the system's message, and the owner of the file if access is denied."""
    text = error.strerror or str(error)
    if error.errno not in {errno.EACCES, errno.EPERM}:
        return text
    closed = next(existing for existing in (path, *path.parents) if os.path.lexists(existing))
    folder = path.parent
    if closed == path and may(path, os.R_OK | os.W_OK) and not may(folder, os.W_OK | os.X_OK):
        closed = folder
    return f"{text}; {closed} {ownership(closed)}"


def may(path: Path, how: int) -> bool:
    """Whether this process has the access `how` to a file; `how` has the values of `os.access`."""
    return os.access(path, how, effective_ids=True)


def ownership(path: Path) -> str:
    """Return the owner of a file and the user of this process as a clause of a sentence."""
    return f"belongs to {owner_of(path)}, and this process runs as {current_user()}"


def owner_of(path: Path) -> str:
    """Return the owner of a file, by name if there is one."""
    try:
        return _name(path.lstat().st_uid)
    except OSError:
        return "another user"


def current_user() -> str:
    """Return the user that this process runs as."""
    return _name(os.geteuid())


def _name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:  # a container may run as an id that has no name
        return str(user_id)


def no_space(path: Path) -> NoSpaceError:
    """Return the error for a full disk."""
    return NoSpaceError(f"No space is left to write {path}; free some and try again.")


def is_full(error: Exception) -> bool:
    """Whether a library's error means that the disk is full."""
    return any(words in str(error) for words in (_NOT_SPILLED, *map(os.strerror, _FULL)))


def _check_is_at(temporary: Path, descriptor: int, path: Path) -> None:
    """Raise BusyError if another process writes the same file and has replaced the temporary one."""
    if not is_at(temporary, descriptor):
        raise BusyError(f"Another process is writing {path}; wait until it has ended, then try again.")


def is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is still the file at this path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
