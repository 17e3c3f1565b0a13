"""The alerts as an asset: the last of a night, and all that the job `alerts` makes.

Holds no logic: `pipedrive_graph.alerts` knows what is due, and sends it.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from pipedrive_graph.alerts import heartbeat, send
from pipedrive_graph.orchestration.checks import company_check
from pipedrive_graph.orchestration.configuration import Configuration
from pipedrive_graph.orchestration.observers import Watch
from pipedrive_graph.orchestration.publishing import GROUP
from pipedrive_graph.ownership import RootError
from pipedrive_graph.runs.recording import note_alerts_sent


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
        configuration: dg.ResourceParam[Configuration],
        watch: dg.ResourceParam[Watch],
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        company = context.partition_key
        if isinstance(configuration.problem, RootError):
            raise configuration.problem  # what would be written about them would be closed to the service
        # alerts are sent whatever else is wrong with the configuration: it may be what they are about
        warn = watch.observer(company, context.log).warn
        outcomes = send.send(configuration.known, company, wait=warn)
        if not send.problems(outcomes):
            outcomes += heartbeat.send(configuration.known, company, watch.manifest)
        problems = send.problems(outcomes)
        for sentence in problems:
            warn(sentence)
        watch.alerted(problems)
        if not problems and watch.manifest is None:  # this run has no record of its own
            note_alerts_sent(configuration.known, company, warn)
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
