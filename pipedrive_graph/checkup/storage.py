"""Checks the home folder: whether this user can write there, and whether the disk has space."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipedrive_graph.checkup.check import Check, State, checked, fault, warning
from pipedrive_graph.common import files
from pipedrive_graph.config import ownership
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import HOME_VARIABLE, Settings
from pipedrive_graph.errors import LandingError
from pipedrive_graph.exports import written

LEAST_FREE = 10_000_000
"""The bytes that a run of a small company needs for its snapshot, the warehouse and the published file."""


def home(settings: Settings) -> Iterator[Check]:
    """Whether the home folder is writable, or can be created."""
    existing = _existing(settings.home)
    if existing.is_dir() and files.may(existing, os.W_OK | os.X_OK):
        yield Check("home", f"{settings.home} (writable)")
        return
    owner = f" {files.ownership(existing)}." if existing.is_dir() else ""
    advice = f"let this user write there, or set {HOME_VARIABLE} to another folder.{owner}"
    yield Check("home", f"{settings.home} (not writable): {advice}", State.FAULT, LandingError.exit_code)


def files_of(settings: Settings, companies: Sequence[Company]) -> Iterator[Check]:
    """Whether this user can read and write the files of earlier runs, if there are any."""
    if not (settings.home.is_dir() and files.may(settings.home, os.R_OK | os.W_OK | os.X_OK)):
        return
    yield from checked("files", lambda: _needed(settings, companies))
    for folder in (settings.home / "alerts", settings.home / "tokens"):
        if folder.is_dir() and not files.may(folder, os.R_OK | os.W_OK | os.X_OK):
            yield warning("files", f"Cannot write in {folder}: {files.ownership(folder)}.")


def output(settings: Settings) -> Iterator[Check]:
    """Whether exactly the intended users can read the published file, reports and exports."""
    for problem in settings.output.problems():
        yield warning("output", problem)


def exports(settings: Settings) -> Iterator[Check]:
    """Whether the list of exported files can be read, if there is one.

    Raises:
        ExportError: if it cannot be read.
    """
    written.elsewhere(settings.home)
    yield from ()


def space(settings: Settings) -> Iterator[Check]:
    """Whether the disk has space for one more snapshot and a second copy of the published file."""
    free = shutil.disk_usage(_existing(settings.home)).free
    needed = LEAST_FREE + (settings.published.stat().st_size if settings.published.is_file() else 0)
    if free < needed:
        yield fault("space", files.no_space(settings.home))


def _needed(settings: Settings, companies: Sequence[Company]) -> Iterator[Check]:
    ownership.check(settings, [company.name for company in companies])
    yield from ()


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
