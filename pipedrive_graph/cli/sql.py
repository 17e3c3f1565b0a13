"""`pipedrive-graph sql`: a query on the published file."""

from __future__ import annotations

import csv
import sys

import click
import duckdb
from rich.table import Table
from rich.text import Text

from pipedrive_graph import settings as settings_module
from pipedrive_graph.cli import terminal
from pipedrive_graph.cli.frame import debug_option
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.text import printable, safe_cell

_CLOSED: dict[str, str | bool | int | float | list[str]] = {"enable_external_access": False}


@click.command("sql")
@click.argument("query")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of a table.")
@debug_option
def command(*, query: str, as_csv: bool, debug: bool) -> None:
    """Run QUERY on the published file, read-only, and print what it returns."""
    if not query.strip():
        raise click.UsageError("The query is empty.")
    published = settings_module.load().published
    if not published.exists():
        raise PipedriveGraphError(f"Nothing is published at {published} yet; run sync first.")
    # the query may read what is published, and nothing else: no file is written, none is read
    with duckdb.connect(str(published), read_only=True, config=_CLOSED) as connection:
        try:
            result = connection.execute(query)
            names = [column[0] for column in result.description or []]
            found = result.fetchall()
        except duckdb.InterruptException as error:
            raise KeyboardInterrupt from error
        except duckdb.Error as error:
            raise PipedriveGraphError(str(error).strip()) from error
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerows([names, *([safe_cell(value) for value in row] for row in found)])
        return
    table = Table(*names)
    for row in found:
        table.add_row(*[Text("" if value is None else printable(str(value))) for value in row])
    terminal.console().print(table)
