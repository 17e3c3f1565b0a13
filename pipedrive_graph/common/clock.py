"""The one clock of the project, which tests can set.

Every time in a table comes from here by way of a snapshot's manifest; SQL never asks for the time. Rate
limits and time-outs use the event loop's clock instead.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pipedrive_graph.common import environment
from pipedrive_graph.errors import ConfigurationError

CLOCK_VARIABLE = "PIPEDRIVE_GRAPH_CLOCK"
"""An ISO 8601 time at which this process's clock starts; for tests and trial runs."""

TOLERANCE_VARIABLE = "PIPEDRIVE_GRAPH_CLOCK_TOLERANCE"
DEFAULT_TOLERANCE = 60
"""Minutes by which this machine's clock may be ahead of the server's: far more than a response takes."""

_LARGEST_TOLERANCE = 10_000_000  # minutes: 19 years

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


def tolerance(variables: Mapping[str, str] | None = None) -> timedelta:
    """Return how much this machine's clock may be ahead of the server's.

    Args:
        variables: the environment variables to read, by default those of this process.

    Raises:
        ConfigurationError: if the variable is not a number of minutes.
    """
    minutes = environment.minutes(
        TOLERANCE_VARIABLE, DEFAULT_TOLERANCE, least=1, most=_LARGEST_TOLERANCE, variables=variables
    )
    return timedelta(minutes=minutes)


def iso(moment: datetime) -> str:
    """Return `moment` in the format of manifests: UTC, microseconds, a trailing Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
