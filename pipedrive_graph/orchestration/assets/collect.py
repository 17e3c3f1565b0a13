"""The collecting assets: one partition for each company, and one step for as many of them as a run has.

The companies of a run are read at the same time. Holds no logic: `pipedrive_graph.pipeline` reads.
"""

from collections.abc import Iterator

import dagster as dg

from pipedrive_graph import pipeline
from pipedrive_graph.orchestration.configuration import DefinitionsConfiguration
from pipedrive_graph.orchestration.names import COLLECT, TAG, Names
from pipedrive_graph.orchestration.run import NightConfig, requested, run_steps

GROUP = "pipedrive"

AT_ONCE = 100
"""Companies in one run of a backfill: so many are read at the same time."""

DESCRIPTIONS = {
    "users": "Everybody in the company, deactivated users included, with their apps, admin rights and"
    " permission sets, as Pipedrive answered last. Look here for how the night went: requests, throttled"
    " ones, seconds.",
    "roles": "The roles of the company: the tree that decides what their members see.",
    "permission_sets": "The permission sets, and what each of them allows, where Pipedrive offers them.",
    "role_assignments": "Who is assigned to which role: asked for each user, or for each role.",
    "user_permissions": "What each user may do: asked for each user, or (collected by access) for enough"
    " users to know what their permission sets give.",
}
"""The assets, each with its description; in the order in which they are asked for."""


def collected_keys(names: Names) -> list[dg.AssetKey]:
    """The keys of the collecting assets."""
    return [names.key(name) for name in DESCRIPTIONS]


def collecting(configuration: DefinitionsConfiguration, names: Names) -> dg.AssetsDefinition:
    """The multi-asset of the collecting assets."""

    @dg.multi_asset(
        name=names.name("collect"),
        partitions_def=names.companies,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=AT_ONCE),
        specs=[
            # skippable: the step logs a materialization for each company that it could read, and no output
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
