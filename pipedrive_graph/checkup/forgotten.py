"""Checks what `forget` has to do with: one that was interrupted, and companies that it may be meant for."""

from __future__ import annotations

from collections.abc import Iterator

from pipedrive_graph.checkup.check import Check, fault, warning
from pipedrive_graph.common import interrupted
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import LandingError
from pipedrive_graph.forget.company import advice, not_collected
from pipedrive_graph.landing import Landing


def forget(settings: Settings, *, finished_by_sync: bool) -> Iterator[Check]:
    """Whether a `forget` is unfinished; nothing where none is.

    Args:
        settings: where everything lies.
        finished_by_sync: whether it is asked what the next sync needs: that finishes it by itself.
    """
    if interrupted.is_interrupted(settings.home):
        error = LandingError(interrupted.sentence(settings.home))
        yield warning("forget", error) if finished_by_sync else fault("forget", error)
    elif (settings.home / interrupted.FOLDER).exists():
        yield warning(
            "forget",
            "A `forget` is at work, or was interrupted before it changed anything: the next one, or the next"
            f" sync, removes {settings.home / interrupted.FOLDER}.",
        )


def deleted(settings: Settings) -> Iterator[Check]:
    """Which companies were deleted; nothing where none was.

    Raises:
        LandingError: if the file that says so is damaged.
    """
    tombstones = Landing(settings.storage).forgotten().tombstones
    if tombstones:
        names = ", ".join(f"{tombstone.company} ({tombstone.at:%Y-%m-%d})" for tombstone in tombstones)
        yield Check("forgotten", f"deleted companies: {names}")


def uncollected(settings: Settings) -> Iterator[Check]:
    """The companies that the settings no longer name, and of which data is kept and published."""
    for company in not_collected(settings):
        yield warning("collected", advice(company), company=company)
