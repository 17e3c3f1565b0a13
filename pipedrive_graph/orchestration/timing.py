"""The schedule of the nightly run, and the deadline for publishing.

A mistake does not stop the definitions from loading: the default is used, and the run reports the mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import dagster as dg
from dagster._utils.schedules import (
    is_valid_cron_schedule,
    reverse_cron_string_iterator,
    schedule_execution_time_iterator,
)

from pipedrive_graph.config.options import Dagster
from pipedrive_graph.errors import ConfigurationError

_SLACK = timedelta(hours=2)
"""A file published this long before a run is scheduled still meets that run's deadline."""

_SAMPLED = 10
"""The number of deadlines from which the longest time between a scheduled run and its deadline is taken."""


@dataclass(frozen=True)
class Timing:
    """The times of the nightly run.

    Attributes:
        cron: when it starts.
        time_zone: the time zone of both cron expressions.
        freshness: the deadline for publishing, as a cron expression; None for no deadline.
    """

    cron: str = Dagster().cron
    time_zone: str = Dagster().time_zone
    freshness: str | None = Dagster().freshness

    def check(self) -> None:
        """Refuse cron expressions that Dagster cannot use.

        Raises:
            ConfigurationError: if an expression is invalid; names the setting.
        """
        for name, cron in (("cron", self.cron), ("freshness", self.freshness)):
            if cron is not None and not is_valid_cron_schedule(cron):
                raise ConfigurationError(
                    f"settings.toml: dagster.{name}: '{cron}' is not a cron expression that Dagster can use;"
                    " write one like '0 2 * * *'."
                )

    @property
    def freshness_policy(self) -> dg.FreshnessPolicy | None:
        """The deadline as a freshness policy: the file is published after the preceding run was scheduled."""
        if self.freshness is None:
            return None
        return dg.FreshnessPolicy.cron(
            deadline_cron=self.freshness, lower_bound_delta=self._longest_night(), timezone=self.time_zone
        )

    def _longest_night(self) -> timedelta:
        """The longest time from a scheduled run to its deadline; at most the time between two deadlines."""
        start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
        coming = schedule_execution_time_iterator(start, self.freshness or "", self.time_zone)
        deadlines = [*islice(coming, _SAMPLED)]
        nights = []
        for deadline in deadlines:
            just_before = deadline.timestamp() - 1
            begun = next(reverse_cron_string_iterator(just_before, self.cron, self.time_zone))
            nights.append(deadline - begun)
        between = [later - earlier for earlier, later in pairwise(deadlines)]
        return max(min(max(nights) + _SLACK, *between), timedelta(minutes=1))
