"""The sensors: two ask for alerts, one for a build of what has been read, and one deletes old runs.

Holds no logic of alerts: `pipedrive_graph.alerts` knows what is due, and sends it.
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
"""Seconds between two looks at whether a night did not run."""

OFTEN = 60
"""Seconds between two looks at whether a snapshot waits to be built."""

WILL_RETRY = "dagster/will_retry"
"""The tag of a failed run that Dagster runs once more by itself."""

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
    """The sensors of alerts, and the one that deletes old runs.

    Args:
        configuration: the companies whose nights are watched, and whether the sensors of alerts are on from
            the start: where a channel is set.
        names: makes the names.
        ours: the assets that a night makes.
        job: sends the alerts.
    """
    status = dg.DefaultSensorStatus.RUNNING if configuration.alerting else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name=names.name("night_missed"),
        job=job,
        minimum_interval_seconds=EVERY,
        default_status=status,
        description="Every hour: has a night not run, or could an alert not be delivered?",
    )
    def night_missed(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        settings = configuration.current()
        alerts = alerts_file.read(settings)
        due = [one.name for one in settings.companies if _is_due(settings, alerts, one.name, context.log)]
        if due:
            yield dg.RunRequest(run_config=alert_assets.run_config(names, due))
        else:
            yield dg.SkipReason("There is nothing to send.")

    @dg.run_failure_sensor(
        name=names.name("night_failed"),
        # `dg launch` runs in no code location; tags and assets show whether a run is one of ours
        monitor_all_code_locations=True,
        request_job=job,
        default_status=status,
        description="A run that failed before its alerts were sent, however it was started.",
    )
    def night_failed(context: dg.RunFailureSensorContext) -> dg.RunRequest | dg.SkipReason:
        run = context.dagster_run
        if run.tags.get(WILL_RETRY) == "true":
            return dg.SkipReason("Dagster runs it once more.")
        kind, sentence = _why(context)
        if run.job_name == names.name(ALERTS) and run.tags.get(TAG) == ALERTS:
            # no other run is requested: it would fail as well. The tick shows what is wrong
            raise AlertError(f"The alerts could not be sent: {sentence}")
        if run.tags.get(TAG) == SYNC or _reports_itself(context):
            return dg.SkipReason("The run has sent the alerts about its own failure.")
        settings = configuration.current()
        companies = _companies(context, settings, names)
        if not companies or not (run.tags.get(TAG) in {NIGHTLY, BUILD} or _planned(context) & {*ours}):
            return dg.SkipReason("It is not the night of a company.")
        if kind not in {error.__name__ for error in send.FINE}:
            ended, alerts = _ended(context), alerts_file.read(settings)
            for company in companies:
                _note(settings, alerts, company, sentence, kind=kind, at=ended, log=context.log)
        return dg.RunRequest(run_key=run.run_id, run_config=alert_assets.run_config(names, companies))

    @dg.sensor(
        name=names.name("old_runs"),
        minimum_interval_seconds=EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Once a day: delete runs that are older than settings.toml keeps them.",
    )
    def old_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        removed = retention.daily(context.instance, configuration.current().options.dagster)
        return dg.SkipReason(str(removed) if removed else "Old runs were deleted within a day.")

    return [night_missed, night_failed, old_runs]


def building_when_due(
    configuration: DefinitionsConfiguration,
    names: Names,
    collected: Collection[dg.AssetKey],
    job: UnresolvedAssetJobDefinition,
) -> dg.SensorDefinition:
    """The sensor that keeps the partitions, and asks for a build where snapshots wait for one.

    Args:
        configuration: the companies.
        names: makes the names.
        collected: the collecting assets.
        job: builds.
    """

    @dg.sensor(
        name=names.name("snapshots_pending"),
        job=job,
        minimum_interval_seconds=OFTEN,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Every minute: has a snapshot been read that no run builds? Adds companies, too.",
    )
    def snapshots_pending(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        settings = configuration.current()
        changed = partitions.changes(context.instance, names.companies, settings)
        reason = configuration_problem(settings) or _reason_to_wait(context.instance, settings, collected)
        waiting = {} if reason else pending(settings, [one.name for one in settings.companies])
        if waiting and not reason:
            reason = _reason_to_wait_for_others(context.instance, settings, collected, waiting)
        if not waiting and not reason:
            reason = "The newest snapshot of every company is published."
        # the same snapshots are asked for once a day: what failed to build is not tried every minute
        snapshots = sorted(manifest.snapshot_id for manifest in waiting.values())
        digest = hashlib.sha256("\n".join(snapshots).encode()).hexdigest()[:16]
        return dg.SensorResult(
            run_requests=[] if reason else [dg.RunRequest(run_key=f"{clock.now():%Y-%m-%d}/{digest}")],
            skip_reason=dg.SkipReason(reason) if reason else None,
            dynamic_partitions_requests=changed,
        )

    def configuration_problem(settings: Settings) -> str | None:
        return "The companies cannot be read; the next run says why." if settings.guessed else None

    return snapshots_pending


def _reason_to_wait(
    instance: dg.DagsterInstance, settings: Settings, collected: Collection[dg.AssetKey]
) -> str | None:
    """Why no build is asked for, whatever waits: a run that builds has not ended."""
    del settings, collected
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED, tags={TAG: BUILD}), limit=1)
    return f"The run {runs[0].run_id} builds." if runs else None


def _reason_to_wait_for_others(
    instance: dg.DagsterInstance,
    settings: Settings,
    collected: Collection[dg.AssetKey],
    waiting: dict[str, Manifest],
) -> str | None:
    """Why the build waits: a run reads companies, and no snapshot has waited for long."""
    patience = timedelta(minutes=settings.options.sync.publish_after)
    oldest = min(manifest.finished_at for manifest in waiting.values())
    if clock.now() - oldest >= patience:
        return None
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        is_reading = run.tags.get(TAG) in {NIGHTLY, COLLECT, SYNC} or (
            run.asset_selection and run.asset_selection & {*collected}
        )
        if is_reading:
            return f"The run {run.run_id} reads companies."
    for company in settings.companies:
        if is_under_way(settings, company.name):
            return f"A run of {company.name} is under way."
    return None


def _is_due(settings: Settings, alerts: AlertsFile, company: str, log: logging.Logger) -> bool:
    """Whether a company needs a run of the alerts; if what was sent cannot be read, the run says why.

    Raises:
        ConfigurationError: if alerts.toml cannot be used: no run could send anything, so the tick says it.
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
    """Keep a failure for the next alert; if the company's file is damaged, the run of the alerts says why.

    Raises:
        ConfigurationError: if alerts.toml cannot be used, so that the tick says it, too.
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
    outcomes = send.misconfigured(settings, alerts, error, company=company, on_wait=log.info)
    for sentence in send.problems(outcomes):
        log.warning(f"{company}: {sentence}")


def _planned(context: dg.RunFailureSensorContext) -> set[dg.AssetKey]:
    """The assets that a run was to make."""
    events = context.instance.all_logs(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    )
    keys = (entry.dagster_event.asset_key for entry in events if entry.dagster_event)
    return {key for key in keys if key}


def _companies(context: dg.RunFailureSensorContext, settings: Settings, names: Names) -> list[str]:
    """The companies of a run: of its partitions, of its configuration, or all."""
    run = context.dagster_run
    known = [company.name for company in settings.companies]
    if run.tags.get(TAG) == NIGHTLY:
        ops = run.run_config.get("ops", {}) if isinstance(run.run_config, dict) else {}
        chosen = ops.get(names.name("night"), {}).get("config", {}).get("companies") or known
        return [name for name in chosen if name in known]
    if run.tags.get(TAG) == BUILD:
        return known if settings.guessed else [*pending(settings, [one.name for one in settings.companies])]
    if RANGE[0] in run.tags:
        kept = context.instance.get_dynamic_partitions(names.companies.name or "")
        return partitions.in_range(kept, run.tags.get(RANGE[0]), run.tags.get(RANGE[1]))
    company = run.tags.get(PARTITION)
    kept = context.instance.get_dynamic_partitions(names.companies.name or "")
    return [company] if company is not None and company in {*known, *kept} else []


def _reports_itself(context: dg.RunFailureSensorContext) -> bool:
    """Whether the run ended with the error that names the companies whose alerts were sent."""
    for event in context.get_step_failure_events():
        data = event.step_failure_data.user_failure_data
        if data is not None and FAILED in data.metadata:
            return True
    return False


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
