"""A Dagster component for projects that declare their definitions in `defs.yaml`.

type: pipedrive_graph.orchestration.component.PipedriveGraph
attributes:
  home: /var/lib/pipedrive-graph
  key_prefix: crm
  group: pipedrive
  cron: "0 2 * * *"
"""

from __future__ import annotations

import dagster as dg

from pipedrive_graph.orchestration.build import build_definitions


class PipedriveGraph(dg.Component, dg.Model, dg.Resolvable):
    """The identity graph of one or more Pipedrive companies: assets, checks, jobs, schedules and sensors.

    Attributes:
        home: the home folder; by default, from the environment.
        key_prefix: the prefix of asset keys and of the names of jobs, schedules and sensors.
        group: one group for all assets; by default, there are six.
        cron: the schedule of the nightly run; by default, from settings.toml.
        time_zone: the time zone of the schedule; by default, from settings.toml.
    """

    home: str | None = None
    key_prefix: str | list[str] | None = None
    group: str | None = None
    cron: str | None = None
    time_zone: str | None = None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build the definitions."""
        return build_definitions(
            home=self.home,
            key_prefix=self.key_prefix,
            group=self.group,
            cron=self.cron,
            time_zone=self.time_zone,
        )
