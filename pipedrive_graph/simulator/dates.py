"""Dates as Pipedrive writes them, counted back from the company's now, away from every rule's threshold."""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime, timedelta

THRESHOLDS = (7, 14, 30, 90)
"""The ages in days at which a rule of the catalogue changes its mind."""

MARGIN = 2.5
"""Days that every date keeps away from a threshold, so that a slow run of the pipeline changes no finding."""

FORMAT = "%Y-%m-%d %H:%M:%S"


_STARTED = time.monotonic()


def wall_clock() -> float:
    """Return the time that the server's answers carry, in seconds since 1970.

    A night that is played at a chosen time needs a server that agrees with it: as the client, the simulator
    starts its clock at PIPEDRIVE_GRAPH_CLOCK where that is an ISO 8601 time.
    """
    try:
        start = datetime.fromisoformat(os.environ.get("PIPEDRIVE_GRAPH_CLOCK", "").strip())
    except ValueError:
        return time.time()
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    return start.timestamp() + time.monotonic() - _STARTED


def written(moment: datetime) -> str:
    """Return a time as the API writes it: UTC, without a zone."""
    return moment.astimezone(UTC).strftime(FORMAT)


class Calendar:
    """Dates some days before `now`, none of them near a threshold."""

    def __init__(self, now: datetime, rng: random.Random) -> None:
        self._now = now
        self._rng = rng

    def age(self, low: float, high: float) -> float:
        """Return an age in days between `low` and `high`, at least `MARGIN` away from each threshold."""
        while True:
            age = self._rng.uniform(low, high)
            if all(abs(age - threshold) > MARGIN for threshold in THRESHOLDS):
                return age

    def ago(self, low: float, high: float) -> str:
        """Return the date of a moment between `low` and `high` days ago."""
        return self.on(self.age(low, high))

    def on(self, age: float) -> str:
        """Return the date of the moment `age` days ago."""
        return written(self._now - timedelta(days=age))

    def days_since(self, date: str) -> float:
        """Return how many days ago a date was that is written as the API writes it."""
        moment = datetime.strptime(date, FORMAT).replace(tzinfo=UTC)
        return (self._now - moment) / timedelta(days=1)
