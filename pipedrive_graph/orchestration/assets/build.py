"""The built and published assets: one step for all companies whose newest snapshot is not published yet.

`pipedrive_graph.pipeline` builds, publishes, reports and alerts.
"""

from collections.abc import Iterator

import dagster as dg

from pipedrive_graph import pipeline
from pipedrive_graph.orchestration.configuration import DefinitionsConfiguration
from pipedrive_graph.orchestration.names import BUILD, TAG, Names
from pipedrive_graph.orchestration.run import run_steps
from pipedrive_graph.orchestration.specs import PUBLISHED_FINDINGS, published_tables
from pipedrive_graph.orchestration.timing import Timing
from pipedrive_graph.pipeline.pending import pending

GROUP = "published"


def building(
    configuration: DefinitionsConfiguration, names: Names, tables: dict[str, dg.AssetSpec], timing: Timing
) -> dg.AssetsDefinition:
    """Make the multi-asset that builds and publishes a batch of companies.

    Args:
        configuration: the settings and the files of sql/.
        names: makes the asset keys.
        tables: the assets of the tables, by qualified name.
        timing: the deadline of the published file.
    """
    group, published = names.group_of(GROUP), names.key("identity_graph")
    findings = tables[PUBLISHED_FINDINGS].replace_attributes(skippable=True)
    specs = [
        findings,
        dg.AssetSpec(
            published,
            deps=published_tables(configuration.models, names),
            description="The file that people open: identity_graph.duckdb, with every company's latest"
            " accepted snapshot and all tables of the group graph. One rename puts it in place, so programs"
            " that have it open keep the old file until they close it. The metadata has the row count of each"
            " table.",
            group_name=group,
            kinds={"duckdb"},
            skippable=True,
            freshness_policy=timing.freshness_policy,
        ),
        dg.AssetSpec(
            names.key("findings_csv"),
            deps=[published],
            description="The findings of each company as a list, worst first, safe to open in a spreadsheet."
            " The metadata shows the worst open findings, new findings, changes since the last snapshot, and"
            " the counts over time.",
            group_name=group,
            kinds={"csv"},
            skippable=True,
        ),
        dg.AssetSpec(
            names.key("access_report"),
            deps=[published],
            description="One page per company for the people who review its access. It works offline, and can"
            " be printed and signed. After it is written, data older than the company's retention_days is"
            " removed.",
            group_name=group,
            kinds={"html"},
            skippable=True,
        ),
        dg.AssetSpec(
            names.key("alerts_sent"),
            deps=[published, names.key("findings_csv"), names.key("access_report")],
            description="The alerts about new critical or high findings, and about partial, failed or missing"
            " runs. Each is sent once over the channels of alerts.toml; without that file, nothing is sent.",
            group_name=group,
            kinds={"slack", "email"},
            skippable=True,
        ),
    ]

    @dg.multi_asset(name=names.name("build"), specs=specs, op_tags={TAG: BUILD})
    def build_pending(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        settings = configuration.settings
        waiting = pending(settings, [company.name for company in settings.companies])
        companies = [company for company in settings.companies if company.name in waiting]
        if not companies:
            context.log.info("The newest snapshot of every company is published; there is nothing to build.")
            return
        run_steps(
            context,
            settings,
            names,
            companies,
            lambda loaded, events: pipeline.publish_pending(loaded, companies, events),
        )
        yield from ()

    return build_pending
