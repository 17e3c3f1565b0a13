"""`pipedrive-graph alerts`: sends the alerts that are due (for cron), or a test over each channel."""

from __future__ import annotations

import logging

import click

from pipedrive_graph.alerts import send
from pipedrive_graph.builder import configuration as config
from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.cli import logs
from pipedrive_graph.cli.commands.completion import companies_option
from pipedrive_graph.cli.misconfigured import load_configuration, report
from pipedrive_graph.cli.runner import as_root_option, debug_option, say, worst
from pipedrive_graph.common import net
from pipedrive_graph.common.text import printable
from pipedrive_graph.config.alert_channels import FILE, Channel
from pipedrive_graph.errors import AlertError, ConfigurationError
from pipedrive_graph.runs.recording import note_alerts_sent


@click.command("alerts")
@companies_option("names")
@click.option("--test", is_flag=True, help="Send a test message over each channel instead.")
@as_root_option
@debug_option
def command(*, names: tuple[str, ...], test: bool, debug: bool) -> int:
    """Send the alerts that are due, each once: new findings, and runs that are partial, failed or missing.

    `sync` sends them by itself. This command is for a second cron line, which notices that no run took place.
    """
    logs.quieten()
    net.load()  # a mistake in the environment is reported before anything is sent
    configuration = config.load() if test else load_configuration()
    settings = configuration.settings
    companies = [company.name for company in settings.chosen(names)]
    try:
        alerts = configuration.alerts
    except ConfigurationError as error:
        if not test:
            report(configuration, error)
        raise
    if not alerts.channels and not (test and alerts.heartbeats):
        raise ConfigurationError(f"No channel is configured for alerts; add one to {settings.folder / FILE}.")
    if test:
        chosen = [
            channel for name in companies for channel in (*alerts.of(name), *alerts.heartbeats_of(name))
        ]
        channels = list(dict.fromkeys(chosen))
        return worst([_try(channel) for channel in channels])
    return worst([_send(configuration, company) for company in companies])


def _try(channel: Channel) -> int:
    try:
        click.echo(printable(f"{channel.name}: {send.send_test(channel)}"))
    except AlertError as error:
        say(f"{channel.name}: {error}", logging.ERROR, exit_code=error.exit_code)
        return error.exit_code
    return 0


def _send(configuration: Configuration, company: str) -> int:
    outcomes = send.send(configuration.settings, configuration.alerts_file, company, on_wait=say)
    for outcome in outcomes:
        if outcome.message:
            click.echo(printable(f"{outcome.channel}: {outcome.message.headline} ({outcome.reply})"))
        elif not outcome.problem:
            click.echo(printable(f"{outcome.channel}: {company}: nothing new"))
    for sentence in send.problems(outcomes):
        say(sentence, logging.WARNING, company=company)
    if send.problems(outcomes):
        return AlertError.exit_code
    note_alerts_sent(configuration.settings, company, logs.warn)
    return 0
