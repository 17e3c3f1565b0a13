"""Storage of the landing and the journal, the data that cannot be recreated.

`FolderStorage` keeps it in the home folder. An object store would be another implementation of `Storage`,
returned by `Home.storage`; nothing that reads or writes the landing or the journal would change. The
warehouse, the reports and the state of alerts are local to a machine and are not part of it.

A name is relative to its storage, with `/` between its parts, such as `20261130T020000-000000/known.json`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from pipedrive_graph.common import files, locks


class Storage(Protocol):
    """Files by name.

    All methods raise LandingError if a file cannot be read or written for lack of permissions or space.
    """

    def within(self, name: str) -> Storage:
        """Return the storage below a name."""

    def path(self, name: str = "") -> Path:
        """Return the location of a file, or of the whole storage, for messages."""

    def exists(self) -> bool:
        """Whether the storage has ever been written to."""

    def folders(self) -> list[str]:
        """Return the names that contain further names, sorted; one part each."""

    def names(self, below: str = "") -> list[str]:
        """Return the names of the files directly in the storage, or directly below a name; sorted."""

    def has(self, name: str) -> bool:
        """Whether a file exists."""

    def size(self, name: str) -> int:
        """Return the size of a file in bytes."""

    def digest(self, name: str) -> str:
        """Return the sha256 of a file."""

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            FileNotFoundError: if it does not exist.
        """

    def write(self, name: str, content: bytes) -> None:
        """Replace the content of a file atomically and durably."""

    def writing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write a file in parts: after the block it has the new content; if the block fails, the old."""

    def extend(self, name: str, content: bytes, *, at: int) -> None:
        """Append to a file durably.

        Args:
            name: the file; it is created if it does not exist.
            content: the bytes to append.
            at: how many bytes of the file stay; the bytes after them are the incomplete end left by a crash.
        """

    def rename(self, name: str, new: str) -> None:
        """Rename a file durably."""

    def copy(self, name: str, source: Storage) -> None:
        """Copy an immutable file of another storage, under the same name."""

    def local(self, name: str) -> Path:
        """Return a local file with the content of a file, for a library that opens files itself."""

    def workspace(self, name: str = "") -> Path:
        """Return a local folder for files in progress; it need not exist yet.

        Its files are not part of the storage until they are written under a name.
        """

    def lock(
        self, name: str, *, doing: str, on_wait: Callable[[str], None] | None = None
    ) -> AbstractContextManager[None]:
        """Hold a lock that excludes all other processes on all machines.

        Args:
            name: the name of the lock.
            doing: what the holder does, for the message of another process.
            on_wait: called once with a sentence about the holder; without it, a held lock is an error.

        Raises:
            BusyError: naming the holder.
        """


@dataclass(frozen=True, slots=True)
class FolderStorage:
    """Keeps files in a folder of this machine."""

    folder: Path

    def within(self, name: str) -> FolderStorage:
        """Return the storage of a subfolder."""
        return FolderStorage(self.folder / name)

    def path(self, name: str = "") -> Path:
        """Return the path of a file."""
        return self.folder / name

    def exists(self) -> bool:
        """Whether the folder exists."""
        return self.folder.exists()

    def folders(self) -> list[str]:
        """Return the names of its subfolders; none if it does not exist."""
        with files.reading(self.folder):
            if not self.folder.is_dir():
                return []
            return sorted(path.name for path in self.folder.iterdir() if path.is_dir())

    def names(self, below: str = "") -> list[str]:
        """Return the names of its files; none if it does not exist."""
        folder = self.folder / below
        with files.reading(folder):
            if not folder.is_dir():
                return []
            return sorted(path.name for path in folder.iterdir() if not path.is_dir())

    def has(self, name: str) -> bool:
        """Whether the file exists."""
        with files.reading(self.folder):
            return (self.folder / name).exists()

    def size(self, name: str) -> int:
        """Return the size of the file in bytes."""
        path = self.folder / name
        with files.reading(path):
            return path.stat().st_size

    def digest(self, name: str) -> str:
        """Return the sha256 of the file without reading all of it into memory."""
        path = self.folder / name
        with files.reading(path):
            return files.digest(path)

    def read(self, name: str) -> bytes:
        """Return the content of the file."""
        path = self.folder / name
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise files.cannot_read(path, error) from error

    def write(self, name: str, content: bytes) -> None:
        """Write a temporary file and rename it."""
        files.write_atomically(self.folder / name, content)

    def writing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write a temporary file, and rename it at the end."""
        return files.atomically(self.folder / name)

    def extend(self, name: str, content: bytes, *, at: int) -> None:
        """Truncate the file to the bytes that stay, and append."""
        path = self.folder / name
        with files.writing(path):
            files.make_folder(path.parent)
            with open(path, "ab", opener=files.private) as file:
                file.truncate(at)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            files.sync_folder(path.parent)

    def rename(self, name: str, new: str) -> None:
        """Rename the file."""
        path = self.folder / new
        with files.writing(path):
            (self.folder / name).rename(path)
            files.sync_folder(path.parent)

    def copy(self, name: str, source: Storage) -> None:
        """Link the file into this folder; copy it if the file system has no hard links."""
        path, original = self.folder / name, source.local(name)
        with files.writing(path):
            files.make_folder(path.parent)
            try:
                os.link(original, path)
            except PermissionError:
                shutil.copy2(original, path)

    def local(self, name: str) -> Path:
        """Return the path of the file itself."""
        return self.folder / name

    def workspace(self, name: str = "") -> Path:
        """Return the folder of the finished files, so that files in progress need not be copied."""
        return self.folder / name

    def lock(
        self, name: str, *, doing: str, on_wait: Callable[[str], None] | None = None
    ) -> AbstractContextManager[None]:
        """Hold a lock that the kernel releases when this process ends in any way."""
        return locks.lock(self.folder / name, doing=doing, on_wait=on_wait)
