"""The sensors: two request alerts, about nights that did not run and runs that failed; one deletes old runs.

Holds no logic of alerts: `pipedrive_graph.alerts` knows what is due, and sends it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipedrive_graph import options
from pipedrive_graph.alerts import send
from pipedrive_graph.errors import AlertError, ConfigurationError, PipedriveGraphError
from pipedrive_graph.orchestration import retention
from pipedrive_graph.orchestration.configuration import Configuration
from pipedrive_graph.settings import Settings

if TYPE_CHECKING:  # what define_asset_job returns has no public name
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

JOB = "alerts"
EVERY = 3600
"""Seconds between two looks at whether a night did not run."""

PARTITION = "dagster/partition"
"""The tag that names a run's company."""

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
"""The tags that name the first and the last company of a run for several."""

WILL_RETRY = "dagster/will_retry"
"""The tag of a failed run that Dagster runs once more by itself."""

REPORTS_ITSELF = "pipedrive_graph/reports_itself"
"""The tag of a run that sends the alert about its own failure: one of `sync`."""


def requested(
    company: str, known: Collection[str], *, run_key: str | None = None, **tags: str
) -> dg.RunRequest:
    """A request for a run for a company.

    Args:
        company: its name.
        known: the partitions of this process. A company that companies.toml names since then is requested by
            its tag: the run has a process of its own, which reads companies.toml again.
        run_key: with the same key, nothing is run twice.
        tags: more tags of the run.
    """
    tags = {"company": company, **tags}
    if company in known:
        return dg.RunRequest(run_key=run_key, partition_key=company, tags=tags)
    return dg.RunRequest(run_key=run_key, tags={PARTITION: company, **tags})


def watching(
    configuration: Configuration, nightly: Collection[dg.AssetKey], alerts: dg.AssetsDefinition
) -> tuple[UnresolvedAssetJobDefinition, list[dg.SensorDefinition]]:
    """The job that only sends alerts, the sensors that ask for it, and the one that deletes old runs.

    Args:
        configuration: the companies whose nights are watched, and whether the sensors are on from the start:
            where a channel is set.
        nightly: the assets of a night, without the alerts.
        alerts: the alerts.
    """
    partitions = [company.name for company in configuration.known.companies]
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(alerts),
        description="Send the alerts that are due; nothing is read or built.",
    )
    status = dg.DefaultSensorStatus.RUNNING if configuration.alerting else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        job=job,
        minimum_interval_seconds=EVERY,
        default_status=status,
        description="Every hour: has a night not run, or could an alert not be delivered?",
    )
    def night_missed(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        settings = configuration.current()
        names = [company.name for company in settings.companies]
        due = [name for name in names if _is_due(settings, name, context.log)]
        for company in due:
            yield requested(company, partitions)
        if not due:
            yield dg.SkipReason("There is nothing to send.")

    @dg.run_failure_sensor(
        # `dg launch` runs in no code location; the assets show whether a run is one of ours
        monitor_all_code_locations=True,
        request_job=job,
        default_status=status,
        description="A run that failed before its alerts were sent, however it was started.",
    )
    def night_failed(context: dg.RunFailureSensorContext) -> Sequence[dg.RunRequest] | dg.SkipReason:
        run = context.dagster_run
        if run.tags.get(WILL_RETRY) == "true":
            return dg.SkipReason("Dagster runs it once more.")
        if REPORTS_ITSELF in run.tags:
            return dg.SkipReason("sync sends the alert about its own failure.")
        planned = _planned(context)
        kind, sentence = _why(context)
        if planned and planned <= alerts.keys:
            # no other run is requested: it would fail as well. The tick shows what is wrong
            raise AlertError(f"The alerts could not be sent: {sentence}")
        settings = configuration.current()
        companies = _companies(
            run, {*partitions, *(company.name for company in settings.companies)}, partitions
        )
        if not (planned & {*nightly}) or not companies:
            return dg.SkipReason("It is not the night of a company.")
        if kind not in {error.__name__ for error in send.FINE}:
            ended = _ended(context)
            for company in companies:
                _note(settings, company, sentence, kind=kind, at=ended, log=context.log)
        return [requested(name, partitions, run_key=f"{run.run_id}/{name}") for name in companies]

    @dg.sensor(
        minimum_interval_seconds=EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Once a day: delete runs that are older than settings.toml keeps them.",
    )
    def old_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        removed = retention.daily(context.instance, options.load(configuration.current().home).dagster)
        return dg.SkipReason(str(removed) if removed else "Old runs were deleted within a day.")

    return job, [night_missed, night_failed, old_runs]


def _is_due(settings: Settings, company: str, log: logging.Logger) -> bool:
    """Whether a company needs a run of the alerts; if what was sent cannot be read, the run says why.

    Raises:
        ConfigurationError: if alerts.toml cannot be used: no run could send anything, so the tick says it.
    """
    try:
        return send.anything_due(settings, company, wait=log.info)
    except ConfigurationError as error:
        _report(settings, company, error, log)
        raise
    except PipedriveGraphError as error:
        log.warning(f"{company}: {error}")
        return True


def _note(
    settings: Settings, company: str, sentence: str, *, kind: str, at: datetime | None, log: logging.Logger
) -> None:
    """Keep a failure for the next alert; if the company's file is damaged, the run of the alerts says why.

    Raises:
        ConfigurationError: if alerts.toml cannot be used, so that the tick says it, too.
    """
    try:
        send.note_failure(settings, company, sentence, kind=kind, at=at, wait=log.info)
    except ConfigurationError as error:
        _report(settings, company, error, log)
        raise ConfigurationError(
            f"A run for {company} failed: {sentence} No alert about it can be sent: {error}"
        ) from error
    except PipedriveGraphError as error:
        log.warning(f"{company}: {error}")


def _report(settings: Settings, company: str, error: ConfigurationError, log: logging.Logger) -> None:
    """Send an alert about alerts.toml over the channels that worked last."""
    for sentence in send.problems(send.misconfigured(settings, error, company=company, wait=log.info)):
        log.warning(f"{company}: {sentence}")


def _planned(context: dg.RunFailureSensorContext) -> set[dg.AssetKey]:
    """The assets that a run was to make."""
    events = context.instance.all_logs(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    )
    keys = (entry.dagster_event.asset_key for entry in events if entry.dagster_event)
    return {key for key in keys if key}


def _companies(run: dg.DagsterRun, known: Collection[str], partitions: Sequence[str]) -> list[str]:
    """The companies of a run: one, or those from the first to the last of a range of partitions."""
    first, last = (run.tags.get(tag) for tag in RANGE)
    if first in partitions and last in partitions:
        return list(partitions[partitions.index(first) : partitions.index(last) + 1])
    company = run.tags.get(PARTITION)
    return [company] if company in known and company is not None else []


def _ended(context: dg.RunFailureSensorContext) -> datetime | None:
    record = context.instance.get_run_record_by_id(context.dagster_run.run_id)
    return datetime.fromtimestamp(record.end_time, UTC) if record and record.end_time else None


def _why(context: dg.RunFailureSensorContext) -> tuple[str, str]:
    """The kind of error that failed a run, and a sentence about it: its own, if the error is one of ours."""
    run_id = context.dagster_run.run_id
    data = context.failure_event.event_specific_data
    failures = [event.step_failure_data.error for event in context.get_step_failure_events()]
    errors = [link for error in [*failures, getattr(data, "error", None)] for link in _chain(error)]
    for error in errors:
        ours = send.sentence_of(error.cls_name or "", error.message)
        if ours:
            return str(error.cls_name), ours
    if errors and errors[-1].cls_name:
        return errors[-1].cls_name, f"an unexpected error, {errors[-1].cls_name}; see run {run_id}."
    return "run", f"the run {run_id} ended without an error message; see its log in Dagster."


def _chain(error: Any) -> Iterator[Any]:  # noqa: ANN401 - Dagster's class has no public name
    """An error, and those that it was raised from."""
    while error:
        yield error
        error = error.cause
