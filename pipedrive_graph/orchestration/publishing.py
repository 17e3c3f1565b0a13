"""The published assets: the file that people open, the findings as a list, and the access report.

Holds no logic: `pipedrive_graph.build` publishes, `pipedrive_graph.reports` writes.
"""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from pipedrive_graph import build
from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.forget.age import apply_retention
from pipedrive_graph.orchestration.checks import company_check
from pipedrive_graph.orchestration.configuration import Configuration
from pipedrive_graph.orchestration.metadata import findings_metadata, report_metadata
from pipedrive_graph.orchestration.observers import Watch
from pipedrive_graph.orchestration.specs import tables
from pipedrive_graph.reports.access.report import write_access_report
from pipedrive_graph.reports.findings_csv import write_findings
from pipedrive_graph.warehouse.models import Models

GROUP = "published"


def publishing(companies: dg.PartitionsDefinition[str], models: Models) -> list[dg.AssetsDefinition]:
    """The assets that leave the warehouse."""

    @dg.multi_asset(
        name="publish",
        partitions_def=companies,
        specs=[
            dg.AssetSpec(
                "identity_graph",
                deps=tables(models),
                description="The file that people open: identity_graph.duckdb, with every company's latest "
                "accepted night and all tables of the group graph. It is put in place with one rename, "
                "so who "
                "has it open keeps the old one until they close it.",
                group_name=GROUP,
                kinds={"duckdb"},
                # published by the morning, or Dagster says so
                freshness_policy=dg.FreshnessPolicy.cron(
                    deadline_cron="0 6 * * *", lower_bound_delta=timedelta(hours=6), timezone="UTC"
                ),
            )
        ],
        check_specs=[
            company_check(
                "published_equals_warehouse",
                asset=dg.AssetKey("identity_graph"),
                companies=companies,
                blocking=True,
                description="Every table has as many rows as in the warehouse, and unique keys.",
            )
        ],
    )
    def identity_graph(
        context: dg.AssetExecutionContext,
        configuration: dg.ResourceParam[Configuration],
        watch: dg.ResourceParam[Watch],
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        settings = configuration.settings
        try:
            rows = build.publish(
                settings, models, tell=watch.observer(context.partition_key, context.log).warn
            )
        except WarehouseError as error:
            yield _equal(passed=False, description=str(error))
            raise
        yield dg.MaterializeResult(
            asset_key="identity_graph",
            metadata={"path": dg.MetadataValue.path(settings.published), **rows},
        )
        yield _equal(passed=True)

    @dg.asset(
        partitions_def=companies,
        deps=["identity_graph"],
        group_name=GROUP,
        kinds={"csv"},
        description="The company's findings as a list, the worst first, safe to open in a spreadsheet. Look "
        "here for the worst open findings, what is new, what changed since the last night, and the counts "
        "over time.",
    )
    def findings_csv(
        context: dg.AssetExecutionContext, configuration: dg.ResourceParam[Configuration]
    ) -> dg.MaterializeResult[None]:
        company, settings = context.partition_key, configuration.settings
        path = write_findings(settings, company)
        shown = {} if context.instance.is_ephemeral else findings_metadata(settings, company)
        return dg.MaterializeResult(metadata={**report_metadata(settings, company, path), **shown})

    @dg.asset(
        partitions_def=companies,
        deps=["identity_graph"],
        group_name=GROUP,
        kinds={"html"},
        description="One page per company for who reviews its access: opened offline, printed, signed. After "
        "it, what is older than the company's retention_days is removed.",
    )
    def access_report(
        context: dg.AssetExecutionContext,
        configuration: dg.ResourceParam[Configuration],
        watch: dg.ResourceParam[Watch],
    ) -> dg.MaterializeResult[None]:
        company, settings = context.partition_key, configuration.settings
        path = write_access_report(settings, models, company)
        # the night is published: what is too old may go, and this report is then written again
        on_wait = watch.observer(company, context.log).warn
        removed = apply_retention(settings, models, settings.company(company), on_wait=on_wait)
        if removed:
            on_wait(removed)
        return dg.MaterializeResult(metadata=report_metadata(settings, company, path))

    return [identity_graph, findings_csv, access_report]


def _equal(*, passed: bool, description: str | None = None) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="published_equals_warehouse",
        asset_key=dg.AssetKey("identity_graph"),
        passed=passed,
        description=description,
    )
