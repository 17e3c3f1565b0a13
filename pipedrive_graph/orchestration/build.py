"""Builds the Dagster definitions: assets, checks, jobs, schedules, sensors. Other projects can use them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg

from pipedrive_graph.config.settings import HOME_VARIABLE, Settings
from pipedrive_graph.orchestration import configuration as configurations
from pipedrive_graph.orchestration.assets.alerts import alerts_job
from pipedrive_graph.orchestration.assets.build import building
from pipedrive_graph.orchestration.assets.collect import collected_keys, collecting
from pipedrive_graph.orchestration.checking import checking
from pipedrive_graph.orchestration.configuration import DefinitionsConfiguration
from pipedrive_graph.orchestration.names import BUILD, COLLECT, NIGHTLY, TAG, Names
from pipedrive_graph.orchestration.run import nightly_job
from pipedrive_graph.orchestration.sensors import building_when_due, watching
from pipedrive_graph.orchestration.specs import PUBLISHED_FINDINGS, specs
from pipedrive_graph.orchestration.verifying import verifying

JOB = NIGHTLY


def build_definitions(
    settings: Settings | None = None,
    *,
    home: str | Path | None = None,
    key_prefix: str | Sequence[str] | None = None,
    group: str | None = None,
    cron: str | None = None,
    time_zone: str | None = None,
) -> dg.Definitions:
    """Build the definitions, for use in another project or in a process that runs them itself.

    They have no resources, and select only their own assets. A mistake in a configuration file does not stop
    them from loading: the run that needs the file reports it.

    Args:
        settings: if given, all files are loaded strictly: a mistake is raised here. By default, settings are
            read from the home folder and the environment, and the runs raise mistakes.
        home: the home folder, if it is not the one of the environment.
        key_prefix: the prefix of asset keys and of the names of jobs, schedules, sensors, ops and partitions.
        group: one group for all assets; by default, there are six.
        cron: the schedule of the nightly run; by default, from settings.toml.
        time_zone: the time zone of the schedule; by default, from settings.toml.

    Raises:
        ConfigurationError: if settings are given, and findings.toml, its folder of rules, waivers.toml,
            settings.toml or alerts.toml cannot be used; or if Dagster cannot use `cron`.
        ModelError: if a file of sql/ cannot be used.
    """
    if settings is not None:
        configuration = configurations.load(settings)
    else:
        variables = {**os.environ, HOME_VARIABLE: str(home)} if home is not None else None
        configuration = configurations.load_leniently(variables)
    timing = replace(
        configuration.timing,
        cron=cron or configuration.timing.cron,
        time_zone=time_zone or configuration.timing.time_zone,
    )
    timing.check()
    return assemble(replace(configuration, timing=timing), Names.of(key_prefix, group))


def assemble(configuration: DefinitionsConfiguration, names: Names | None = None) -> dg.Definitions:
    """Build the definitions for a configuration. Its problem, if it has one, is raised by the runs.

    Args:
        configuration: the companies, and the files of sql/.
        names: makes the names; by default, without a prefix.
    """
    names = names or Names()
    timing = configuration.timing
    keys = collected_keys(names)
    tables = specs(configuration.models, names, keys)
    collect = collecting(configuration, names)
    build = building(configuration, names, tables, timing)
    in_process = dg.in_process_executor  # DuckDB allows one writer, which uses all cores
    collect_job, build_job = (
        dg.define_asset_job(
            names.name(job),
            selection=dg.AssetSelection.assets(*assets.keys).without_checks(),
            description=description,
            tags={TAG: job},
            executor_def=in_process,
        )
        for job, assets, description in (
            (COLLECT, collect, "Collect companies. The next run of build_and_publish builds the snapshots."),
            (BUILD, build, "Build and publish snapshots that are not published yet; report and alert."),
        )
    )
    nightly = nightly_job(configuration, names)

    @dg.schedule(
        name=names.name("every_night"),
        job=nightly,
        cron_schedule=timing.cron,
        execution_timezone=timing.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every night, one run for all companies.",
    )
    def every_night(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        night = context.scheduled_execution_time.strftime("%Y-%m-%dT%H:%M")
        yield dg.RunRequest(run_key=night, tags={"night": night[:10]})

    alerts = alerts_job(configuration, names)
    verify, every_week = verifying(configuration, names)
    return dg.Definitions(
        assets=[collect, build, *(spec for name, spec in tables.items() if name != PUBLISHED_FINDINGS)],
        asset_checks=[checking(configuration, names)],
        jobs=[nightly, collect_job, build_job, alerts, verify],
        schedules=[every_night, every_week],
        sensors=[
            building_when_due(configuration, names, keys, build_job),
            *watching(configuration, names, {*collect.keys, *build.keys}, alerts),
        ],
        executor=None if names.key_prefix else in_process,
    )
