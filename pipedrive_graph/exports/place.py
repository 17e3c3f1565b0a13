"""Puts an export in its place: written under a temporary name, and never seen half.

Of a folder, every file is written before the folder takes the place of the earlier one. Only an earlier
export or report is replaced: any other file, and a folder with anything else in it, is left alone.
"""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import duckdb

from pipedrive_graph import denials, files, locks
from pipedrive_graph.errors import ExportError, LandingError
from pipedrive_graph.output_access import OutputAccess

CONTENTS = "export.json"
"""The file that says what an exported folder holds; by it an earlier export is known."""

_LITTER = (".DS_Store", "Thumbs.db", ".~lock.*#")
"""What file browsers and office programs leave in a folder."""

_MARKS = {
    b"<!doctype html>": b'<meta name="generator" content="pipedrive_graph">',
    b"<?xml ": b'<graph id="pipedrive_graph"',
    b'{"$schema":': b'"tool":{"driver":{"name":"pipedrive_graph"',
    b'{"activity_id":': b'"product":{"name":"pipedrive_graph"',
}
"""How a file of ours begins, and in what words it then says that it is ours."""

_CREATOR = b"<dc:creator>pipedrive-graph</dc:creator>"
"""The words of a workbook, among its properties."""

_BEGINNING = 1 << 16
"""So many bytes of a file are read to know it: in GraphML, all attributes stand before the graph."""


@contextmanager
def placed(target: Path, access: OutputAccess | None = None, *, folder: bool) -> Iterator[Path]:
    """Write an export: the block writes to the path it is given, which then takes the place of `target`.

    Args:
        target: where the export goes.
        access: who may read it; None for its owner alone.
        folder: whether it is a folder of files; it is there, and empty, when the block begins.

    Raises:
        ExportError: if the place cannot be written, or holds something that is no earlier export.
        BusyError: if another process is writing there.
    """
    check(target, folder=folder)
    try:
        target = files.real(target)  # a folder that is linked to is exchanged where it is
    except LandingError as error:
        raise ExportError(str(error)) from error
    temporary = files.temporary_for(target)
    with _told(target, temporary), files.private_files():
        files.make_folder(target.parent)
        with locks.lock(target.with_name(f".{target.name}.lock"), doing=f"exporting to {target}"):
            _remove(temporary)
            try:
                if folder:
                    temporary.mkdir(files.PRIVATE_FOLDER)
                else:
                    os.close(files.create(temporary))  # the format opens a file that is ours
                yield temporary
                if access is not None:
                    access.prepare(temporary, target)
                _swap(temporary, target) if folder else files.put_in_place(temporary, target)
            finally:
                _remove(temporary)


def write_contents(folder: Path, contents: dict[str, Any]) -> None:
    """Write down what an exported folder holds."""
    text = json.dumps(contents, ensure_ascii=False, indent=2)
    (folder / CONTENTS).write_text(f"{text}\n", encoding="utf-8")


def check(target: Path, *, folder: bool = False) -> None:
    """Refuse a place that holds something else than an earlier export or report.

    Raises:
        ExportError: if it does.
    """
    if not target.exists():
        return
    if not folder:
        if target.is_dir():
            raise ExportError(f"{target} is a folder; name the file to write with --out.")
        if not _is_ours(target):
            raise ExportError(
                f"{target} is there already, and is no earlier export or report; "
                "name another file with --out."
            )
        return
    if not target.is_dir():
        raise ExportError(
            f"{target} is a file, and this format is a folder of files; name another with --out."
        )
    known = _known(target)
    strange = sorted(
        name
        for path in target.rglob("*")
        if not path.is_dir()
        and (name := path.relative_to(target).as_posix()) not in known
        and not any(fnmatch.fnmatch(path.name, pattern) for pattern in _LITTER)
    )
    if strange:
        raise ExportError(
            f"{target} holds {strange[0]}, which is of no earlier export; name another folder with --out."
        )


def _is_ours(target: Path) -> bool:
    """Whether a file says of itself that it is an export or a report; one without findings may be empty."""
    if not target.is_file():
        return False  # a pipe or a device: reading it could wait for ever
    try:
        with target.open("rb") as file:
            beginning = file.read(_BEGINNING)
        if beginning.startswith(b"PK"):
            with ZipFile(target) as archive:
                return _CREATOR in archive.read("docProps/core.xml")
    except (OSError, EOFError, KeyError, RuntimeError, BadZipFile, zlib.error) as error:
        if forbidden := denials.forbidden(target, error):  # it may well be an earlier export
            raise ExportError(str(forbidden)) from error
        return False
    return not beginning or any(
        beginning.startswith(start) and mark in beginning for start, mark in _MARKS.items()
    )


def _known(target: Path) -> set[str]:
    try:
        contents = json.loads((target / CONTENTS).read_text(encoding="utf-8"))
        return {CONTENTS, *contents["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _swap(temporary: Path, target: Path) -> None:
    """Let a finished folder take the place of the earlier one."""
    for path in temporary.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            files.sync_folder(path)
    files.sync_folder(temporary)
    earlier = target.with_name(f".{target.name}.old")
    _remove(earlier)
    if target.exists():
        target.rename(earlier)
    try:
        temporary.rename(target)
    except OSError:
        if earlier.exists():
            earlier.rename(target)
        raise
    files.sync_folder(target.parent)
    _remove(earlier)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _told(target: Path, temporary: Path) -> Iterator[None]:
    """Turn what the system or DuckDB says about writing into one sentence; of reading, others speak."""
    try:
        yield
    except OSError as error:
        raise ExportError(str(files.cannot_write(target, error))) from error
    except LandingError as error:  # of the lock's file
        raise ExportError(str(error)) from error
    except duckdb.IOException as error:
        if files.is_full(error):
            raise ExportError(str(files.no_space(target))) from error
        if str(temporary) not in str(error):
            raise
        raise ExportError(f"Cannot write {target}: {str(error).splitlines()[0]}") from error
