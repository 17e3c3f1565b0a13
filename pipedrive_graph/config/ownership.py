"""Checks the owners of the home folder and of its files, before a command writes there.

A file that root creates in the home of a service is closed to the service, so its next run would fail. So
root is refused there, or hands over the files that it created (`--as-root`). Any other user without access
is refused before a command reads anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pipedrive_graph.common import environment, files
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import ConfigurationError, LandingError

NAMED = 3
"""How many files a message names; it only counts the others."""

_MADE = ("landing", "warehouse.duckdb", "journal", "identity_graph.duckdb")
"""Created by every run: their owner runs the service, even if a mounted home folder has another owner."""

Seen = dict[Path, tuple[int, int]]
"""Files and folders of root, each with its inode and its time of modification."""


class RootError(ConfigurationError):
    """Root would create files in the home folder of another user."""


def foreign(home: Path) -> Path | None:
    """Return the file or folder that shows that a home belongs to another user than root, if any."""
    for path in (*(home / name for name in _MADE), home):
        with suppress(OSError):
            return path if path.stat().st_uid != 0 else None
    return None


def refuse_root(home: Path, advice: str = "or add --as-root: its files then belong to that user") -> None:
    """Refuse to write as root in the home folder of another user.

    Args:
        home: the home folder; it need not exist yet.
        advice: the alternative to running as the other user.

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
    """Return what root owns in the home folder and in Dagster's."""
    states: Seen = {}
    for path in _all(home):
        with suppress(FileNotFoundError):
            state = path.lstat()
            if state.st_uid == 0:
                states[path] = (state.st_ino, state.st_mtime_ns)
    return states


def hand_over(home: Path, before: Seen) -> None:
    """Give what root created or changed to the owner of the home folder, or of Dagster's.

    Args:
        home: the home folder.
        before: what root owned when the command started.
    """
    dagster = environment.value(environment.DAGSTER_HOME)
    for path, state in seen(home).items():
        is_dagsters = dagster and path.is_relative_to(dagster)
        owner = Path(dagster) if is_dagsters else foreign(home)
        if owner is not None and before.get(path) != state and path not in {home, Path(dagster)}:
            with suppress(FileNotFoundError):
                to = owner.stat()
                os.chown(path, to.st_uid, to.st_gid, follow_symlinks=False)


def check(home: Home, companies: Sequence[str]) -> None:
    """Refuse to continue if this user may not access a file or folder that a run needs.

    Raises:
        LandingError: naming the first ones, with their owner and the current user.
    """
    _refuse(home, [*closed(home, companies)])


def check_company(home: Home, company: str) -> None:
    """Refuse to continue if this user may not access a file of one company; `check` covers the rest.

    Raises:
        LandingError: naming the first ones, with their owner and the current user.
    """
    journal = home.journal / f"{company}.ndjson"
    paths = [*_closed([home.landing / company, home.reports / company])]
    if _is_closed(journal):
        paths.append(journal)
    _refuse(home, paths)


def _refuse(home: Home, paths: list[Path]) -> None:
    if paths:
        more = f"; and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
        named = "; ".join(f"{path}: {files.ownership(path)}" for path in paths[:NAMED])
        advice = f"run `chown -R {files.current_user()} {home.folder}` as root"
        raise LandingError(f"Cannot read or write {named}{more}: {advice}.")


def closed(home: Home, companies: Sequence[str]) -> Iterator[Path]:
    """Yield the files and folders of the home that a run reads or writes and this user may not."""
    if not home.folder.is_dir():
        return
    if not files.may(home.folder, os.R_OK | os.W_OK | os.X_OK):
        yield home.folder
        return
    folders = [home.landing, home.journal, home.reports]
    for company in companies:
        folders += [home.landing / company, home.reports / company]
    yield from _closed([home.folder, *folders])
    journals = [home.journal / f"{company}.ndjson" for company in companies]
    wal = home.warehouse.with_name(f"{home.warehouse.name}.wal")
    yield from filter(_is_closed, (home.warehouse, wal, *journals))


def _is_closed(file: Path) -> bool:
    return _is(file) and not files.may(file, os.R_OK | os.W_OK)


def _closed(folders: list[Path]) -> Iterator[Path]:
    """Yield the folders, and their temporary files, locks and snapshots, that this user may not access."""
    for folder in folders:
        if not _is(folder):
            continue
        if not files.may(folder, os.R_OK | os.W_OK | os.X_OK):
            yield folder
            continue
        for path in sorted(folder.iterdir()):
            is_snapshot = path.is_dir() and folder.parent.name == "landing"
            if path.is_file() and path.name.startswith("."):  # a lock, or remains of a crash
                if not files.may(path, os.R_OK | os.W_OK):
                    yield path
            elif is_snapshot:
                yield from _closed_in(path)


def _closed_in(snapshot: Path) -> Iterator[Path]:
    """Yield a snapshot, or its files, that this user may not read; an unfinished one must be writable."""
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
    """Whether a path exists and can be looked up."""
    try:
        return path.exists()
    except OSError:
        return False  # the folder above it is closed and is reported instead
