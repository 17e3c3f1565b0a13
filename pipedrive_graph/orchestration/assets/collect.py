"""The collected assets: one partition per company, and one step for all companies of a run.

`pipedrive_graph.pipeline` collects the companies of a run at the same time.
"""

from collections.abc import Iterator

import dagster as dg

from pipedrive_graph import pipeline
from pipedrive_graph.orchestration.configuration import DefinitionsConfiguration
from pipedrive_graph.orchestration.names import COLLECT, TAG, Names
from pipedrive_graph.orchestration.run import NightConfig, requested, run_steps

GROUP = "pipedrive"

AT_ONCE = 100
"""The most companies in one run of a backfill; they are read at the same time."""

DESCRIPTIONS = {
    "users": "Everybody in the company, deactivated users included, with their apps, admin rights and"
    " permission sets, from Pipedrive's latest response. The metadata shows how the run went: requests,"
    " throttled requests, seconds.",
    "roles": "The roles of the company: the tree that decides what their members see.",
    "permission_sets": "The permission sets and what each of them allows, if Pipedrive offers them.",
    "role_assignments": "Which users are assigned to which role: requested per user, or per role.",
    "user_permissions": "The permissions of each user: requested for each user, or (if collected by access)"
    " for enough users to know what their permission sets grant.",
}
"""The assets with their descriptions, in the order in which they are requested."""


def collected_keys(names: Names) -> list[dg.AssetKey]:
    """The keys of the collected assets."""
    return [names.key(name) for name in DESCRIPTIONS]


def collecting(configuration: DefinitionsConfiguration, names: Names) -> dg.AssetsDefinition:
    """Make the multi-asset of the collected assets."""

    @dg.multi_asset(
        name=names.name("collect"),
        partitions_def=names.companies,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=AT_ONCE),
        specs=[
            # skippable: the step logs a materialization per company instead of yielding an output
            dg.AssetSpec(
                names.key(name),
                description=text,
                group_name=names.group_of(GROUP),
                kinds={"http", "json"},
                skippable=True,
            )
            for name, text in DESCRIPTIONS.items()
        ],
        op_tags={TAG: COLLECT},
    )
    def collect_companies(
        context: dg.AssetExecutionContext, config: NightConfig
    ) -> Iterator[dg.MaterializeResult[None]]:
        settings = configuration.settings
        request = requested(settings, config, context.partition_keys)
        run_steps(
            context,
            settings,
            names,
            request.companies,
            lambda loaded, events: pipeline.collect(loaded, request, events),
        )
        yield from ()

    return collect_companies
