"""Where the landing and the journal are kept: what nobody can make again.

`FolderStorage` keeps it in the home folder. A store of objects is another implementation of `Storage`, which
`Settings.storage` then returns; nothing that reads or writes the landing or the journal changes. The
warehouse, the reports and the state of alerts are made on the machine that needs them, and are no part of it.

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

    All methods raise LandingError where something cannot be read or written, for lack of rights or of space.
    """

    def within(self, name: str) -> Storage:
        """What is kept below a name."""

    def path(self, name: str = "") -> Path:
        """How messages name a file, or the whole."""

    def exists(self) -> bool:
        """Whether anything is or was kept here."""

    def folders(self) -> list[str]:
        """The names below which something is kept, sorted; one part each."""

    def names(self, below: str = "") -> list[str]:
        """The names of the files that are kept directly here, or directly below a name; sorted."""

    def has(self, name: str) -> bool:
        """Whether a file of this name is kept."""

    def size(self, name: str) -> int:
        """The bytes of a file."""

    def digest(self, name: str) -> str:
        """The sha256 of a file."""

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: if there is none of this name.
        """

    def write(self, name: str, content: bytes) -> None:
        """Give a file this content, for good once this returns: a reader sees the old content or the new."""

    def writing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write a file bit by bit: after the block it has the new content; if the block fails, the old."""

    def extend(self, name: str, content: bytes, *, at: int) -> None:
        """Add to a file, for good once this returns.

        Args:
            name: the file; it is made if it is not there.
            content: what is added.
            at: how many bytes of the file stay. What follows them was torn off by a crash.
        """

    def rename(self, name: str, new: str) -> None:
        """Give a file another name, for good once this returns."""

    def copy(self, name: str, source: Storage) -> None:
        """Keep the file that another storage keeps under the same name; it never changes."""

    def local(self, name: str) -> Path:
        """A file of this machine with the content of a file, for a library that opens files itself."""

    def workspace(self, name: str = "") -> Path:
        """A folder of this machine for files that are still being written; it need not exist yet.

        Nobody else sees what lies there, until it is written under a name.
        """

    def lock(
        self, name: str, *, doing: str, wait: Callable[[str], None] | None = None
    ) -> AbstractContextManager[None]:
        """Keep everybody else out who asks for the same lock, on whatever machine.

        Args:
            name: which lock.
            doing: what its holder does, for the sentence that another process prints.
            wait: called once with a sentence about the holder; without it, a held lock is an error at once.

        Raises:
            BusyError: naming the holder.
        """


@dataclass(frozen=True, slots=True)
class FolderStorage:
    """Keeps files in a folder of this machine."""

    folder: Path

    def within(self, name: str) -> FolderStorage:
        """What is kept in a folder of the folder."""
        return FolderStorage(self.folder / name)

    def path(self, name: str = "") -> Path:
        """Where a file lies."""
        return self.folder / name

    def exists(self) -> bool:
        """Whether the folder is there."""
        return self.folder.exists()

    def folders(self) -> list[str]:
        """The names of its folders; none where it is not there."""
        with files.reading(self.folder):
            if not self.folder.is_dir():
                return []
            return sorted(path.name for path in self.folder.iterdir() if path.is_dir())

    def names(self, below: str = "") -> list[str]:
        """The names of its files; none where it is not there."""
        folder = self.folder / below
        with files.reading(folder):
            if not folder.is_dir():
                return []
            return sorted(path.name for path in folder.iterdir() if not path.is_dir())

    def has(self, name: str) -> bool:
        """Whether the file is there."""
        with files.reading(self.folder):
            return (self.folder / name).exists()

    def size(self, name: str) -> int:
        """Its bytes."""
        path = self.folder / name
        with files.reading(path):
            return path.stat().st_size

    def digest(self, name: str) -> str:
        """Its sha256; a large file is not held in memory."""
        path = self.folder / name
        with files.reading(path):
            return files.digest(path)

    def read(self, name: str) -> bytes:
        """Its content."""
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
        """Cut the file to what stays, and append."""
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
        """Give the file a second name in this folder; where the file system has no links, copy it."""
        path, original = self.folder / name, source.local(name)
        with files.writing(path):
            files.make_folder(path.parent)
            try:
                os.link(original, path)
            except PermissionError:
                shutil.copy2(original, path)

    def local(self, name: str) -> Path:
        """The file itself."""
        return self.folder / name

    def workspace(self, name: str = "") -> Path:
        """The folder in which the finished files will lie: what is written in it needs no copy."""
        return self.folder / name

    def lock(
        self, name: str, *, doing: str, wait: Callable[[str], None] | None = None
    ) -> AbstractContextManager[None]:
        """Hold a lock that the kernel frees when this process ends, however it ends."""
        return locks.lock(self.folder / name, doing=doing, wait=wait)
