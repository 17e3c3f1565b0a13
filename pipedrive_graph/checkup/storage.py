"""Checks where everything is kept: whether this user may write there, and whether there is space."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipedrive_graph import files
from pipedrive_graph.checkup.check import Check, State, fault, warning
from pipedrive_graph.companies import Company
from pipedrive_graph.errors import LandingError
from pipedrive_graph.settings import HOME_VARIABLE, Settings

NAMED = 3
"""So many files are named; the others are counted."""

LEAST_FREE = 10_000_000
"""Bytes that a small company's run takes: its snapshot, the warehouse and the published file."""


def home(settings: Settings) -> Iterator[Check]:
    """Whether the home folder can be written to, or made."""
    existing = _existing(settings.home)
    if existing.is_dir() and _may(existing, os.W_OK | os.X_OK):
        yield Check("home", f"{settings.home} (writable)")
        return
    owner = f" {files.ownership(existing)}." if existing.is_dir() else ""
    advice = f"let this user write there, or set {HOME_VARIABLE} to another folder.{owner}"
    yield Check("home", f"{settings.home} (not writable): {advice}", State.FAULT, LandingError.exit_code)


def files_of(settings: Settings, companies: Sequence[Company]) -> Iterator[Check]:
    """Whether this user may read and write what earlier runs have left; nothing where there is nothing."""
    if not (settings.home.is_dir() and _may(settings.home, os.R_OK | os.W_OK | os.X_OK)):
        return
    kept = [settings.landing, settings.journal, settings.reports]
    for company in companies:
        kept += [settings.landing / company.name, settings.reports / company.name]
    found = list(_closed(settings.home, kept))
    journals = [settings.journal / f"{company.name}.ndjson" for company in companies]
    wal = settings.warehouse.with_name(f"{settings.warehouse.name}.wal")
    found += [
        file
        for file in (settings.warehouse, wal, *journals)
        if file.is_file() and not _may(file, os.R_OK | os.W_OK)
    ]
    if found:
        more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
        named = "; ".join(f"{path}: {files.ownership(path)}" for path in found[:NAMED])
        advice = f"run `chown -R {files.current_user()} {settings.home}` as root"
        yield fault("files", LandingError(f"Cannot read or write {named}{more}: {advice}."))
    for folder in (settings.home / "alerts", settings.home / "tokens"):
        if folder.is_dir() and not _may(folder, os.R_OK | os.W_OK | os.X_OK):
            yield warning("files", f"Cannot write in {folder}: {files.ownership(folder)}.")


def output(settings: Settings) -> Iterator[Check]:
    """Whether those who are to read the published file, reports and exports can, and nobody else."""
    for problem in settings.output.problems():
        yield warning("output", problem)


def space(settings: Settings) -> Iterator[Check]:
    """Whether there is space for one more snapshot, and for a second copy of the published file."""
    free = shutil.disk_usage(_existing(settings.home)).free
    needed = LEAST_FREE + (settings.published.stat().st_size if settings.published.is_file() else 0)
    if free < needed:
        yield fault("space", files.no_space(settings.home))


def _closed(home_folder: Path, folders: list[Path]) -> Iterator[Path]:
    """Folders, and the temporary files, locks and snapshots in them, that are closed to this user."""
    for folder in (home_folder, *folders):
        if not folder.is_dir():
            continue
        if not _may(folder, os.R_OK | os.W_OK | os.X_OK):
            yield folder
            continue
        for path in sorted(folder.iterdir()):
            is_snapshot = path.is_dir() and folder.parent.name == "landing"
            if path.is_file() and path.name.startswith("."):  # a lock, or what a crash has left
                if not _may(path, os.R_OK | os.W_OK):
                    yield path
            elif is_snapshot:
                yield from _closed_in(path)


def _closed_in(snapshot: Path) -> Iterator[Path]:
    """A snapshot, or the files of it, that this user may not read; one that is not finished, not write."""
    if not _may(snapshot, os.R_OK | os.X_OK):
        yield snapshot
        return
    finished = (snapshot / "manifest.json").exists()
    if not finished and not _may(snapshot, os.W_OK):
        yield snapshot
    yield from (path for path in sorted(snapshot.iterdir()) if not _may(path, os.R_OK))


def _existing(path: Path) -> Path:
    return next(one for one in (path, *path.parents) if one.exists())


def _may(path: Path, how: int) -> bool:
    return os.access(path, how, effective_ids=True)
