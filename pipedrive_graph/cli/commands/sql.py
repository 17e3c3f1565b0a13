"""`pipedrive-graph sql`: runs a query on the published file, or lists its tables and macros."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import click
import duckdb
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipedrive_graph.cli import terminal
from pipedrive_graph.cli.output import FORMATS, PEOPLE, Result
from pipedrive_graph.cli.runner import debug_option, say
from pipedrive_graph.common import files
from pipedrive_graph.common.text import counted, printable
from pipedrive_graph.config import settings as settings_module
from pipedrive_graph.errors import PipedriveGraphError, WarehouseError
from pipedrive_graph.published.connection import cannot_read, connect
from pipedrive_graph.published.sql_errors import CLOSED, check, sentence

SHOWN = 100
"""The default limit of rows for formats that people read; other formats get all rows."""

_STDIN = "-"
_LONGEST = 4 * 2**20  # bytes of a query

_OVERVIEW = """
    SELECT
        CASE kind WHEN 'macro' THEN any_value(type) ELSE name END AS called,
        any_value(tables.estimated_size) AS rows,
        split_part(coalesce(any_value(coalesce(about, dictionary.comment)), ''), '. ', 1) AS about
    FROM data_dictionary AS dictionary
    LEFT JOIN duckdb_tables() AS tables
        ON tables.table_name = name AND tables.database_name = current_database()
    GROUP BY kind, name
    ORDER BY list_position(['table', 'view', 'macro'], kind), name"""


@click.command("sql")
@click.argument("query", required=False)
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the query from this file.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="table",
    show_default=True,
    help="Output format.",
)
@click.option("--csv", "form", flag_value="csv", help="The same as --format csv.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    help=f"Print at most this many rows; 0 means all. By default, {SHOWN} for table and markdown, else all.",
)
@debug_option
def command(*, query: str | None, file: Path | None, form: str, limit: int | None, debug: bool) -> None:
    """Run QUERY on the published file, read-only, and print the result.

    If QUERY is -, or is missing and stdin is a pipe, the query is read from stdin. Without a query, the
    tables and macros are listed. JSON output is one object per row, one line each.
    """
    if query is not None and file:
        raise click.UsageError("Give a query or --file, not both.")
    if query is not None and not query.strip():
        raise click.UsageError("The query is empty.")
    text = _query(query, file)
    # the query may read the published file only, and cannot read or write other files
    published = settings_module.load().published
    with connect(published, config=CLOSED) as connection:
        try:
            if text is None:
                _overview(connection, terminal.console())
                return
            check(text)
            statements = connection.extract_statements(text)
            if not statements:
                raise click.UsageError("The query is empty.")
            most = limit if limit is not None else SHOWN if form in PEOPLE else 0
            for statement in statements:
                _run(connection, statement.query, form, most)
        except duckdb.InterruptException as error:
            raise KeyboardInterrupt from error
        except duckdb.IOException as error:  # only the published file is open
            raise cannot_read(published, error) from error
        except duckdb.Error as error:
            raise PipedriveGraphError(sentence(error)) from error


def _query(query: str | None, file: Path | None) -> str | None:
    """The query from the argument, the file or stdin; None if there is none."""
    piped = query == _STDIN or (query is None and _piped())
    if not file and not piped:
        return query
    try:
        content = files.read_bounded(file, _LONGEST) if file else sys.stdin.buffer.read(_LONGEST + 1)
        if len(content) > _LONGEST:
            raise click.UsageError(f"The query on stdin is larger than {_LONGEST // 2**20} MiB.")
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise click.UsageError(f"Cannot read {file or 'stdin'}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"Cannot read {file or 'stdin'} as text in UTF-8.") from error
    return text if file else text.strip() or None


def _piped() -> bool:
    """Whether stdin is a pipe or a file."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):  # closed, or replaced by an object that is not a file
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _run(connection: duckdb.DuckDBPyConnection, query: str, form: str, most: int) -> None:
    cursor = connection.execute(query)
    result = Result(cursor, most)
    FORMATS[form](result)
    if not result.cut:
        return
    note = f"… {_more(connection, query, most)}; --limit 0 shows all"
    if form == "table":
        terminal.console().print(Text(note, style="dim"))
    else:
        say(note)


def _more(connection: duckdb.DuckDBPyConnection, query: str, most: int) -> str:
    """The number of rows that are not shown, as text. DuckDB counts them without returning them."""
    text = query.strip().rstrip(";")
    try:
        ((count,),) = connection.execute(f"SELECT count(*) FROM (\n{text}\n)").fetchall()  # noqa: S608
    except (duckdb.ParserException, duckdb.CatalogException):  # CALL and PRAGMA cannot be subqueries
        return "more rows"
    return counted(count - most, "more row")


def _overview(connection: duckdb.DuckDBPyConnection, console: Console) -> None:
    """List the tables and macros with their descriptions."""
    try:
        entries = connection.execute(_OVERVIEW).fetchall()
    except duckdb.CatalogException as error:
        raise WarehouseError(
            "The published file was written by another version; run sync first, which publishes it again."
        ) from error
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("table or macro", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("", ratio=1)
    for name, rows, about in entries:
        table.add_row(
            Text(printable(name)), Text("" if rows is None else f"{rows:,}"), Text(printable(about))
        )
    console.print(table)
    console.print(
        Text(
            "\nColumns of a table:  pipedrive-graph sql \"FROM data_dictionary WHERE name = 'users'\"\n"
            'Rows of a table:     pipedrive-graph sql "FROM users LIMIT 5"',
            style="dim",
        ),
        soft_wrap=True,
    )
