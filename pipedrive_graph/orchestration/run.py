"""The nightly job, which runs all steps for all companies; `sync` records its run in the same way."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg

from pipedrive_graph import pipeline
from pipedrive_graph.builder import configuration as config
from pipedrive_graph.config.company import Collect, Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ConfigurationError, PipedriveGraphError
from pipedrive_graph.landing import Landing
from pipedrive_graph.orchestration import instance, partitions, retention
from pipedrive_graph.orchestration.configuration import DefinitionsConfiguration
from pipedrive_graph.orchestration.names import NIGHTLY, SYNC, TAG, Names
from pipedrive_graph.orchestration.recorder import Context, Recorder
from pipedrive_graph.orchestration.reporting import LoggedRun
from pipedrive_graph.pipeline.land import is_confirmed
from pipedrive_graph.warehouse.database import is_interrupt

Steps = Callable[[config.Configuration, pipeline.Events], None]
"""Runs steps for companies, and reports events."""


class NightConfig(dg.Config):
    """The run configuration of a run that collects companies.

    Attributes:
        companies: their names; by default, all.
        collect: how to collect them; by default, as in the settings of each.
        accept_shrink: the id of a snapshot that was refused because many users are gone; the error message
            contains it. Then only its company is collected. Any type is accepted here, so that `true`, which
            earlier versions used, gets a clear error.
    """

    companies: list[str] = []  # noqa: RUF012 - Dagster's configurations are declared like this
    collect: str | None = None
    accept_shrink: Any = None


def nightly_job(configuration: DefinitionsConfiguration, names: Names) -> dg.JobDefinition:
    """Make the job that the schedule starts."""

    @dg.op(
        name=names.name("night"),
        description="Collect the companies at the same time; build and publish in batches; report and alert.",
    )
    def night(context: dg.OpExecutionContext, config: NightConfig) -> None:
        settings = configuration.settings
        partitions.apply(context.instance, names.companies, settings)
        request = requested(settings, config)
        run_steps(
            context,
            settings,
            names,
            request.companies,
            lambda loaded, events: pipeline.run(loaded, request, events),
        )

    return op_job(
        names.name(NIGHTLY), night, "Collect, build, publish, report and alert, for all companies.", NIGHTLY
    )


def op_job(name: str, op: dg.OpDefinition, description: str, tag: str) -> dg.JobDefinition:
    """Make a job with one op, which runs in the process of the run."""
    return dg.JobDefinition(
        name=name,
        graph_def=dg.GraphDefinition(name, node_defs=[op]),
        resource_defs={},
        executor_def=dg.in_process_executor,
        description=description,
        tags={TAG: tag},
    )


def requested(
    settings: Settings, config: NightConfig, companies: Sequence[str] | None = None
) -> pipeline.Request:
    """Make the pipeline's request from a run's configuration.

    Args:
        settings: the companies, and how many are read at the same time.
        config: the run configuration.
        companies: the partitions of the run; by default, the companies of the configuration.

    Raises:
        ConfigurationError: if a company is not known, or the snapshot of `accept_shrink` was not refused.
    """
    chosen = settings.options.sync
    selected = [settings.company(name) for name in companies or config.companies] or [*settings.companies]
    accept = config.accept_shrink not in (None, False, "")
    if accept:
        selected = [_confirmed(settings, selected, config.accept_shrink)]
    try:
        plan = Collect(config.collect) if config.collect else None
    except ValueError as error:
        plans = " or ".join(map(str, Collect))
        raise ConfigurationError(f"collect in the run's configuration must be {plans}.") from error
    return pipeline.Request(
        selected, plan, accept_shrink=accept, jobs=chosen.jobs, publish_after=chosen.publish_after * 60
    )


def _confirmed(settings: Settings, companies: Sequence[Company], value: object) -> Company:
    """The company whose refused snapshot is accepted."""
    problem: ConfigurationError | None = None
    for company in companies:
        try:
            if is_confirmed(Landing(settings.storage).of(company.name), value):
                return company
        except ConfigurationError as error:
            problem = error
    raise problem or ConfigurationError("No company is selected whose snapshot could be accepted.")


def run_steps(
    context: Context, settings: Settings, names: Names, companies: Sequence[Company], steps: Steps
) -> None:
    """Run steps for companies in a run that Dagster has started, and record them.

    The run reads the configuration files itself: they may have changed since the definitions were loaded.

    Raises:
        Failure: if companies failed; names them.
    """
    loaded = config.Configuration(settings)
    logged = LoggedRun(loaded, [company.name for company in companies], context.run.run_id, context.log)
    recorder = Recorder(context, loaded, names, logged)
    try:
        steps(loaded, recorder)
    finally:
        logged.finish()
    recorder.finish(loaded.models)


def run_recorded(
    configuration: config.Configuration, request: pipeline.Request, events: pipeline.Events
) -> None:
    """Run all steps of `sync`, and record them in the instance of DAGSTER_HOME.

    Args:
        configuration: the configuration files of the home folder.
        request: the companies, and how to collect them.
        events: receives the events before they are recorded.

    Raises:
        KeyboardInterrupt: if the process is interrupted or terminated.
    """
    names, settings = Names(), configuration.settings

    @dg.op(name=SYNC, description="One run of the command `sync`.")
    def sync(context: dg.OpExecutionContext) -> None:
        partitions.apply(context.instance, names.companies, settings)
        recorder = Recorder(context, configuration, names, events)
        pipeline.run(configuration, request, recorder)
        recorder.finish(configuration.models)

    job = op_job(SYNC, sync, "One run of the command `sync`.", SYNC)
    on_warning = events.observer(request.companies[0].name).warn
    with _instance(on_warning) as opened:
        _execute(job, opened, request)
        _delete_old_runs(opened, settings, on_warning)


def _execute(job: dg.JobDefinition, opened: dg.DagsterInstance, request: pipeline.Request) -> None:
    tags = {"company": request.companies[0].name} if len(request.companies) == 1 else {}
    try:
        job.execute_in_process(
            instance=opened,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags=tags,
        )
    except dg.Failure:
        pass  # companies failed; their receiver was notified
    except dg.DagsterExecutionInterruptedError as error:  # Dagster's error for SIGINT and SIGTERM
        raise KeyboardInterrupt from error
    except Exception as error:
        if is_interrupt(error):
            raise KeyboardInterrupt from error
        raise


def _delete_old_runs(
    opened: dg.DagsterInstance, settings: Settings, on_warning: Callable[[str], None]
) -> None:
    """Delete old runs from an instance on disk, once a day; an error is only a warning."""
    if opened.is_ephemeral:
        return
    try:
        retention.daily(opened, settings.options.dagster)
    except PipedriveGraphError as error:
        on_warning(f"Old runs of Dagster were not deleted: {error}")


@contextlib.contextmanager
def _instance(on_wait: Callable[[str], None]) -> Iterator[dg.DagsterInstance]:
    with instance.opened(on_wait) as opened:
        if opened is not None:
            yield opened
            return
        with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as ephemeral:
            yield ephemeral
