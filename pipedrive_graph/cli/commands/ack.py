"""`pipedrive-graph ack`: acknowledges an event that somebody has looked into."""

from __future__ import annotations

import click

from pipedrive_graph.builder import configuration as config
from pipedrive_graph.cli.decided import renew_reports
from pipedrive_graph.cli.runner import as_root_option, debug_option, say, user
from pipedrive_graph.common.text import printable
from pipedrive_graph.decisions import finding_commands


@click.command("ack")
@click.argument("finding")
@click.option("--note", help="The outcome, in one sentence.")
@as_root_option
@debug_option
def command(*, finding: str, note: str | None, debug: bool) -> None:
    """Acknowledge FINDING, an event: it is resolved, and stays resolved.

    FINDING is the beginning of a finding's id, as `pipedrive-graph findings` shows it. A state cannot be
    acknowledged: change it in Pipedrive, or waive it for a time.
    """
    configuration = config.load()
    settings = configuration.settings
    models = configuration.models
    acknowledged = finding_commands.acknowledge(
        settings, models, settings.names, finding, note=(note or "").strip(), by=user(), on_wait=say
    )
    renew_reports(settings, acknowledged.company)
    click.echo(f"Acknowledged {acknowledged.finding_id}: {printable(acknowledged.title)}")
