"""`pipedrive-graph changes`: lists what changed between snapshots, as text or JSON."""

from __future__ import annotations

import json
from itertools import groupby

import click
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipedrive_graph.cli import terminal
from pipedrive_graph.cli.commands.completion import companies_option
from pipedrive_graph.cli.runner import debug_option, parsed_day, say
from pipedrive_graph.common.text import counted, printable
from pipedrive_graph.config import settings as settings_module
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.published.changes import KINDS, Change, Query, read, snapshots
from pipedrive_graph.reports.narrative import describe


@click.command("changes")
@click.option("--since", required=True, help="First day, such as 2026-11-01; days are UTC.")
@click.option("--until", help="Last day, inclusive; by default, the day of the last snapshot.")
@companies_option("companies", otherwise="all that are published")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only these; repeatable.")
@click.option("--subject", help="Only this user (e-mail address or id), role or permission set (id).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per change, one line each.")
@debug_option
def command(
    *,
    since: str,
    until: str | None,
    companies: tuple[str, ...],
    kinds: tuple[str, ...],
    subject: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """List what changed between the snapshots of these days, from the published file.

    A change appears with the first snapshot that shows it. A company's first snapshot has no changes.
    """
    wanted = Query(
        parsed_day(since, "--since"),
        parsed_day(until, "--until") if until else None,
        companies,
        kinds,
        subject,
    )
    if wanted.until and wanted.until < wanted.since:
        raise ConfigurationError(f"--until {until} is before --since {since}.")
    published = settings_module.load().published
    changes = read(published, wanted)
    if not changes:
        sentence = _nothing(wanted, snapshots(published, companies))
        if as_json:
            say(sentence)
        else:
            terminal.console().print(Text(printable(sentence)))
    elif as_json:
        for change in changes:
            click.echo(json.dumps(change.as_object()))
    else:
        show(terminal.console(), changes)


def _nothing(wanted: Query, taken: int) -> str:
    if taken < 2:
        return "There is only one snapshot so far: the next one can show changes."
    kinds = f" of the kind {' or '.join(wanted.kinds)}" if wanted.kinds else ""
    subject = f" about {wanted.subject}" if wanted.subject else ""
    until = f" to {wanted.until}" if wanted.until else ""
    return f"No changes{kinds}{subject} since {wanted.since}{until}."


def show(console: Console, changes: list[Change]) -> None:
    """Print changes as text, grouped by snapshot and subject."""
    snapshots_shown = 0
    for _, group in groupby(changes, key=lambda change: (change.changed_at, change.company)):
        of_snapshot, snapshots_shown = list(group), snapshots_shown + 1
        first = of_snapshot[0]
        partial = ("  partial", "yellow") if first.snapshot_status == "partial" else ""
        console.print(
            Text.assemble(
                (f"{first.changed_at:%Y-%m-%d %H:%M} UTC", "bold"),
                f"  {printable(first.company)}  snapshot {printable(first.snapshot_id)}",
                partial,
            )
        )
        for subject, sentences in describe(of_snapshot):
            if len(sentences) == 1:
                _line(console, 2, (subject, "bold"), f" {sentences[0]}")
            else:
                _line(console, 2, (subject, "bold"))
                for sentence in sentences:
                    _line(console, 4, sentence)
        console.print()
    console.print(
        f"{counted(len(changes), 'change')} in {counted(snapshots_shown, 'snapshot')}.", highlight=False
    )


def _line(console: Console, indent: int, *parts: str | tuple[str, str]) -> None:
    safe = [printable(part) if isinstance(part, str) else (printable(part[0]), part[1]) for part in parts]
    console.print(Padding(Text.assemble(*safe), (0, 0, 0, indent), expand=False))
