"""Puts an export in place atomically: it is written under a temporary name first.

A folder replaces the earlier one after all its files are written. Only an earlier export or report is
replaced: a folder that holds our marker and no other files, or a single file on the home's list of exports.
Anything else is refused, unless `--force` is given.
"""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from pipedrive_graph.common import denials, files, locks
from pipedrive_graph.config import output_access
from pipedrive_graph.config.output_access import OutputAccess
from pipedrive_graph.errors import ExportError, LandingError
from pipedrive_graph.exports import written

CONTENTS = "export.json"
"""The file that describes an exported folder; it marks an earlier export."""

_LITTER = (".DS_Store", "Thumbs.db", ".~lock.*#")
"""Files that file browsers and office programs leave in a folder."""


@contextmanager
def placed(target: Path, access: OutputAccess, *, folder: bool, force: bool = False) -> Iterator[Path]:
    """Write an export: the block writes to the yielded path, which then replaces `target`.

    Args:
        target: the path of the export.
        access: who may read it; it also has the home folder.
        folder: whether the export is a folder; if so, an empty folder is yielded.
        force: whether to replace existing files even if they are not an earlier export.

    Raises:
        ExportError: if the target cannot be written, or is not an earlier export.
        BusyError: if another process is exporting to it.
    """
    check(target, access.home, folder=folder, force=force)
    try:
        target = files.real(target)  # a symbolic link stays; the folder behind it is replaced
    except LandingError as error:
        raise ExportError(str(error)) from error
    temporary = files.temporary_for(target)
    with _write_errors(target, temporary), files.private_files():
        files.make_folder(target.parent)
        with locks.lock(target.with_name(f".{target.name}.lock"), doing=f"exporting to {target}"):
            _remove(temporary)
            try:
                if folder:
                    temporary.mkdir(files.PRIVATE_FOLDER)
                else:
                    os.close(files.create(temporary))  # created with our mode before the format opens it
                yield temporary
                access.prepare(temporary, target)
                if folder:
                    _swap(temporary, target)
                else:
                    written.add(access.home, target, temporary)
                    files.put_in_place(temporary, target)
            finally:
                _remove(temporary)


def write_contents(folder: Path, contents: dict[str, Any]) -> None:
    """Write the description of an exported folder."""
    text = json.dumps(contents, ensure_ascii=False, indent=2)
    (folder / CONTENTS).write_text(f"{text}\n", encoding="utf-8")


def check(target: Path, home: Path, *, folder: bool = False, force: bool = False) -> None:
    """Refuse a target that exists and is not an earlier export or report.

    Args:
        target: the target.
        home: the home folder, which has the list of exported files.
        folder: whether the export is a folder.
        force: whether anything may be replaced, except for files that the program needs.

    Raises:
        ExportError: if the target may not be replaced.
    """
    if not target.exists():
        return
    if not folder and target.is_dir():
        raise ExportError(f"{target} is a folder; name the file to write with --out.")
    if folder and not target.is_dir():
        raise ExportError(
            f"{target} is a file, but this format writes a folder; name another path with --out."
        )
    problem = _problem_of_folder(target) if folder else _problem_of_file(target, home)
    if problem is None:
        return
    kind = "folder" if folder else "file"
    if not force:
        raise ExportError(
            f"{target} {problem}; name another {kind} with --out, or add --force to replace this one."
        )
    if not folder and not target.is_file():
        raise ExportError(f"{target} is not a regular file; name another file with --out.")
    if _is_needed(target.resolve(), home.resolve()):
        raise ExportError(
            f"{target} is not replaced, even with --force: it belongs to the home folder or holds a folder in"
            f" use; name another {kind} with --out."
        )


def _problem_of_file(target: Path, home: Path) -> str | None:
    """Why a file may not be replaced; None if it is an earlier export or empty."""
    is_file = target.is_file()  # anything else, such as a pipe, is not opened: that could block for ever
    try:
        if is_file and target.stat().st_size == 0:
            return None
        if is_file:
            target.open("rb").close()  # if it is not readable, the error names its owner
            if digests := written.digests_of(home, target):
                return None if files.digest(target) in digests else "has changed since it was exported"
    except OSError as error:
        if forbidden := denials.forbidden(target, error):  # it may be an earlier export
            raise ExportError(str(forbidden)) from error
        raise ExportError(str(files.cannot_read(target, error))) from error
    return "already exists, and is not an earlier export or report of this home"


def _problem_of_folder(target: Path) -> str | None:
    """Why a folder may not be replaced; None if it is an earlier export or empty."""
    known = _known(target)
    strange = sorted(
        name
        for path in target.rglob("*")
        if not path.is_dir()
        and (name := path.relative_to(target).as_posix()) not in known
        and not any(fnmatch.fnmatch(path.name, pattern) for pattern in _LITTER)
    )
    return f"holds {strange[0]}, which does not belong to an earlier export" if strange else None


def _is_needed(target: Path, home: Path) -> bool:
    """Whether a path contains data of the home, or a folder that is in use."""
    if target.is_relative_to(home):
        outputs = [home / name for name in output_access.FOLDERS]
        return target in outputs or not any(target.is_relative_to(output) for output in outputs)
    return any(folder.is_relative_to(target) for folder in (home, Path.cwd(), Path.home()))


def _known(target: Path) -> set[str]:
    try:
        contents = json.loads((target / CONTENTS).read_text(encoding="utf-8"))
        return {CONTENTS, *contents["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _swap(temporary: Path, target: Path) -> None:
    """Replace the earlier folder with the finished one."""
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
def _write_errors(target: Path, temporary: Path) -> Iterator[None]:
    """Convert write errors of the system or DuckDB into one sentence; read errors pass through."""
    try:
        yield
    except OSError as error:
        raise ExportError(str(files.cannot_write(target, error))) from error
    except LandingError as error:  # about the lock's file
        raise ExportError(str(error)) from error
    except duckdb.IOException as error:
        if files.is_full(error):
            raise ExportError(str(files.no_space(target))) from error
        if str(temporary) not in str(error):
            raise
        raise ExportError(f"Cannot write {target}: {str(error).splitlines()[0]}") from error
