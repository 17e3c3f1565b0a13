"""Puts the definitions together: assets, jobs, schedules, sensors. One factory, for all doors."""

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg

from pipedrive_graph.orchestration import configuration as configurations
from pipedrive_graph.orchestration.alerting import alerting
from pipedrive_graph.orchestration.collecting import collecting
from pipedrive_graph.orchestration.configuration import Configuration
from pipedrive_graph.orchestration.graph import graph
from pipedrive_graph.orchestration.observers import Watch
from pipedrive_graph.orchestration.publishing import publishing
from pipedrive_graph.orchestration.recorded import recorded_watch
from pipedrive_graph.orchestration.sensors import requested, watching
from pipedrive_graph.orchestration.verifying import verifying
from pipedrive_graph.settings import Settings

JOB = "nightly"
CRON = "0 2 * * *"
"""When the night begins: 02:00 UTC."""


def build_definitions(
    settings: Settings, watch: Watch | None = None, *, accept_shrink: bool = False
) -> dg.Definitions:
    """Make the definitions for these settings, for a process that runs them itself.

    Args:
        settings: the companies are the partitions; paths and base URLs go with them.
        watch: receives the progress of runs; by default, Dagster's log.
        accept_shrink: whether a run takes a snapshot although many users are gone.

    Raises:
        ConfigurationError: if findings.toml, its folder of rules, waivers.toml or alerts.toml cannot be used.
        ModelError: if a file of sql/ cannot be used.
    """
    return assemble(replace(configurations.load(settings), accept_shrink=accept_shrink), watch)


def assemble(configuration: Configuration, watch: Watch | None = None) -> dg.Definitions:
    """Make the definitions for a configuration; what is wrong with it is raised by their runs.

    Args:
        configuration: its companies are the partitions.
        watch: receives the progress of runs; by default, Dagster's log.
    """
    models = configuration.models
    names = [company.name for company in configuration.known.companies]
    companies = dg.StaticPartitionsDefinition(names)
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
        current = configuration.current()
        for company in names if current.guessed else [company.name for company in current.companies]:
            yield requested(company, names, run_key=f"{night}/{company}", night=night)

    published = publishing(companies, models)
    last = alerting(companies, after=[key for asset in published for key in asset.keys])
    assets = [collecting(companies, models), graph(companies, models), *published]
    alerts_job, sensors = watching(configuration, {key for asset in assets for key in asset.keys}, last)
    verify_job, every_week = verifying()
    return dg.Definitions(
        assets=[*assets, last],
        jobs=[nightly, alerts_job, verify_job],
        schedules=[every_night, every_week],
        sensors=sensors,
        resources={
            "configuration": dg.ResourceDefinition.hardcoded_resource(configuration),
            "watch": dg.ResourceDefinition.hardcoded_resource(watch) if watch else recorded_watch,
        },
        # DuckDB has one writer and uses all cores by itself: a process per step would only cost time
        executor=dg.in_process_executor,
    )
