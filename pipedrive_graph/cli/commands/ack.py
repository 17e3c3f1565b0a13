"""`pipedrive-graph ack`: somebody has looked into an event."""

from __future__ import annotations

import click

from pipedrive_graph.builder import configuration as config
from pipedrive_graph.cli.decided import renew_reports
from pipedrive_graph.cli.runner import as_root_option, debug_option, say, user
from pipedrive_graph.common.text import printable
from pipedrive_graph.decisions import finding_commands


@click.command("ack")
@click.argument("finding")
@click.option("--note", help="What came of it, in a sentence.")
@as_root_option
@debug_option
def command(*, finding: str, note: str | None, debug: bool) -> None:
    """Acknowledge FINDING, an event: it is resolved, and stays so.

    FINDING is the beginning of a finding's id, as `pipedrive-graph findings` shows it. How things are
    cannot be acknowledged: change it in Pipedrive, or waive it for a time.
    """
    configuration = config.load()
    settings = configuration.settings
    models = configuration.models
    found = finding_commands.acknowledge(
        settings, models, finding, note=(note or "").strip(), by=user(), on_wait=say
    )
    renew_reports(settings, models, found.company)
    click.echo(f"Acknowledged {found.finding_id}: {printable(found.title)}")
