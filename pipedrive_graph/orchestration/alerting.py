"""The job that only sends alerts: the sensors ask for it where a night did not run, or a run failed.

Holds no logic: `pipedrive_graph.alerts` knows what is due, and sends it.
"""

import dagster as dg

from pipedrive_graph.alerts import send
from pipedrive_graph.errors import AlertError, PipedriveGraphError
from pipedrive_graph.orchestration.configuration import Configuration
from pipedrive_graph.orchestration.names import ALERTS, Names
from pipedrive_graph.orchestration.nightly import op_job
from pipedrive_graph.ownership import RootError
from pipedrive_graph.runs.recording import note_alerts_sent

OP = "send_alerts"


class AlertsConfig(dg.Config):
    """The companies whose alerts are sent; by default, all."""

    companies: list[str] = []  # noqa: RUF012 - Dagster's configurations are declared like this


def alerts_job(configuration: Configuration, names: Names) -> dg.JobDefinition:
    """The job of the alerts."""

    @dg.op(name=names.name(OP), description="Send the alerts that are due.")
    def send_alerts(context: dg.OpExecutionContext, config: AlertsConfig) -> None:
        if isinstance(configuration.problem, RootError):
            raise configuration.problem  # what would be written about them would be closed to the service
        # alerts are sent whatever else is wrong with the configuration: it may be what they are about
        settings = configuration.known
        failed: dict[str, PipedriveGraphError] = {}
        for company in config.companies or [one.name for one in settings.companies]:
            try:
                outcomes = send.send(settings, company, wait=context.log.info)
            except PipedriveGraphError as error:
                failed[company] = error
                continue
            problems = send.problems(outcomes)
            for outcome in outcomes:
                if outcome.message:
                    context.log.info(f"{company}: sent over {outcome.channel}: {outcome.message.headline}")
            for sentence in problems:
                context.log.warning(f"{company}: {sentence}")
            if not problems:
                note_alerts_sent(settings, company, context.log.warning)
        if len(failed) == 1:
            raise next(iter(failed.values()))
        if failed:
            raise AlertError("\n".join(f"{company}: {error}" for company, error in failed.items()))

    return op_job(
        names.name(ALERTS), send_alerts, "Send the alerts that are due; nothing is read or built.", ALERTS
    )


def run_config(names: Names, companies: list[str]) -> dict[str, object]:
    """The configuration of a run for these companies."""
    return {"ops": {names.name(OP): {"config": {"companies": companies}}}}
