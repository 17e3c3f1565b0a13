"""`pipedrive-graph status`: shows whether the last runs went well, for health checks."""

from __future__ import annotations

import json
from datetime import timedelta

import click
from rich.console import Console
from rich.text import Text

from pipedrive_graph.builder import configuration as config
from pipedrive_graph.cli import terminal
from pipedrive_graph.cli.commands.completion import companies_option
from pipedrive_graph.cli.runner import debug_option
from pipedrive_graph.cli.terminal import COLOURS
from pipedrive_graph.common.text import printable
from pipedrive_graph.runs.health import Health, health


@click.command("status")
@companies_option("names")
@click.option(
    "--max-age",
    type=click.FloatRange(min=0, min_open=True),
    metavar="HOURS",
    help="The age at which published data is too old; by default, expected_every of alerts.toml.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per company, one line each.")
@click.option("--prometheus", is_flag=True, help="Print the metrics for Prometheus.")
@debug_option
def command(
    *, names: tuple[str, ...], max_age: float | None, as_json: bool, prometheus: bool, debug: bool
) -> int:
    """Show the last run of each company and the age of its published data.

    Reads a few local files, opens no database and changes nothing. Exit code 0 means that all is well, 1 that
    a run failed, was killed or is overdue, or that an alert could not be sent, 2 that the settings cannot be
    used.
    """
    if as_json and prometheus:
        raise click.UsageError("Give either --json or --prometheus.")
    configuration = config.load()
    settings = configuration.settings
    alerts, allowed = configuration.alerts, None if max_age is None else timedelta(hours=max_age)
    healths = [health(settings, company.name, alerts, max_age=allowed) for company in settings.chosen(names)]
    if prometheus:
        from pipedrive_graph.runs.metrics import as_text

        click.echo(as_text(healths), nl=False)
        return max(company.exit_code for company in healths)
    console = terminal.console()
    for company in healths:
        if as_json:
            click.echo(json.dumps(company.as_json()))
        else:
            _show(console, company)
    return max(company.exit_code for company in healths)


def _show(console: Console, company: Health) -> None:
    """Print the health of a company as text."""
    last, published = company.record.last, company.record.published
    style = "red" if company.problems else "green"
    state = "unhealthy" if company.problems else "healthy"
    console.print(Text.assemble((company.company, "bold"), "  ", (state, style)))
    for sentence in company.problems:
        console.print(Text(f"  {printable(sentence)}", style="red"), soft_wrap=True)
    for sentence in company.notes:
        console.print(Text(f"  {printable(sentence)}", style="yellow"), soft_wrap=True)
    if last:
        console.print(
            f"  last run: {last.started_at:%Y-%m-%d %H:%M} to {last.ended_at:%Y-%m-%d %H:%M} UTC,"
            f" exit code {last.exit_code}, {last.requests:,} requests",
            highlight=False,
        )
    if company.finished_at:
        snapshot = f"snapshot {published.snapshot_id}, " if published else ""
        hours = (company.now - company.finished_at) / timedelta(hours=1)
        console.print(f"  published: {snapshot}collected {hours:.1f} hours ago", highlight=False)
    if published:
        counts = [(f"{count} {name}", COLOURS[name]) for name, count in published.findings.items() if count]
        line = Text("  open findings: ").append_text(Text(", ").join(Text(*count) for count in counts))
        console.print(line if counts else "  no open findings", highlight=False)
