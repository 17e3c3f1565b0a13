"""Restores a backup into an empty home folder: everything is unpacked and checked before it is put in place.

The archive is unpacked to `.restore.tmp` in the home folder; if the restore is killed, the next one removes
it. When it is complete, the folder is renamed to `.restored`, and its content is moved up. While `.restored`
exists, no command uses the home folder; repeating the restore moves the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipedrive_graph._version import __version__
from pipedrive_graph.backups.archive import read_head
from pipedrive_graph.backups.records import FORMAT, HEAD, HOME, MANIFEST, Head, Manifest
from pipedrive_graph.common import files, trust
from pipedrive_graph.config.settings import RESTORED
from pipedrive_graph.errors import ConfigurationError, LandingError
from pipedrive_graph.warehouse import database

_UNPACKED = ".restore.tmp"

_IGNORED = {_UNPACKED, "cache", "lost+found"}
"""The names that an empty home folder may contain; `lost+found` belongs to the file system."""

_RATIO, _SLACK = 200, 2**26
"""An archive that unpacks to more than this multiple of its size, plus this many bytes, is refused."""

_MANIFEST_BYTES = 2**28
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Restored:
    """The records of the restored backup."""

    head: Head
    manifest: Manifest


def restore(file: Path, home: Path, *, on_wait: Callable[[str], None]) -> Restored:
    """Restore a backup into a home folder that is empty or missing.

    Raises:
        ConfigurationError: if the home folder is not empty, or a later version made the backup.
        LandingError: if the file cannot be read, is not a complete backup, or the home folder cannot be
            written; the home folder then stays empty.
    """
    trust.check(home)
    with _read_errors(file), tarfile.open(file, "r|gz") as archive:
        head = _checked_head(archive, file)
    unfinished = home / RESTORED
    if not os.path.lexists(unfinished):
        _check_empty(home)  # before anything is created
    with database.lock(home / "warehouse.duckdb", on_wait=on_wait):
        if os.path.lexists(unfinished):
            manifest = _unfinished(unfinished, head)
        else:
            _check_empty(home)
            manifest = _unpack(file, home)
            _check_empty(home)
            try:
                (home / _UNPACKED).rename(unfinished)
                files.sync_folder(home)
            except OSError as error:
                raise files.cannot_write(unfinished, error) from error
        _move(unfinished, home)
    return Restored(head, manifest)


def _checked_head(archive: tarfile.TarFile, file: Path) -> Head:
    try:
        head = read_head(archive)
    except LandingError as error:
        raise LandingError(f"{file} {error}.") from error
    if head.pipedrive_graph_backup > FORMAT or _numbers(head.version) > _numbers(__version__):
        raise ConfigurationError(
            f"{file} was made by version {head.version}, and this is {__version__}: install"
            " that version or a later one, then try again."
        )
    return head


def _numbers(version: str) -> list[int]:
    """The numbers of a version, for comparison, up to the first part that is not a number."""
    numbers = []
    for part in version.split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return numbers


def _check_empty(home: Path) -> None:
    """Refuse a home folder that is not empty.

    Raises:
        ConfigurationError: if it is not empty; names its content.
    """
    try:
        names = sorted(path.name for path in home.iterdir()) if home.is_dir() else []
    except OSError as error:
        raise files.cannot_read(home, error) from error
    content = [name for name in names if name not in _IGNORED and not name.endswith(".lock")]
    if content:
        more = f" and {len(content) - 3} more" if len(content) > 3 else ""
        raise ConfigurationError(
            f"{home} is not empty (it holds {', '.join(content[:3])}{more}): move it away, or set"
            " PIPEDRIVE_GRAPH_HOME to another folder, then restore again."
        )


def _unfinished(folder: Path, head: Head) -> Manifest:
    """The manifest of an interrupted restore whose files are not all moved; it must be the same backup."""
    try:
        earlier = Head.model_validate_json((folder / HEAD).read_bytes())
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise LandingError(f"Cannot read {folder}, which an earlier restore has left: {error}") from error
    if earlier != head:
        raise ConfigurationError(
            f"A restore of the backup of {earlier.at:%Y-%m-%d %H:%M} UTC was interrupted here: restore that"
            f" backup again, or remove {folder.parent}."
        )
    return manifest


def _unpack(file: Path, home: Path) -> Manifest:
    """Unpack a backup into a temporary folder, and compare it with its manifest."""
    folder = home / _UNPACKED
    try:
        if folder.exists():
            shutil.rmtree(folder)
        with _read_errors(file), tarfile.open(file, "r|gz") as archive:
            head = _checked_head(archive, file)
            files.write_atomically(folder / HEAD, head.model_dump_json(indent=1).encode())
            return _Unpacking(file, folder).unpack(archive)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


class _Unpacking:
    """Unpacks the members of one archive; refuses members that no backup contains."""

    def __init__(self, file: Path, folder: Path) -> None:
        self._file, self._folder = file, folder
        self._bytes_left = file.stat().st_size * _RATIO + _SLACK
        self._digests: dict[str, tuple[int, str]] = {}

    def unpack(self, archive: tarfile.TarFile) -> Manifest:
        manifest = None
        while (member := archive.next()) is not None:
            if manifest is not None:
                raise self._refused(f"holds {member.name!r} after its end")
            self._bytes_left -= member.size
            if not member.isreg() or member.size < 0 or self._bytes_left < 0:
                kind = "is too large once it is unpacked" if member.isreg() else "is not a file"
                raise self._refused(f"holds {member.name!r}, which {kind}")
            if member.name == MANIFEST and member.size <= _MANIFEST_BYTES:
                manifest = self._manifest(archive, member)
            else:
                self._write(archive, member)
        if manifest is None:
            raise self._refused("is cut off: its end is missing")
        self._compare(manifest)
        return manifest

    def _write(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = member.name.removeprefix(HOME)
        parts = name.split("/")
        if name == member.name or name in self._digests or any(part in {"", ".", ".."} for part in parts):
            raise self._refused(f"holds {member.name!r}, which is not the place of a file in a home folder")
        path = self._folder / HOME / name
        content = archive.extractfile(member)
        sha256, left = hashlib.sha256(), member.size
        try:
            files.make_folder(path.parent)
            with os.fdopen(files.create(path), "wb") as file:
                while left and content:
                    with _read_errors(self._file):
                        chunk = content.read(min(left, _CHUNK))
                    if not chunk:
                        raise self._refused("is cut off: its end is missing")
                    left -= len(chunk)
                    sha256.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise files.cannot_write(path, error) from error
        self._digests[name] = (member.size, sha256.hexdigest())

    def _manifest(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> Manifest:
        content = archive.extractfile(member)
        try:
            manifest = Manifest.model_validate(json.loads(content.read() if content else b""))
        except (ValueError, ValidationError, RecursionError) as error:
            raise self._refused(f"is damaged: {MANIFEST} cannot be read") from error
        files.write_atomically(self._folder / MANIFEST, manifest.model_dump_json(indent=1).encode())
        return manifest

    def _compare(self, manifest: Manifest) -> None:
        named = {file.name: (file.bytes, file.sha256) for file in manifest.files}
        for name in sorted(named.keys() | self._digests.keys()):
            if named.get(name) != self._digests.get(name):
                raise self._refused(f"is damaged: {name} is not as it was backed up")

    def _refused(self, problem: str) -> LandingError:
        return LandingError(f"{self._file} {problem}; nothing was restored from it.")


@contextmanager
def _read_errors(file: Path) -> Iterator[None]:
    """Convert errors while reading an archive into one clear sentence."""
    try:
        yield
    except (EOFError, zlib.error, tarfile.TarError) as error:
        raise LandingError(
            f"{file} is not a whole backup ({str(error) or 'it is empty'}); nothing was restored from it."
        ) from error
    except OSError as error:
        raise files.cannot_read(file, error) from error


def _move(unfinished: Path, home: Path) -> None:
    """Move the unpacked files into place; the landing is last, so no run collects before all is there."""
    source = unfinished / HOME
    try:
        entries = sorted(source.iterdir()) if source.is_dir() else []
        for path in sorted(entries, key=lambda path: path.name == "landing"):
            path.rename(home / path.name)
        files.sync_folder(home)
        shutil.rmtree(unfinished)
        files.sync_folder(home)
    except OSError as error:
        raise files.cannot_write(home, error) from error
