"""Dates in Pipedrive's format, counted back from the company's `now`, away from every rule's threshold."""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime, timedelta

THRESHOLDS = (7, 14, 30, 90)
"""The ages in days at which a rule starts or stops to fire."""

MARGIN = 2.5
"""The smallest distance of a date from a threshold, in days, so that a slow run changes no finding."""

FORMAT = "%Y-%m-%d %H:%M:%S"


_STARTED = time.monotonic()


def wall_clock() -> float:
    """Return the server's time, in seconds since 1970.

    Like the client, the simulator starts its clock at PIPEDRIVE_GRAPH_CLOCK if that is an ISO 8601 time, so
    that both agree in tests that set the time.
    """
    try:
        start = datetime.fromisoformat(os.environ.get("PIPEDRIVE_GRAPH_CLOCK", "").strip())
    except ValueError:
        return time.time()
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    return start.timestamp() + time.monotonic() - _STARTED


def written(moment: datetime) -> str:
    """Return a time in the format of the API: UTC, without a zone."""
    return moment.astimezone(UTC).strftime(FORMAT)


class Calendar:
    """Generates dates before `now`, none of them near a threshold."""

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
        """Return how many days ago a date in the format of the API was."""
        moment = datetime.strptime(date, FORMAT).replace(tzinfo=UTC)
        return (self._now - moment) / timedelta(days=1)
