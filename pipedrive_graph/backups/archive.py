"""Writes a backup in one pass over the files, under a temporary name."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ValidationError

from pipedrive_graph.backups.contents import MADE_AGAIN, TOKENS, Contents, Item
from pipedrive_graph.backups.records import HEAD, HOME, MANIFEST, Head, Manifest, Member
from pipedrive_graph.common import files
from pipedrive_graph.errors import ConfigurationError, LandingError

_OURS = {"landing", "journal", "alerts", TOKENS} | MADE_AGAIN
"""The folders and files of the home in which no backup may be writer."""

HEAD_BYTES = 2**22
"""The first member is always smaller than this."""


def check_target(target: Path, home: Path) -> None:
    """Refuse a target where a backup would be lost, or would replace another file.

    Raises:
        ConfigurationError: if it is in a folder of the program, is a folder, or is not a backup.
        LandingError: if it cannot be read.
    """
    path = files.real(target)
    inside = path.relative_to(home.resolve()) if path.is_relative_to(home.resolve()) else None
    if inside is not None and inside.parts and inside.parts[0] in _OURS:
        raise ConfigurationError(
            f"{target} is in a folder of the program; write the backup elsewhere, ideally to another disk."
        )
    if path.is_dir():
        raise ConfigurationError(
            f"{target} is a folder; name the file to write, such as {target}/backup.tar.gz."
        )
    if os.path.lexists(path) and not _is_backup(path):
        raise ConfigurationError(f"{target} already exists and is not a backup; name another file.")


def _is_backup(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with tarfile.open(path, "r:gz") as archive:
            read_head(archive)
    except PermissionError as error:
        raise files.cannot_read(path, error) from error
    except (OSError, EOFError, tarfile.TarError, LandingError, ValueError):
        return False
    return True


def read_head(archive: tarfile.TarFile) -> Head:
    """Read the first member of a backup.

    Raises:
        LandingError: if it is not the head of a backup; the message completes a sentence.
        OSError, tarfile.TarError: if the archive cannot be read.
    """
    member = archive.next()
    if member is None or member.name != HEAD or not member.isreg() or member.size > HEAD_BYTES:
        raise LandingError("is not a backup that `pipedrive-graph backup` wrote")
    content = archive.extractfile(member)
    try:
        return Head.model_validate(json.loads(content.read() if content else b""))
    except (ValueError, ValidationError, RecursionError) as error:
        raise LandingError("is not a backup that `pipedrive-graph backup` wrote") from error


def write(target: Path, head: Head, contents: Contents) -> Manifest:
    """Write a backup; an existing file is replaced when the new one is complete.

    A file that differs from its snapshot's manifest is included as it is, and listed as damaged.

    Raises:
        LandingError: if a file cannot be read, was removed or changed meanwhile, or the backup cannot be
            written; an existing file at the target stays.
    """
    with (
        files.atomically(target) as file,
        tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive,
    ):
        writer = _Writer(archive, int(head.at.timestamp()), damaged=[*contents.damaged])
        writer.add_record(HEAD, head)
        for item in contents.items:
            writer.add(item)
        manifest = Manifest(files=tuple(writer.members), damaged=tuple(writer.damaged))
        writer.add_record(MANIFEST, manifest)
    return manifest


@dataclass(slots=True)
class _Writer:
    """Writes an archive, and tracks its members."""

    archive: tarfile.TarFile
    at: int
    members: list[Member] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def add(self, item: Item) -> None:
        """Add a file."""
        if item.content is not None:
            self._put(item, io.BytesIO(item.content), len(item.content), self.at, 0o600)
            return
        try:
            with files.real(item.path).open("rb") as file:
                state = os.fstat(file.fileno())
                self._put(item, file, state.st_size, int(state.st_mtime), state.st_mode & 0o777)
        except FileNotFoundError as error:
            if not item.transient:
                raise _changed(item) from error
        if item.sha256 is not None and self.members[-1].sha256 != item.sha256:
            self._note_damage(item)

    def _put(self, item: Item, file: BinaryIO, size: int, modified: int, mode: int) -> None:
        info = tarfile.TarInfo(f"{HOME}{item.name}")
        info.size, info.mtime, info.mode = size, modified, files.PRIVATE
        source = _Hashing(file, item)
        self.archive.addfile(info, source)  # type: ignore[arg-type]  # only read() is used
        digest = source.sha256.hexdigest()
        self.members.append(Member(name=item.name, bytes=size, sha256=digest, mode=f"{mode:04o}"))

    def add_record(self, name: str, record: BaseModel) -> None:
        """Add a record about the backup."""
        content = record.model_dump_json(indent=1).encode()
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = len(content), self.at, files.PRIVATE
        self.archive.addfile(info, io.BytesIO(content))

    def _note_damage(self, item: Item) -> None:
        """Note a damaged file, unless its snapshot was changed while the backup was written."""
        if item.manifest:
            path, content = item.manifest
            try:
                same = path.read_bytes() == content
            except OSError:
                same = False
            if not same:
                raise _changed(item)
        self.damaged.append(f"{item.path} is not as it was written (its sha256 differs).")


class _Hashing:
    """Reads a file for the archive, and computes its digest."""

    def __init__(self, file: BinaryIO, item: Item) -> None:
        self.sha256 = hashlib.sha256()
        self._file, self._item = file, item

    def read(self, size: int) -> bytes:
        """Read exactly this many bytes."""
        try:
            content = self._file.read(size)
        except OSError as error:
            raise files.cannot_read(self._item.path, error) from error
        if len(content) < size:
            raise _changed(self._item)
        self.sha256.update(content)
        return content


def _changed(item: Item) -> LandingError:
    return LandingError(
        f"{item.path} was changed or removed while the backup was written; run the backup again."
    )
