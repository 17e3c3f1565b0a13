"""Alerts: the last asset of a night sends them; two sensors see to nights that failed or did not run.

Holds no logic: `pipedrive_graph.alerts` knows what is due, and sends it.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from pipedrive_graph.alerts import send
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.orchestration.checks import company_check
from pipedrive_graph.orchestration.observers import Watch
from pipedrive_graph.orchestration.publishing import GROUP
from pipedrive_graph.settings import Settings

if TYPE_CHECKING:  # what define_asset_job returns has no public name
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

JOB = "alerts"
EVERY = 3600
"""Seconds between two looks at whether a night did not run."""

PARTITION = "dagster/partition"
"""The tag that names a run's company."""

WILL_RETRY = "dagster/will_retry"
"""The tag of a failed run that Dagster runs once more by itself."""


def alerting(companies: dg.PartitionsDefinition[str], *, after: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The asset of the alerts, after all that they speak of, and its check."""
    key = dg.AssetKey("alerts_sent")

    @dg.multi_asset(
        name="tell",
        partitions_def=companies,
        specs=[
            dg.AssetSpec(
                key,
                deps=after,
                description="Who was told tonight: of new critical or high findings, and of a night that is "
                "partial, failed or did not run, each once, over the channels of alerts.toml. "
                "Without such a file, nobody is told anything.",
                group_name=GROUP,
                kinds={"slack", "email"},
            )
        ],
        check_specs=[
            company_check(
                "alerts_delivered",
                asset=key,
                companies=companies,
                description="Every alert that was due was delivered. "
                "What was not is tried again by the next run.",
            )
        ],
    )
    def send_alerts(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        watch: dg.ResourceParam[Watch],
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        company = context.partition_key
        outcomes = send.send(settings, company, wait=context.log.info)
        problems = send.problems(outcomes)
        for sentence in problems:
            watch.observer(company, context.log).warn(sentence)
        told = {outcome.channel: outcome.message for outcome in outcomes if outcome.message}
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                "channels": len([outcome for outcome in outcomes if outcome.channel]),
                "messages": len(told),
                "findings told": sum(message.total for message in told.values()),
                "not delivered": len(problems),
                **{f"told over {name}": message.headline for name, message in told.items()},
            },
        )
        yield dg.AssetCheckResult(
            check_name="alerts_delivered",
            asset_key=key,
            passed=not problems,
            severity=dg.AssetCheckSeverity.WARN,
            description="\n".join(problems) or None,
        )

    return send_alerts


def watching(
    settings: Settings, nightly: "UnresolvedAssetJobDefinition", asset: dg.AssetsDefinition, *, running: bool
) -> tuple["UnresolvedAssetJobDefinition", list[dg.SensorDefinition]]:
    """The job that only sends alerts, and the sensors that ask for it.

    Args:
        settings: the companies whose nights are watched.
        nightly: the job whose failures are told.
        asset: the alerts.
        running: whether the sensors are on from the start: where a channel is set.
    """
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(asset),
        description="Tell what is due; nothing is read or built.",
    )
    status = dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        job=job,
        minimum_interval_seconds=EVERY,
        default_status=status,
        description="Every hour: has a night not run, or could an alert not be delivered?",
    )
    def night_missed(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        due = [company.name for company in settings.companies if _is_due(settings, company.name, context.log)]
        for company in due:
            yield dg.RunRequest(partition_key=company, tags={"company": company})
        if not due:
            yield dg.SkipReason("Everything is told.")

    @dg.run_failure_sensor(
        monitored_jobs=[nightly],
        request_job=job,
        default_status=status,
        description="A night that failed before its alerts were sent.",
    )
    def night_failed(context: dg.RunFailureSensorContext) -> dg.RunRequest | dg.SkipReason:
        run = context.dagster_run
        company = run.tags.get(PARTITION)
        if company is None or run.tags.get(WILL_RETRY) == "true":
            return dg.SkipReason("No night of a company, or one that Dagster runs once more.")
        kind, sentence = _why(context)
        if kind not in {error.__name__ for error in send.FINE}:
            send.note_failure(settings, company, sentence, kind=kind, wait=context.log.info)
        return dg.RunRequest(run_key=run.run_id, partition_key=company, tags={"company": company})

    return job, [night_missed, night_failed]


def _is_due(settings: Settings, company: str, log: logging.Logger) -> bool:
    """Whether a company needs a run of the alerts; where that cannot be told, the run says why."""
    try:
        return send.anything_due(settings, company, wait=log.info)
    except PipedriveGraphError as error:
        log.warning(f"{company}: {error}")
        return True


def _why(context: dg.RunFailureSensorContext) -> tuple[str, str]:
    """The kind of what a run failed of, and its sentence where it has one of our own."""
    for event in context.get_step_failure_events():
        error = event.step_failure_data.error
        while error and error.cause:
            error = error.cause
        if error and error.cls_name:
            ours = send.sentence_of(error.cls_name, error.message)
            return (
                error.cls_name,
                ours or f"an unexpected error, {error.cls_name}; see run {context.dagster_run.run_id}.",
            )
    return "run", f"the run {context.dagster_run.run_id} ended without a word; see its log in Dagster."
