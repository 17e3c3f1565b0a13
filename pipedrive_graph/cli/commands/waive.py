"""`pipedrive-graph waive`: a finding is accepted for a time."""

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
    help="The last day on which that holds, as 2027-03-31; at most 366 days away.",
)
@click.option("--owner", help="Who answers for it; by default, you.")
@as_root_option
@debug_option
def command(*, finding: str, reason: str, until: str, owner: str | None, debug: bool) -> None:
    """Accept FINDING until a day: it stays in every list, as waived, and is open again afterwards.

    FINDING is the beginning of a finding's id, as `pipedrive-graph findings` shows it. The waiver is
    written into waivers.toml in the home folder, where it can be changed or taken back.
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
    found = finding_commands.waive(
        settings,
        models,
        lambda: configuration.rule_names,
        finding,
        reason=reason.strip(),
        owner=(owner or "").strip() or user(),
        expires=expires,
        on_wait=say,
    )
    renew_reports(settings, models, found.company)
    click.echo(f"Waived {found.finding_id} until {expires}: {printable(found.title)}")
    click.echo(printable(f"The waiver is in {settings.home / FILE}."))
