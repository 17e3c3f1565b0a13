"""Checks who owns the home folder and the files in it, before a command writes there.

A file that root makes in the home of a service is closed to the service: its next run would fail. So root is
refused there, or hands over what it has made (`--as-root`). Any other user is refused before anything is read
from Pipedrive, if a file that is needed is closed to them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pipedrive_graph.common import environment, files
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ConfigurationError, LandingError

NAMED = 3
"""So many files are named; the others are counted."""

_MADE = ("landing", "warehouse.duckdb", "journal", "identity_graph.duckdb")
"""What every run makes: who owns it runs the service, whoever owns the folder, as of a mounted volume."""

Seen = dict[Path, tuple[int, int]]
"""Files and folders of root, each with its inode and its time of change."""


class RootError(ConfigurationError):
    """Root would make files in the home folder of another user."""


def foreign(home: Path) -> Path | None:
    """The file or folder that shows that a home belongs to another user than root; None where none does."""
    for path in (*(home / name for name in _MADE), home):
        with suppress(OSError):
            return path if path.stat().st_uid != 0 else None
    return None


def refuse_root(
    home: Path, advice: str = "or add --as-root: what it makes then belongs to that user"
) -> None:
    """Refuse to write as root in the home folder of another user.

    Args:
        home: the home folder; one that is not there yet is fine.
        advice: what else can be done.

    Raises:
        RootError: naming the owner.
    """
    path = foreign(home) if os.geteuid() == 0 else None
    if path is not None:
        owner = files.owner_of(path)
        raise RootError(
            f"{path} {files.ownership(path)}: files of root there would stop the runs of {owner}. Run this as"
            f" {owner} (`sudo -u {owner} …`), {advice}."
        )


def seen(home: Path) -> Seen:
    """What root owns in the home folder, and in Dagster's."""
    found: Seen = {}
    for path in _all(home):
        with suppress(FileNotFoundError):
            state = path.lstat()
            if state.st_uid == 0:
                found[path] = (state.st_ino, state.st_mtime_ns)
    return found


def hand_over(home: Path, before: Seen) -> None:
    """Give what root has made or changed to the owner of the home folder, or of Dagster's.

    Args:
        home: the home folder.
        before: what root owned when the command began.
    """
    dagster = environment.value(environment.DAGSTER_HOME)
    for path, state in seen(home).items():
        is_dagsters = dagster and path.is_relative_to(dagster)
        owner = Path(dagster) if is_dagsters else foreign(home)
        if owner is not None and before.get(path) != state and path not in {home, Path(dagster)}:
            with suppress(FileNotFoundError):
                to = owner.stat()
                os.chown(path, to.st_uid, to.st_gid, follow_symlinks=False)


def check(settings: Settings, companies: Sequence[str]) -> None:
    """Refuse to go on where a file or folder that a run needs is closed to this user.

    Raises:
        LandingError: naming the first ones, with their owner and the current user.
    """
    _refuse(settings, [*closed(settings, companies)])


def check_company(settings: Settings, company: str) -> None:
    """Refuse to go on where what is one company's alone is closed to this user; see `check` for the rest.

    Raises:
        LandingError: naming the first ones, with their owner and the current user.
    """
    journal = settings.journal / f"{company}.ndjson"
    found = [*_closed([settings.landing / company, settings.reports / company])]
    if _is_closed(journal):
        found.append(journal)
    _refuse(settings, found)


def _refuse(settings: Settings, found: list[Path]) -> None:
    if found:
        more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
        named = "; ".join(f"{path}: {files.ownership(path)}" for path in found[:NAMED])
        advice = f"run `chown -R {files.current_user()} {settings.home}` as root"
        raise LandingError(f"Cannot read or write {named}{more}: {advice}.")


def closed(settings: Settings, companies: Sequence[str]) -> Iterator[Path]:
    """Files and folders of the home that a run reads or writes, and this user may not."""
    home = settings.home
    if not home.is_dir():
        return
    if not files.may(home, os.R_OK | os.W_OK | os.X_OK):
        yield home
        return
    kept = [settings.landing, settings.journal, settings.reports]
    for company in companies:
        kept += [settings.landing / company, settings.reports / company]
    yield from _closed([home, *kept])
    journals = [settings.journal / f"{company}.ndjson" for company in companies]
    wal = settings.warehouse.with_name(f"{settings.warehouse.name}.wal")
    yield from filter(_is_closed, (settings.warehouse, wal, *journals))


def _is_closed(file: Path) -> bool:
    return _is(file) and not files.may(file, os.R_OK | os.W_OK)


def _closed(folders: list[Path]) -> Iterator[Path]:
    """Folders, and the temporary files, locks and snapshots in them, that are closed to this user."""
    for folder in folders:
        if not _is(folder):
            continue
        if not files.may(folder, os.R_OK | os.W_OK | os.X_OK):
            yield folder
            continue
        for path in sorted(folder.iterdir()):
            is_snapshot = path.is_dir() and folder.parent.name == "landing"
            if path.is_file() and path.name.startswith("."):  # a lock, or what a crash has left
                if not files.may(path, os.R_OK | os.W_OK):
                    yield path
            elif is_snapshot:
                yield from _closed_in(path)


def _closed_in(snapshot: Path) -> Iterator[Path]:
    """A snapshot, or the files of it, that this user may not read; one that is not finished, not write."""
    if not files.may(snapshot, os.R_OK | os.X_OK):
        yield snapshot
        return
    finished = (snapshot / "manifest.json").exists()
    if not finished and not files.may(snapshot, os.W_OK):
        yield snapshot
    yield from (path for path in sorted(snapshot.iterdir()) if not files.may(path, os.R_OK))


def _all(home: Path) -> Iterator[Path]:
    dagster = environment.value(environment.DAGSTER_HOME)
    for folder in filter(None, (home, Path(dagster) if dagster else None)):
        if folder.is_dir():
            yield from folder.rglob("*")


def _is(path: Path) -> bool:
    """Whether something is there, or this user may not even look."""
    try:
        return path.exists()
    except OSError:
        return False  # the folder above it is closed, and is named
