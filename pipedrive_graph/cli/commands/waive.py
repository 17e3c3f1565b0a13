"""`pipedrive-graph waive`: accepts a finding for a time."""

from __future__ import annotations

import click

from pipedrive_graph.builder import configuration as config
from pipedrive_graph.cli.decided import renew_reports
from pipedrive_graph.cli.runner import as_root_option, debug_option, parsed_day, say, user
from pipedrive_graph.common import clock
from pipedrive_graph.common.text import printable
from pipedrive_graph.config.waivers import FILE, LONGEST
from pipedrive_graph.decisions import finding_commands


@click.command("waive")
@click.argument("finding")
@click.option("--reason", required=True, help="Why it is accepted.")
@click.option(
    "--until",
    required=True,
    metavar="DATE",
    help="The last day of the waiver, such as 2027-03-31; at most 366 days away.",
)
@click.option("--owner", help="Who is responsible for it; by default, you.")
@as_root_option
@debug_option
def command(*, finding: str, reason: str, until: str, owner: str | None, debug: bool) -> None:
    """Accept FINDING until a day: it stays listed as waived, and is open again afterwards.

    FINDING is the beginning of a finding's id, as `pipedrive-graph findings` shows it. The waiver is
    written to waivers.toml in the home folder, where you can change or remove it.
    """
    today, expires = clock.now().date(), parsed_day(until, "--until")
    if not today <= expires <= today + LONGEST:
        raise click.BadParameter(
            f"{expires} is not between today and {today + LONGEST}.", param_hint="'--until'"
        )
    if not reason.strip():
        raise click.BadParameter("it must not be empty.", param_hint="'--reason'")
    configuration = config.load()
    settings = configuration.settings
    models = configuration.models
    waived = finding_commands.waive(
        settings,
        models,
        settings.names,
        configuration.add_waiver,
        finding,
        reason=reason.strip(),
        owner=(owner or "").strip() or user(),
        expires=expires,
        on_wait=say,
    )
    renew_reports(settings, waived.company)
    click.echo(f"Waived {waived.finding_id} until {expires}: {printable(waived.title)}")
    click.echo(printable(f"The waiver is in {settings.folder / FILE}."))
