"""The home's list of exports written: which single files an export or report may replace.

A folder carries its own marker, a single file cannot. So `exports.json` in the home folder keeps, for each
file that was exported, where it lies and the digest of what was written there. A file that has changed since
then is no longer ours: somebody may have worked on it.
"""

from __future__ import annotations

import json
from pathlib import Path

from pipedrive_graph.common import files, locks
from pipedrive_graph.config.output_access import EXPORTED
from pipedrive_graph.errors import ExportError
from pipedrive_graph.exports.registry import FORMATS

_KEPT = 2
"""Digests per file: the new one is listed before it is in place, and a crash may leave the earlier file."""


def digests_of(home: Path, path: Path) -> list[str]:
    """The digests of what was exported from this home to a path; none where nothing was.

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
        target: where it goes.
        finished: where it lies until then.

    Raises:
        BusyError: if another process writes the list at the same moment.
        LandingError: if the list cannot be written.
    """
    with locks.lock(home / f".{EXPORTED}.lock", doing="writing the list of exports", wait=lambda _: None):
        listed = _read(home)
        name = str(target.resolve())
        earlier = [*listed.get(name, ())]
        if target.is_file() and (before := files.digest(target)) in earlier:
            earlier = [before]
        listed[name] = [*earlier, files.digest(finished)][-_KEPT:]
        kept = {
            name: listed[name] for name in sorted(listed) if _may_exist(Path(name)) or name == str(target)
        }
        files.write_atomically(home / EXPORTED, f"{json.dumps(kept, indent=1)}\n".encode())


def _read(home: Path) -> dict[str, list[str]]:
    """Read the list; without one, take over what an earlier version has exported.

    Earlier versions kept no list. What lies where they exported single files to, in the home's own folder of
    exports, is theirs; of a file elsewhere, nobody knows who wrote it.
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
            f"{file} is damaged; remove it, and add --force where a file is then refused."
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
    """Whether a file exists, or lies on a volume that is not mounted now."""
    try:
        return path.is_file() or not path.parent.is_dir()
    except OSError:
        return True
