"""The interface through which a collection reports its progress, to a progress bar or a log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a collection, in calls, and its rate: `limit` requests are allowed per `window` seconds."""

    done: int
    total: int
    requests: int
    throttled: int
    limit: int
    window: float


class Observer(Protocol):
    """Receives the progress and the warnings of a collection."""

    def progress(self, progress: Progress) -> None:
        """Report progress; called after every answer."""

    def warn(self, sentence: str) -> None:
        """Report a warning that an operator should read although the run continues."""
