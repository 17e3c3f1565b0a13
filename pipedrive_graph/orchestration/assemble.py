"""Puts the definitions together: assets, jobs, the schedule, the sensors. One factory, for all doors."""

from collections.abc import Iterator

import dagster as dg

from pipedrive_graph.alerts import file as alerts_file
from pipedrive_graph.findings import own_rules, waivers
from pipedrive_graph.orchestration.alerting import alerting, watching
from pipedrive_graph.orchestration.collecting import collecting
from pipedrive_graph.orchestration.graph import graph
from pipedrive_graph.orchestration.observers import LogWatch, Watch
from pipedrive_graph.orchestration.publishing import publishing
from pipedrive_graph.settings import Settings

JOB = "nightly"
CRON = "0 2 * * *"
"""When the night begins: 02:00 UTC."""


def build_definitions(settings: Settings, watch: Watch | None = None) -> dg.Definitions:
    """Make the definitions for these settings.

    Args:
        settings: the companies are the partitions; paths and base URLs go with them.
        watch: who is told how runs go; by default, Dagster's log.

    Raises:
        ConfigurationError: if findings.toml, its folder of rules, waivers.toml or alerts.toml cannot be used.
        ModelError: if a file of sql/ cannot be used.
    """
    # a mistake in there is told before a night is spent on collecting
    models = own_rules.load(settings)
    waivers.load(settings)
    alerts = alerts_file.load(settings)
    companies = dg.StaticPartitionsDefinition([company.name for company in settings.companies])
    nightly = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all(),
        description="Read a company, take the snapshot into the warehouse, judge it, publish, tell.",
    )

    @dg.schedule(
        job=nightly,
        cron_schedule=CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every night, one run per company.",
    )
    def every_night(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        night = context.scheduled_execution_time.strftime("%Y-%m-%d")
        for company in companies.get_partition_keys():
            yield dg.RunRequest(
                run_key=f"{night}/{company}", partition_key=company, tags={"company": company, "night": night}
            )

    published = publishing(companies, models)
    last = alerting(companies, after=[key for asset in published for key in asset.keys])
    telling, sensors = watching(settings, nightly, last, running=bool(alerts.channels))
    return dg.Definitions(
        assets=[collecting(companies, models), graph(companies, models), *published, last],
        jobs=[nightly, telling],
        schedules=[every_night],
        sensors=sensors,
        resources={
            "settings": dg.ResourceDefinition.hardcoded_resource(settings),
            "watch": dg.ResourceDefinition.hardcoded_resource(watch or LogWatch()),
        },
        # DuckDB has one writer and uses all cores by itself: a process per step would only cost time
        executor=dg.in_process_executor,
    )
