"""The home's list of exported files, which decides which single files an export or report may replace.

An exported folder contains a marker, but a single file cannot. So `exports.json` in the home folder keeps the
path and the digest of each exported file. A file that has changed since is not replaced: somebody may have
edited it.
"""

from __future__ import annotations

import json
from pathlib import Path

from pipedrive_graph.common import files, locks
from pipedrive_graph.config.output_access import EXPORTED
from pipedrive_graph.errors import ExportError
from pipedrive_graph.exports.registry import FORMATS

_KEPT = 2
"""Digests per file: the new one is listed before it is in place, so a crash may leave the old file."""


def digests_of(home: Path, path: Path) -> list[str]:
    """Return the digests of the exports that this home wrote to a path; empty if it wrote none.

    Raises:
        ExportError: if the list is damaged.
    """
    return _read(home).get(str(path.resolve()), [])


def elsewhere(home: Path) -> list[Path]:
    """The exported files that still exist outside the home's own folder of exports.

    Raises:
        ExportError: if the list is damaged.
    """
    own = (home / "exports").resolve()
    paths = [Path(name) for name in _read(home)]
    return [path for path in paths if not path.is_relative_to(own) and _exists(path)]


def add(home: Path, target: Path, finished: Path) -> None:
    """List a file that is finished and about to be put in place.

    Args:
        home: the home folder.
        target: its final path.
        finished: its temporary path.

    Raises:
        BusyError: if another process writes the list at the same moment.
        LandingError: if the list cannot be written.
    """
    with locks.lock(home / f".{EXPORTED}.lock", doing="writing the list of exports", on_wait=lambda _: None):
        listed = _read(home)
        name = str(target.resolve())
        earlier = [*listed.get(name, ())]
        if target.is_file() and (before := files.digest(target)) in earlier:
            earlier = [before]
        listed[name] = [*earlier, files.digest(finished)][-_KEPT:]
        entries = {
            name: listed[name] for name in sorted(listed) if _may_exist(Path(name)) or name == str(target)
        }
        files.write_atomically(home / EXPORTED, f"{json.dumps(entries, indent=1)}\n".encode())


def _read(home: Path) -> dict[str, list[str]]:
    """Read the list; if there is none, list the exports of earlier versions.

    Earlier versions kept no list. Files at the places of their single-file exports in the home's own folder
    are assumed to be theirs; files elsewhere are not.
    """
    file = home / EXPORTED
    try:
        return {name: [*map(_text, digests)] for name, digests in json.loads(file.read_bytes()).items()}
    except FileNotFoundError:
        own = [home / "exports" / name / form.file for name, form in FORMATS.items() if form.file]
        return {str(path.resolve()): [files.digest(path)] for path in own if _exists(path)}
    except OSError as error:
        raise ExportError(str(files.cannot_read(file, error))) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ExportError(
            f"{file} is damaged; remove it, and use --force if an export then refuses a file."
        ) from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _may_exist(path: Path) -> bool:
    """Whether a file exists, or may be on a volume that is not mounted."""
    try:
        return path.is_file() or not path.parent.is_dir()
    except OSError:
        return True
