"""`pipedrive-graph rebuild`: the warehouse anew from the landing."""

from __future__ import annotations

import click

from pipedrive_graph import build
from pipedrive_graph import settings as settings_module
from pipedrive_graph.cli.frame import debug_option, say
from pipedrive_graph.findings import own_rules


@click.command("rebuild")
@debug_option
def command(*, debug: bool) -> int:
    """Make the warehouse anew from the landing, and publish it.

    Needs no access to Pipedrive. With the same version, the tables are equal row for row; after an
    upgrade, this brings them to the new form. Exit code 4 means that a rule could not be run.
    """
    settings = settings_module.load()
    models = own_rules.load(settings)
    built = build.rebuild(settings, models, tell=say)
    for sentence in built.broken:
        say(sentence)
    click.echo(f"Rebuilt from {len(built.snapshots)} snapshots; published {settings.published}.")
    return 4 if built.broken else 0
