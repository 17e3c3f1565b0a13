"""`pipedrive-graph rebuild`: rebuilds the warehouse from the landing and the journals."""

from __future__ import annotations

import logging

import click

from pipedrive_graph.builder import build
from pipedrive_graph.builder import configuration as config
from pipedrive_graph.cli.logs import warn
from pipedrive_graph.cli.runner import as_root_option, debug_option, say
from pipedrive_graph.errors import RuleError
from pipedrive_graph.runs.metrics import write_metrics
from pipedrive_graph.runs.recording import note_published


@click.command("rebuild")
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Continue even if snapshots or decisions are missing from landing/ or journal/, or were changed.",
)
@click.option(
    "--without-snapshot",
    "without",
    metavar="ID",
    multiple=True,
    help="Exclude this snapshot for good, such as one taken with a wrong clock; its files stay. Repeatable.",
)
@as_root_option
@debug_option
def command(*, accept_loss: bool, without: tuple[str, ...], debug: bool) -> int:
    """Build the warehouse again from the landing and the journals, and publish it.

    Needs no access to Pipedrive. With the same version, the tables are equal row for row; after an upgrade,
    they get the new format. If data would be lost, the command refuses and lists it. Exit code 4 means that
    a rule could not be run.
    """
    configuration = config.load()
    settings = configuration.settings
    built = build.rebuild(
        settings,
        configuration.models,
        configuration.policies,
        on_wait=say,
        accept_loss=accept_loss,
        without=without,
    )
    for company in settings.companies:
        note_published(settings, company.name, warn)
    write_metrics(
        settings, settings.names, settings.options.metrics.textfile, configuration.alerts_file, warn
    )
    for sentence in built.broken:
        say(sentence, logging.WARNING)
    click.echo(f"Rebuilt from {len(built.snapshots)} snapshots; published {settings.published}.")
    return RuleError.exit_code if built.broken else 0
