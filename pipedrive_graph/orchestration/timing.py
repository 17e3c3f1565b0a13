"""When the schedule starts a night, and by when the file must be published.

A mistake never stops the definitions from loading: the default then holds, and the run says what is wrong.
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
"""What was published so long before the night begins counts as of this night."""

_LOOKED_AT = 10
"""How many deadlines are looked at to find how long before them a night begins."""


@dataclass(frozen=True)
class Timing:
    """The hours of a night.

    Attributes:
        cron: when it begins.
        time_zone: the zone of both.
        freshness: by when the file must be published; None for no deadline.
    """

    cron: str = Dagster().cron
    time_zone: str = Dagster().time_zone
    freshness: str | None = Dagster().freshness

    def check(self) -> None:
        """Refuse what Dagster cannot use.

        Raises:
            ConfigurationError: naming the setting.
        """
        for name, cron in (("cron", self.cron), ("freshness", self.freshness)):
            if cron is not None and not is_valid_cron_schedule(cron):
                raise ConfigurationError(
                    f"settings.toml: dagster.{name}: '{cron}' is not a cron expression that Dagster can use;"
                    " write one like '0 2 * * *'."
                )

    @property
    def freshness_policy(self) -> dg.FreshnessPolicy | None:
        """The deadline as Dagster keeps it: published since the night before it began."""
        if self.freshness is None:
            return None
        return dg.FreshnessPolicy.cron(
            deadline_cron=self.freshness, lower_bound_delta=self._longest_night(), timezone=self.time_zone
        )

    def _longest_night(self) -> timedelta:
        """The time from the beginning of a night to its deadline, at most the time between two deadlines."""
        start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
        coming = schedule_execution_time_iterator(start, self.freshness or "", self.time_zone)
        deadlines = [*islice(coming, _LOOKED_AT)]
        nights = []
        for deadline in deadlines:
            just_before = deadline.timestamp() - 1
            begun = next(reverse_cron_string_iterator(just_before, self.cron, self.time_zone))
            nights.append(deadline - begun)
        between = [later - earlier for earlier, later in pairwise(deadlines)]
        return max(min(max(nights) + _SLACK, *between), timedelta(minutes=1))
