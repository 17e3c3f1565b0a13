"""`pipedrive-graph verify`: checks every stored file and table for damage."""

from __future__ import annotations

import logging

import click

from pipedrive_graph.alerts import send
from pipedrive_graph.builder import configuration as config
from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.checkup import Check, State, verify
from pipedrive_graph.cli import terminal
from pipedrive_graph.cli.commands.completion import companies_option
from pipedrive_graph.cli.commands.doctor import show
from pipedrive_graph.cli.misconfigured import load_configuration
from pipedrive_graph.cli.runner import as_root_value, debug_option, say, worst, write_as
from pipedrive_graph.common import net


@click.command("verify")
@companies_option("names")
@click.option("--quick", is_flag=True, help="Compare sizes and chains only; read no file in full.")
@click.option("--alert", is_flag=True, help="Send an alert if something is damaged, for cron.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per check, one line each.")
@as_root_value
@debug_option
def command(
    *, names: tuple[str, ...], quick: bool, alert: bool, as_json: bool, as_root: bool, debug: bool
) -> int:
    """Check the landing, the journal, the warehouse and the published file for damage.

    Reads every file and every table; needs no access to Pipedrive and changes nothing. Exit code 0 means
    that nothing is damaged, 1 that something is, 2 that the settings cannot be used.
    """
    console, codes, faults = terminal.console(), [0], list[Check]()
    if alert:
        write_as(as_root)
        net.load()  # a mistake in the environment is reported before anything is sent
    configuration = load_configuration() if alert else config.load()
    settings, alerts = configuration.settings, configuration.alerts_file
    companies = settings.chosen(names)
    for check in verify(settings, alerts, companies, quick=quick):
        show(console, check, as_json=as_json)
        codes.append(check.exit_code)
        faults += [check] * (check.state is State.FAULT)
    if alert and faults:
        for company in companies:
            _alert(configuration, company.name, faults)
    return worst(codes)


def _alert(configuration: Configuration, company: str, faults: list[Check]) -> None:
    """Send an alert about the damage that concerns a company or all companies."""
    texts = [check.text for check in faults if check.company in {company, None}]
    if not texts:
        return
    outcomes = send.damaged(configuration.settings, configuration.alerts_file, company, texts, on_wait=say)
    for sentence in send.problems(outcomes):
        say(sentence, logging.WARNING, company=company)
