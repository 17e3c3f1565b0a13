"""The staging folder in which a `forget` prepares the new home, and the renames that put it in place.

    <home>/.forget/new/        a complete home: the files to put in place, and links to unchanged files
                   intent.json the list of paths to put in place, written when all of them are prepared
                   old/        the replaced files, until everything is in place

Without the list, nothing in the home has changed, and the folder is removed. With the list, every step can be
repeated, and the next `forget` or `sync` finishes them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pipedrive_graph.common import files, locks
from pipedrive_graph.common.interrupted import FOLDER, INTENT
from pipedrive_graph.common.sealed import Sealed
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import LandingError
from pipedrive_graph.landing import Landing
from pipedrive_graph.landing.records import Record, read_record
from pipedrive_graph.landing.storage import FolderStorage
from pipedrive_graph.warehouse import database

OnWait = Callable[[str], None]


class Step(Record):
    """A path in the home that is replaced or removed."""

    path: str
    replaced: bool


class Intent(Sealed, Record):
    """The list of all steps, and the companies that they concern."""

    companies: list[str]
    steps: list[Step]
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """The staging folder of one home."""

    home: Path

    @property
    def folder(self) -> Path:
        """The staging folder."""
        return self.home / FOLDER

    @property
    def new(self) -> Path:
        """The new home inside the staging folder."""
        return self.folder / "new"

    def staged(self, home: Home) -> Home:
        """The new home, with the same access to its output."""
        access = replace(home.access, home=self.new) if home.access else None
        return replace(home, folder=self.new, access=access)

    def prepare(self) -> None:
        """Create an empty staging folder.

        Raises:
            LandingError: if it cannot be created.
        """
        self.clear()
        files.make_folder(self.new)

    def link(self, paths: Iterable[str]) -> None:
        """Link unchanged files into the new home; missing paths are skipped."""
        for path in paths:
            source, link = self.home / path, self.new / path
            if source.exists():
                files.make_folder(link.parent)
                link.symlink_to(source)

    def commit(self, companies: list[str], paths: Iterable[str]) -> None:
        """Put the prepared paths in place; paths without a prepared version are removed.

        Raises:
            LandingError: if the list cannot be written (then nothing has changed), or a path cannot be
                replaced.
        """
        steps = [Step(path=path, replaced=os.path.lexists(self.new / path)) for path in paths]
        for step in steps:
            self._refuse_another_device(self.home / step.path)
            if step.replaced:
                _make_durable(self.new / step.path)
        intent = Intent(companies=companies, steps=steps).sealed()
        files.write_atomically(self.folder / INTENT, intent.model_dump_json(indent=1).encode())
        self._put_in_place(intent)

    def intent(self) -> Intent | None:
        """The list of an interrupted `forget`; None if nothing has changed yet.

        Raises:
            LandingError: if it cannot be read.
        """
        path = self.folder / INTENT
        if not path.exists():
            return None
        intent = read_record(FolderStorage(self.folder), INTENT, Intent)
        if intent.sha256 != intent.digest:
            raise LandingError(f"{path} is not as it was written; restore the home from a backup.")
        return intent

    def finish(self, intent: Intent) -> None:
        """Do the remaining steps of the list.

        Raises:
            LandingError: if a path cannot be replaced.
        """
        self._put_in_place(intent)

    def clear(self) -> None:
        """Remove the staging folder."""
        for path in (self.folder / "old", self.new, self.folder):
            if path.exists():
                shutil.rmtree(path)

    def _put_in_place(self, intent: Intent) -> None:
        old = self.folder / "old"
        try:
            files.make_folder(old)
            for number, step in enumerate(intent.steps):
                _exchange(self.new / step.path, self.home / step.path, old / str(number), step)
            files.sync_folder(self.home)
        except OSError as error:
            raise files.cannot_write(self.home, error) from error
        (self.folder / INTENT).unlink()  # from here on, only clean-up is left
        files.sync_folder(self.folder)
        self.clear()

    def _refuse_another_device(self, path: Path) -> None:
        """Refuse a path on another file system, because a rename cannot reach it.

        Raises:
            LandingError: if the path is on another file system.
        """
        existing = next(folder for folder in (path, *path.parents) if folder.exists())
        if existing.resolve().stat().st_dev != self.folder.stat().st_dev:
            raise LandingError(
                f"{path} is on another file system than {self.home}: move it there, then try again. Nothing"
                " was changed."
            )


@contextmanager
def locked(home: Path, *, on_wait: OnWait | None) -> Iterator[Stage]:
    """Hold the lock of the stage: only one `forget` at a time can run in a home.

    Raises:
        BusyError: if another process holds it for too long, or `on_wait` is None.
    """
    with locks.lock(home / f"{FOLDER}.lock", doing="deleting old data", on_wait=on_wait):
        yield Stage(home)


@contextmanager
def quiet(home: Home, companies: Iterable[str], *, on_wait: OnWait) -> Iterator[None]:
    """Lock these companies, their alerts and the warehouse against other processes.

    Raises:
        BusyError: if a company is being collected, or another process holds a lock for too long.
    """
    with ExitStack() as stack:
        for company in companies:
            landing = Landing(home.storage).of(company)
            if landing.storage.exists():
                stack.enter_context(landing.lock())
            alerts = home.folder / "alerts"
            if alerts.is_dir():
                stack.enter_context(
                    locks.lock(alerts / f".{company}.lock", doing="sending alerts", on_wait=on_wait)
                )
        stack.enter_context(database.lock(home.warehouse, on_wait=on_wait, finishing=True))
        yield


def resume(home: Home, *, on_wait: OnWait) -> str | None:
    """Finish or undo a `forget` that was interrupted.

    Args:
        home: the home folder.
        on_wait: called once when another process holds a lock.

    Returns:
        A sentence about what was done; None if there was nothing to do.

    Raises:
        BusyError: if another `forget` takes too long.
        LandingError: if a path cannot be replaced.
    """
    if not (home.folder / FOLDER).exists():
        return None
    with locked(home.folder, on_wait=on_wait) as stage:
        if not stage.folder.exists():
            return None
        return settle(home, stage, on_wait=on_wait)


def settle(home: Home, stage: Stage, *, on_wait: OnWait) -> str | None:
    """Finish or undo an interrupted `forget`; the caller holds the lock of the stage.

    Raises:
        LandingError: if a path cannot be replaced.
    """
    if not stage.folder.exists():
        return None
    intent = stage.intent()
    if intent is None:
        stage.clear()
        return (
            "An earlier `forget` was interrupted before it changed anything; its prepared files are removed."
        )
    with quiet(home, intent.companies, on_wait=on_wait):
        stage.finish(intent)
    return "An earlier `forget` was interrupted; it is finished now."


def _exchange(prepared: Path, path: Path, old: Path, step: Step) -> None:
    """Put a prepared path in place, or remove the path. Repeating a finished step has no effect."""
    if step.replaced and not os.path.lexists(prepared):
        return  # already done
    if not step.replaced and os.path.lexists(old):
        return
    target = files.real(path)
    if os.path.lexists(target):
        if target.is_file() and step.replaced:
            prepared.replace(target)
            files.sync_folder(target.parent)
            return
        target.rename(old)
    if step.replaced:
        files.make_folder(target.parent)
        prepared.rename(target)
    if target.parent.exists():
        files.sync_folder(target.parent)


def _make_durable(path: Path) -> None:
    """Flush prepared files to disk before the first rename, so that they survive a power cut."""
    for each in [path, *path.rglob("*")] if path.is_dir() and not path.is_symlink() else [path]:
        if each.is_symlink():
            continue
        if each.is_dir():
            files.sync_folder(each)
        else:
            with each.open("rb") as file:
                os.fsync(file.fileno())
