"""`pipedrive-graph export`: exports the published file for other programs."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from pipedrive_graph.builder import configuration as config
from pipedrive_graph.cli import terminal
from pipedrive_graph.cli.commands.completion import companies_option
from pipedrive_graph.cli.runner import as_root_option, debug_option, say
from pipedrive_graph.common.text import counted, printable
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.exports.export import Exported, ExportRequest, export
from pipedrive_graph.exports.registry import FORMATS, Content


class _Command(click.Command):
    """A command whose help lists the formats."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Formats"):
            formatter.write_dl([(name, form.description) for name, form in FORMATS.items()])


@click.command("export", cls=_Command)
@click.option(
    "--format",
    "form",
    required=True,
    type=click.Choice(list(FORMATS)),
    metavar="FORMAT",
    help="One of the formats below.",
)
@companies_option("companies", otherwise="all that are published")
@click.option(
    "--out",
    type=click.Path(path_type=Path, readable=False),
    help="Where to write; by default, exports/FORMAT in the home folder. An earlier export is replaced.",
)
@click.option("--force", is_flag=True, help="Replace files there even if they are not an earlier export.")
@click.option("--tables", help="Only these tables, such as users,roles; by default, all.")
@as_root_option
@debug_option
def command(
    *, form: str, companies: tuple[str, ...], out: Path | None, force: bool, tables: str | None, debug: bool
) -> None:
    """Export the published file for other programs: its tables, its graph or its findings.

    The same data gives the same files, byte for byte.
    """
    names = tuple(dict.fromkeys(name.strip() for name in (tables or "").split(",") if name.strip()))
    if tables is not None and not names:  # an unset variable, for example; it must not mean all tables
        raise ConfigurationError("--tables names no table; write it as users,roles, or leave it out for all.")
    configuration = config.load()
    own_rules = configuration.policies.rules if FORMATS[form].content is Content.FINDINGS else None
    request = ExportRequest(form, companies, names, out, force)
    exported = export(configuration.settings, request, own_rules=own_rules)
    _show(exported, form)
    for note in exported.wrote.notes:
        say(f"Warning: {note}")


def _show(exported: Exported, form: str) -> None:
    console = terminal.console()
    for shown in exported.snapshots:
        console.print(
            Text.assemble(
                (printable(shown.company), "bold"),
                f"  snapshot {printable(shown.snapshot_id)}  ",
                (shown.status, "green" if shown.status == "complete" else "yellow"),
            )
        )
    wrote = exported.wrote
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    file = None
    for part in wrote.parts:
        table.add_row(
            "", "" if part.file == file else part.file, f"{part.rows:,}", _of(part.table, part.file)
        )
        file = part.file
    for name, others in groupby(wrote.others, lambda other: other.partition("/")[0]):
        held = len([other for other in others if other != name])
        table.add_row("", name, f"{held:,}" if held else "", "files" if held else "")
    console.print(table)
    rows = sum(part.rows for part in wrote.parts)
    files = len({part.file for part in wrote.parts}) + len(wrote.others)
    console.print(
        f"\n  {counted(rows, 'row')} in {counted(files, 'file')}, as {form}:",
        highlight=False,
    )
    console.print(f"  {printable(str(exported.path))}", highlight=False, soft_wrap=True)


def _of(table: str, file: str) -> str:
    """The table of the rows, unless the file's name already names it."""
    return "rows" if Path(file).stem == table else table
