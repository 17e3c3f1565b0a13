"""The one clock of the project, which tests can set.

Every time that ends up in a table starts here and travels through a snapshot's manifest; SQL never asks
for the time. Pacing and time-outs do not use this clock: they measure with the event loop's own.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from pipedrive_graph import environment
from pipedrive_graph.errors import ConfigurationError

CLOCK_VARIABLE = "PIPEDRIVE_GRAPH_CLOCK"
"""An ISO 8601 time at which this process's clock starts; for tests and rehearsals."""

_STARTED = time.monotonic()


def now() -> datetime:
    """Return the current time, aware, in UTC.

    Raises:
        ConfigurationError: if `PIPEDRIVE_GRAPH_CLOCK` is set and is not an ISO 8601 time.
    """
    start = environment.value(CLOCK_VARIABLE)
    if not start:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(start)
    except ValueError:
        raise ConfigurationError(
            f"The variable {CLOCK_VARIABLE} must hold an ISO 8601 time, such as 2026-11-01T02:00:00Z."
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC) + timedelta(seconds=time.monotonic() - _STARTED)


def iso(moment: datetime) -> str:
    """Return `moment` as it is written in manifests: UTC, microseconds, a trailing Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
