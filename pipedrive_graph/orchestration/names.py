"""The names in Dagster: asset keys, groups, jobs, schedules, sensors, partitions.

Another project that uses these definitions can add a prefix, so that no name occurs twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

NIGHTLY = "nightly"
"""The job of the schedule: all steps, for all companies."""

COLLECT = "collect_companies"
"""The job of the collected assets."""

BUILD = "build_and_publish"
"""The job that builds and publishes collected snapshots."""

ALERTS = "alerts"
VERIFY = "verify"
SYNC = "sync"
"""The job that records a run of the command `sync`."""

JOBS = (NIGHTLY, COLLECT, BUILD, ALERTS, VERIFY, SYNC)

COMPANIES = "pipedrive_companies"
"""The partitions: one per company."""

TAG = "pipedrive_graph/job"
"""The tag of every run of these jobs; its value is the job's name without a prefix."""

PARTITION = "dagster/partition"
"""The tag that names a run's company."""

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
"""The tags that name the first and the last company of a run for several."""


@dataclass(frozen=True)
class Names:
    """Makes the names.

    Attributes:
        key_prefix: the prefix of asset keys and of the names of jobs, schedules, sensors and partitions.
        group: the group of all assets; None for a group per kind of asset.
    """

    key_prefix: tuple[str, ...] = ()
    group: str | None = None

    @classmethod
    def of(cls, key_prefix: str | Sequence[str] | None = None, group: str | None = None) -> Names:
        """The names with a prefix of one or several parts."""
        parts = [key_prefix] if isinstance(key_prefix, str) else key_prefix or []
        return cls(tuple(parts), group)

    def key(self, *path: str) -> dg.AssetKey:
        """The key of an asset."""
        return dg.AssetKey([*self.key_prefix, *path])

    def name(self, plain: str) -> str:
        """The name of a job, a schedule, a sensor, an op or the partitions."""
        return "_".join([*self.key_prefix, plain])

    def group_of(self, group: str) -> str:
        """The group of assets whose default group is this one."""
        return self.group or group

    @property
    def companies(self) -> dg.DynamicPartitionsDefinition:
        """The partitions of the collected assets: one per company of companies.toml."""
        return dg.DynamicPartitionsDefinition(name=self.name(COMPANIES))
