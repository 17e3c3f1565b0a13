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
from pipedrive_graph.config.home import Home
from pipedrive_graph.config.settings import HOME_VARIABLE
from pipedrive_graph.errors import LandingError
from pipedrive_graph.exports import written

LEAST_FREE = 10_000_000
"""The bytes that a run of a small company needs for its snapshot, the warehouse and the published file."""


def folder(home: Home) -> Iterator[Check]:
    """Whether the home folder is writable, or can be created."""
    existing = _existing(home.folder)
    if existing.is_dir() and files.may(existing, os.W_OK | os.X_OK):
        yield Check("home", f"{home.folder} (writable)")
        return
    owner = f" {files.ownership(existing)}." if existing.is_dir() else ""
    advice = f"let this user write there, or set {HOME_VARIABLE} to another folder.{owner}"
    yield Check("home", f"{home.folder} (not writable): {advice}", State.FAULT, LandingError.exit_code)


def files_of(home: Home, companies: Sequence[Company]) -> Iterator[Check]:
    """Whether this user can read and write the files of earlier runs, if there are any."""
    if not (home.folder.is_dir() and files.may(home.folder, os.R_OK | os.W_OK | os.X_OK)):
        return
    yield from checked("files", lambda: _needed(home, companies))
    for folder in (home.folder / "alerts", home.folder / "tokens"):
        if folder.is_dir() and not files.may(folder, os.R_OK | os.W_OK | os.X_OK):
            yield warning("files", f"Cannot write in {folder}: {files.ownership(folder)}.")


def output(home: Home) -> Iterator[Check]:
    """Whether exactly the intended users can read the published file, reports and exports."""
    for problem in home.output.problems():
        yield warning("output", problem)


def exports(home: Home) -> Iterator[Check]:
    """Whether the list of exported files can be read, if there is one.

    Raises:
        ExportError: if it cannot be read.
    """
    written.elsewhere(home.folder)
    yield from ()


def space(home: Home) -> Iterator[Check]:
    """Whether the disk has space for one more snapshot and a second copy of the published file."""
    free = shutil.disk_usage(_existing(home.folder)).free
    needed = LEAST_FREE + (home.published.stat().st_size if home.published.is_file() else 0)
    if free < needed:
        yield fault("space", files.no_space(home.folder))


def _needed(home: Home, companies: Sequence[Company]) -> Iterator[Check]:
    ownership.check(home, [company.name for company in companies])
    yield from ()


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
