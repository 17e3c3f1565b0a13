"""Who is told how a collection goes: a progress bar, or a log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a collection is, in calls, and how fast: `limit` requests are allowed in `window` seconds."""

    done: int
    total: int
    requests: int
    throttled: int
    limit: int
    window: float


class Observer(Protocol):
    """Who is told how a collection goes."""

    def progress(self, progress: Progress) -> None:
        """Told after every answer."""

    def warn(self, sentence: str) -> None:
        """Told what a person should know, although the run goes on."""
