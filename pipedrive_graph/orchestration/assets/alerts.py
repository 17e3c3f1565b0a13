"""The job that only sends alerts; the sensors request it when a run is missing or has failed.

`pipedrive_graph.alerts` decides what is due, and sends it.
"""

import dagster as dg

from pipedrive_graph.alerts import send
from pipedrive_graph.alerts.sender import Outcome
from pipedrive_graph.config import alerts_file
from pipedrive_graph.config.ownership import RootError
from pipedrive_graph.errors import AlertError, PipedriveGraphError
from pipedrive_graph.orchestration import outcomes
from pipedrive_graph.orchestration.checking import log_check
from pipedrive_graph.orchestration.configuration import DefinitionsConfiguration
from pipedrive_graph.orchestration.names import ALERTS, Names
from pipedrive_graph.orchestration.run import op_job
from pipedrive_graph.runs.recording import note_alerts_sent

OP = "send_alerts"

SHOWN = 10
"""The most messages in a run's metadata."""


class AlertsConfig(dg.Config):
    """The companies whose alerts are sent; by default, all."""

    companies: list[str] = []  # noqa: RUF012 - Dagster's configurations are declared like this


def alerts_job(configuration: DefinitionsConfiguration, names: Names) -> dg.JobDefinition:
    """Make the job that sends alerts."""

    @dg.op(name=names.name(OP), description="Send the alerts that are due.")
    def send_alerts(context: dg.OpExecutionContext, config: AlertsConfig) -> None:
        if isinstance(configuration.problem, RootError):
            raise configuration.problem  # root would write files that the service cannot read
        # any other problem does not stop the alerts: they may be about it
        settings = configuration.known
        alerts = alerts_file.read(settings)
        failed: dict[str, PipedriveGraphError] = {}
        sent: list[Outcome] = []
        for company in config.companies or [configured.name for configured in settings.companies]:
            try:
                delivered = send.send(settings, alerts, company, on_wait=context.log.info)
            except PipedriveGraphError as error:
                failed[company] = error
                continue
            sent += delivered
            problems = send.problems(delivered)
            for sentence in problems:
                context.log.warning(f"{company}: {sentence}")
            if not problems:
                note_alerts_sent(settings, company, context.log.warning)
        _record(context, names, sent)
        if len(failed) == 1:
            raise next(iter(failed.values()))
        if failed:
            raise AlertError("\n".join(f"{company}: {error}" for company, error in failed.items()))

    return op_job(
        names.name(ALERTS), send_alerts, "Send the alerts that are due; nothing is read or built.", ALERTS
    )


def _record(context: dg.OpExecutionContext, names: Names, sent: list[Outcome]) -> None:
    """Log what was sent, and the check of whether all of it was delivered."""
    messages = [outcome for outcome in sent if outcome.message]
    problems = send.problems(sent)
    context.log_event(
        dg.AssetMaterialization(
            names.key("alerts_sent"),
            metadata={
                "channels": len({outcome.channel for outcome in sent if outcome.channel}),
                "messages": len(messages),
                "findings sent": sum(outcome.message.total for outcome in messages if outcome.message),
                "not delivered": len(problems),
                **{
                    f"sent over {outcome.channel}": outcome.message.headline
                    for outcome in messages[:SHOWN]
                    if outcome.message
                },
            },
        )
    )
    key = dg.AssetCheckKey(names.key("alerts_sent"), "alerts_delivered")
    result = outcomes.Outcome(key, not problems, dg.AssetCheckSeverity.WARN, "\n".join(problems) or None)
    log_check(context, result)


def run_config(names: Names, companies: list[str]) -> dict[str, object]:
    """The run configuration for these companies."""
    return {"ops": {names.name(OP): {"config": {"companies": companies}}}}
