"""Checks around `forget`: interrupted ones, deleted companies, and companies that could be deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pipedrive_graph.checkup.check import Check, fault, warning
from pipedrive_graph.common import interrupted
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import LandingError
from pipedrive_graph.forget.company import advice, not_collected
from pipedrive_graph.landing import Landing


def forget(home: Home, *, finished_by_sync: bool) -> Iterator[Check]:
    """Whether a `forget` is unfinished; no result if none is.

    Args:
        home: the home folder.
        finished_by_sync: whether the next sync would finish it, so that it is only a warning.
    """
    if interrupted.is_interrupted(home.folder):
        error = LandingError(interrupted.sentence(home.folder))
        yield warning("forget", error) if finished_by_sync else fault("forget", error)
    elif (home.folder / interrupted.FOLDER).exists():
        yield warning(
            "forget",
            "A `forget` is running, or was interrupted before it changed anything: the next forget or sync"
            f" removes {home.folder / interrupted.FOLDER}.",
        )


def deleted(home: Home) -> Iterator[Check]:
    """The companies that were deleted; no result if there are none.

    Raises:
        LandingError: if the file of tombstones is damaged.
    """
    tombstones = Landing(home.storage).forgotten().tombstones
    if tombstones:
        names = ", ".join(f"{tombstone.company} ({tombstone.at:%Y-%m-%d})" for tombstone in tombstones)
        yield Check("forgotten", f"deleted companies: {names}")


def uncollected(home: Home, configured: Collection[str]) -> Iterator[Check]:
    """The companies that are no longer in companies.toml, but whose data is still stored and published."""
    for company in not_collected(home, configured):
        yield warning("collected", advice(company), company=company)
