"""Prints the rows of a query: as a table or markdown for people, as CSV or JSON for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import click
import duckdb
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipedrive_graph.cli import terminal
from pipedrive_graph.cli.streams import reader_is_gone
from pipedrive_graph.common.text import escaped, markdown_cell, markdown_line, printable, safe_cell

_AT_ONCE = 10_000
"""Rows per fetch, so that a large result need not fit into memory."""

_NARROW = 24
"""The least width at which a column of long texts is still readable."""

_GAP = 2
"""Spaces between two columns."""

_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL")


class Result:
    """The rows of a query, fetched as they are printed.

    Attributes:
        names: the names of the columns.
        numeric: whether each column is numeric.
        cut: whether rows beyond the limit were dropped.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, most: int) -> None:
        columns = cursor.description or []
        self.names = [str(column[0]) for column in columns]
        self.numeric = [any(word in str(column[1]) for word in _NUMBERS) for column in columns]
        self.cut = False
        self._cursor = cursor
        self._most = most

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        printed = 0
        while not reader_is_gone() and (batch := self._cursor.fetchmany(_AT_ONCE)):
            for row in batch:
                if self._most and printed == self._most:
                    self.cut = True
                    return
                printed += 1
                yield row


def _table(result: Result) -> None:
    """Print a table; if it would be too wide to read, print a block of lines per row."""
    console = terminal.console()
    rows = [[_cell(value) for value in row] for row in result]
    if not rows:
        console.print(Text("No rows.", style="dim"))
        return
    names = [printable(name) for name in result.names]
    columns = zip(names, *([cell.plain for cell in row] for row in rows), strict=True)
    widths = [max(map(cell_len, column)) for column in columns]
    if sum(min(width, _NARROW) + _GAP for width in widths) > console.width:
        _blocks(console, names, rows)
        return
    table = Table(box=None, padding=(0, _GAP, 0, 0), show_edge=False, header_style="dim")
    for name, numeric in zip(names, result.numeric, strict=True):
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _blocks(console: Console, names: list[str], rows: list[list[Text]]) -> None:
    for number, row in enumerate(rows, start=1):
        block = Table(box=None, padding=(0, _GAP, 0, 0), show_header=False)
        block.add_column(style="dim", no_wrap=True)
        block.add_column(ratio=1, overflow="fold")
        for name, cell in zip(names, row, strict=True):
            block.add_row(Text(name), cell)
        console.print(Text(f"row {number}", style="bold"))
        console.print(block)


def _markdown(result: Result) -> None:
    click.echo(markdown_line([markdown_cell(printable(name)) for name in result.names]))
    click.echo(markdown_line(["---:" if numeric else "---" for numeric in result.numeric]))
    for row in result:
        cells = ("" if value is None else _cell(value).plain for value in row)
        click.echo(markdown_line([markdown_cell(cell) for cell in cells]))


def _csv(result: Result) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow([safe_cell(name) for name in result.names])
    writer.writerows([_safe(value) for value in row] for row in result)


def _json(result: Result) -> None:
    for row in result:
        click.echo(escaped(_dumped(dict(zip(result.names, row, strict=True)))))


FORMATS: dict[str, Callable[[Result], None]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
    "markdown": _markdown,
}

PEOPLE = {"table", "markdown"}
"""Formats for people; they have a default limit of rows."""


def _cell(value: object) -> Text:
    """A value in readable form; NULL differs from an empty text."""
    if value is None:
        return Text("NULL", style="dim")
    if isinstance(value, datetime):
        return Text(value.isoformat(sep=" ", timespec="seconds"))
    if isinstance(value, float):
        return Text(f"{value:.4f}".rstrip("0").rstrip("."))
    if isinstance(value, list):
        return Text(", ".join(_cell(element).plain for element in value))
    return Text("\n".join(map(printable, _plain(value).split("\n"))))


def _safe(value: object) -> object:
    """A value for a CSV that a spreadsheet may open: numbers stay numbers, texts cannot become formulas."""
    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return value if number else safe_cell("" if value is None else _plain(value))


def _plain(value: object) -> str:
    if isinstance(value, bool | list | dict):
        return _dumped(value)
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)


def _dumped(value: object) -> str:
    return json.dumps(_with_texts_as_keys(value), ensure_ascii=False, default=_written)


def _with_texts_as_keys(value: object) -> object:
    """Convert keys to text: JSON has no other keys, but a MAP may."""
    if isinstance(value, dict):
        return {_plain(key): _with_texts_as_keys(item) for key, item in value.items()}
    return [_with_texts_as_keys(item) for item in value] if isinstance(value, list) else value


def _written(value: object) -> str | float:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
