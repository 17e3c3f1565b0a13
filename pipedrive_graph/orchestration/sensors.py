"""The sensors: two request alerts, one requests builds of pending snapshots, and one deletes old runs.

`pipedrive_graph.alerts` decides which alerts are due, and sends them.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipedrive_graph.alerts import send
from pipedrive_graph.common import clock
from pipedrive_graph.config import alerts_file
from pipedrive_graph.config.alerts_file import AlertsFile
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import AlertError, ConfigurationError, PipedriveGraphError
from pipedrive_graph.landing import Manifest
from pipedrive_graph.orchestration import partitions, retention
from pipedrive_graph.orchestration.assets import alerts as alert_assets
from pipedrive_graph.orchestration.configuration import DefinitionsConfiguration
from pipedrive_graph.orchestration.names import (
    ALERTS,
    BUILD,
    COLLECT,
    NIGHTLY,
    PARTITION,
    RANGE,
    SYNC,
    TAG,
    Names,
)
from pipedrive_graph.orchestration.recorder import FAILED
from pipedrive_graph.pipeline.pending import pending
from pipedrive_graph.runs.recording import is_under_way

if TYPE_CHECKING:  # what define_asset_job returns has no public name
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

EVERY = 3600
"""Seconds between two checks for missing runs."""

OFTEN = 60
"""Seconds between two checks for pending snapshots."""

WILL_RETRY = "dagster/will_retry"
"""The tag of a failed run that Dagster will retry."""

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def watching(
    configuration: DefinitionsConfiguration,
    names: Names,
    ours: Collection[dg.AssetKey],
    job: dg.JobDefinition,
) -> list[dg.SensorDefinition]:
    """Make the sensors for alerts, and the sensor that deletes old runs.

    Args:
        configuration: the companies to watch. The sensors for alerts start switched on if it has a channel.
        names: makes the names.
        ours: the assets of a run of ours.
        job: the job that sends alerts.
    """
    status = dg.DefaultSensorStatus.RUNNING if configuration.alerting else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name=names.name("night_missed"),
        job=job,
        minimum_interval_seconds=EVERY,
        default_status=status,
        description="Every hour: request alerts if a run is missing or an alert could not be delivered.",
    )
    def night_missed(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        settings = configuration.current()
        alerts = alerts_file.read(settings)
        names_ = [company.name for company in settings.companies]
        due = [name for name in names_ if _is_due(settings, alerts, name, context.log)]
        if due:
            yield dg.RunRequest(run_config=alert_assets.run_config(names, due))
        else:
            yield dg.SkipReason("No alert is due.")

    @dg.run_failure_sensor(
        name=names.name("night_failed"),
        # `dg launch` runs outside a code location; tags and assets show whether a run is ours
        monitor_all_code_locations=True,
        request_job=job,
        default_status=status,
        description="Request alerts about runs that failed before sending theirs, however they were started.",
    )
    def night_failed(context: dg.RunFailureSensorContext) -> dg.RunRequest | dg.SkipReason:
        run = context.dagster_run
        if run.tags.get(WILL_RETRY) == "true":
            return dg.SkipReason("Dagster will retry this run.")
        kind, sentence = _why(context)
        if run.job_name == names.name(ALERTS) and run.tags.get(TAG) == ALERTS:
            # another run would fail as well, so none is requested; the tick shows the error
            raise AlertError(f"The alerts could not be sent: {sentence}")
        if run.tags.get(TAG) == SYNC or _reports_itself(context):
            return dg.SkipReason("The run has sent the alerts about its own failure.")
        settings = configuration.current()
        companies = _companies(context, settings, names)
        if not companies or not (run.tags.get(TAG) in {NIGHTLY, BUILD} or _planned(context) & {*ours}):
            return dg.SkipReason("This run does not process a company.")
        if kind not in {error.__name__ for error in send.FINE}:
            ended, alerts = _ended(context), alerts_file.read(settings)
            for company in companies:
                _note(settings, alerts, company, sentence, kind=kind, at=ended, log=context.log)
        return dg.RunRequest(run_key=run.run_id, run_config=alert_assets.run_config(names, companies))

    @dg.sensor(
        name=names.name("old_runs"),
        minimum_interval_seconds=EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Once a day: delete runs that are older than settings.toml allows.",
    )
    def old_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        removed = retention.daily(context.instance, configuration.current().options.dagster)
        return dg.SkipReason(str(removed) if removed else "Old runs were deleted less than a day ago.")

    return [night_missed, night_failed, old_runs]


def building_when_due(
    configuration: DefinitionsConfiguration,
    names: Names,
    collected: Collection[dg.AssetKey],
    job: UnresolvedAssetJobDefinition,
) -> dg.SensorDefinition:
    """Make the sensor that updates the partitions, and requests a build if snapshots are pending.

    Args:
        configuration: the companies.
        names: makes the names.
        collected: the collected assets.
        job: the job that builds.
    """

    @dg.sensor(
        name=names.name("snapshots_pending"),
        job=job,
        minimum_interval_seconds=OFTEN,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Every minute: request a build of pending snapshots, and update the partitions.",
    )
    def snapshots_pending(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        settings = configuration.current()
        changed = partitions.changes(context.instance, names.companies, settings)
        reason = configuration_problem(settings) or _reason_to_wait(context.instance, settings, collected)
        waiting = {} if reason else pending(settings, [company.name for company in settings.companies])
        if waiting and not reason:
            reason = _reason_to_wait_for_others(context.instance, settings, collected, waiting)
        if not waiting and not reason:
            reason = "The newest snapshot of every company is published."
        # the same snapshots are requested once a day, so that a failed build is not retried every minute
        snapshots = sorted(manifest.snapshot_id for manifest in waiting.values())
        digest = hashlib.sha256("\n".join(snapshots).encode()).hexdigest()[:16]
        return dg.SensorResult(
            run_requests=[] if reason else [dg.RunRequest(run_key=f"{clock.now():%Y-%m-%d}/{digest}")],
            skip_reason=dg.SkipReason(reason) if reason else None,
            dynamic_partitions_requests=changed,
        )

    def configuration_problem(settings: Settings) -> str | None:
        return "The companies cannot be read; the next run reports why." if settings.guessed else None

    return snapshots_pending


def _reason_to_wait(
    instance: dg.DagsterInstance, settings: Settings, collected: Collection[dg.AssetKey]
) -> str | None:
    """Why no build is requested in any case: another build has not ended."""
    del settings, collected
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED, tags={TAG: BUILD}), limit=1)
    return f"The run {runs[0].run_id} is building." if runs else None


def _reason_to_wait_for_others(
    instance: dg.DagsterInstance,
    settings: Settings,
    collected: Collection[dg.AssetKey],
    waiting: dict[str, Manifest],
) -> str | None:
    """Why the build waits: a run is collecting companies, and no snapshot has waited for long."""
    longest_wait = timedelta(minutes=settings.options.sync.publish_after)
    oldest = min(manifest.finished_at for manifest in waiting.values())
    if clock.now() - oldest >= longest_wait:
        return None
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        is_reading = run.tags.get(TAG) in {NIGHTLY, COLLECT, SYNC} or (
            run.asset_selection and run.asset_selection & {*collected}
        )
        if is_reading:
            return f"The run {run.run_id} is collecting companies."
    for company in settings.companies:
        if is_under_way(settings, company.name):
            return f"A run of {company.name} is under way."
    return None


def _is_due(settings: Settings, alerts: AlertsFile, company: str, log: logging.Logger) -> bool:
    """Whether an alert of a company is due; also true if the record of sent alerts cannot be read.

    Raises:
        ConfigurationError: if alerts.toml cannot be used: no run could send alerts, so the tick reports it.
    """
    try:
        return send.anything_due(settings, alerts, company, on_wait=log.info)
    except ConfigurationError as error:
        _report(settings, alerts, company, error, log)
        raise
    except PipedriveGraphError as error:
        log.warning(f"{company}: {error}")
        return True


def _note(
    settings: Settings,
    alerts: AlertsFile,
    company: str,
    sentence: str,
    *,
    kind: str,
    at: datetime | None,
    log: logging.Logger,
) -> None:
    """Queue an alert about a failure. If the company's file is damaged, the run of the alerts reports that.

    Raises:
        ConfigurationError: if alerts.toml cannot be used, so that the tick reports it, too.
    """
    try:
        send.note_failure(settings, alerts, company, sentence, kind=kind, at=at, on_wait=log.info)
    except ConfigurationError as error:
        _report(settings, alerts, company, error, log)
        raise ConfigurationError(
            f"A run for {company} failed: {sentence} No alert about it can be sent: {error}"
        ) from error
    except PipedriveGraphError as error:
        log.warning(f"{company}: {error}")


def _report(
    settings: Settings, alerts: AlertsFile, company: str, error: ConfigurationError, log: logging.Logger
) -> None:
    """Send an alert about alerts.toml over the channels that worked last."""
    outcomes = send.misconfigured(settings, alerts, error, companies=[company], on_wait=log.info)
    for sentence in send.problems(outcomes):
        log.warning(f"{company}: {sentence}")


def _planned(context: dg.RunFailureSensorContext) -> set[dg.AssetKey]:
    """The assets that a run was planned to materialize."""
    events = context.instance.all_logs(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    )
    keys = (entry.dagster_event.asset_key for entry in events if entry.dagster_event)
    return {key for key in keys if key}


def _companies(context: dg.RunFailureSensorContext, settings: Settings, names: Names) -> list[str]:
    """The companies of a run: from its partitions or its configuration, or all."""
    run = context.dagster_run
    known = [company.name for company in settings.companies]
    if run.tags.get(TAG) == NIGHTLY:
        ops = run.run_config.get("ops", {}) if isinstance(run.run_config, dict) else {}
        chosen = ops.get(names.name("night"), {}).get("config", {}).get("companies") or known
        return [name for name in chosen if name in known]
    if run.tags.get(TAG) == BUILD:
        return known if settings.guessed else [*pending(settings, known)]
    if RANGE[0] in run.tags:
        keys = context.instance.get_dynamic_partitions(names.companies.name or "")
        return partitions.in_range(keys, run.tags.get(RANGE[0]), run.tags.get(RANGE[1]))
    company = run.tags.get(PARTITION)
    keys = context.instance.get_dynamic_partitions(names.companies.name or "")
    return [company] if company is not None and company in {*known, *keys} else []


def _reports_itself(context: dg.RunFailureSensorContext) -> bool:
    """Whether the run sent its own alerts: its error names the companies."""
    for event in context.get_step_failure_events():
        data = event.step_failure_data.user_failure_data
        if data is not None and FAILED in data.metadata:
            return True
    return False


def _ended(context: dg.RunFailureSensorContext) -> datetime | None:
    record = context.instance.get_run_record_by_id(context.dagster_run.run_id)
    return datetime.fromtimestamp(record.end_time, UTC) if record and record.end_time else None


def _why(context: dg.RunFailureSensorContext) -> tuple[str, str]:
    """The class of the error that failed a run, and its message if it is our own error."""
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
    """An error and its causes."""
    while error:
        yield error
        error = error.cause
