"""The weekly check for damaged files and tables, as a job and its schedule.

`pipedrive_graph.checkup` checks, and `pipedrive_graph.alerts` sends alerts about damage.
"""

import dagster as dg

from pipedrive_graph.alerts import send
from pipedrive_graph.checkup import State, verify
from pipedrive_graph.config import alerts_file
from pipedrive_graph.errors import LandingError
from pipedrive_graph.orchestration.configuration import DefinitionsConfiguration
from pipedrive_graph.orchestration.names import VERIFY, Names
from pipedrive_graph.orchestration.run import op_job

CRON = "30 5 * * 0"
"""The weekly check starts on Sundays at 05:30 UTC, after the nightly run."""


def verifying(
    configuration: DefinitionsConfiguration, names: Names
) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """Make the job and its schedule, which starts switched on."""

    @dg.op(
        name=names.name("verify_everything"),
        description="Check every stored file and table for damage.",
    )
    def verify_everything(context: dg.OpExecutionContext) -> None:
        _verify(context, configuration)

    job = op_job(
        names.name(VERIFY),
        verify_everything,
        "Check every stored file and table for damage.",
        VERIFY,
    )
    schedule = dg.ScheduleDefinition(
        name=names.name("every_week"),
        job=job,
        cron_schedule=CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every week, one run for all companies.",
    )
    return job, schedule


def _verify(context: dg.OpExecutionContext, configuration: DefinitionsConfiguration) -> None:
    """Check all companies.

    Raises:
        LandingError: if something is damaged; the alert about it was sent before.
    """
    settings = configuration.known
    alerts = alerts_file.read(settings)
    faults = []
    for check in verify(settings, alerts, settings.companies):
        level = context.log.info if check.state is State.OK else context.log.warning
        level(f"{check.company or check.name}: {check.text}")
        faults += [check] * (check.state is State.FAULT)
    for company in settings.companies:
        texts = [check.text for check in faults if check.company in {company.name, None}]
        if texts:
            outcomes = send.damaged(settings, alerts, company.name, texts, on_wait=context.log.info)
            for sentence in send.problems(outcomes):
                context.log.warning(sentence)
    if faults:
        more = f" And {len(faults) - 1} more; the log lists them." if len(faults) > 1 else ""
        raise LandingError(f"{faults[0].text}{more}")
