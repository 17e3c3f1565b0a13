"""Exports tables as one workbook, a sheet per table; what a cell cannot hold is told, never dropped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import IO, Literal
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.writer.excel import ExcelWriter

from pipedrive_graph.common.text import FORMULA
from pipedrive_graph.errors import ExportError
from pipedrive_graph.exports.registry import Part, Wrote
from pipedrive_graph.exports.source import Source, Table, counted, nested

ROWS = 1_048_576
"""Rows of a sheet, its header included."""

CHARACTERS = 32_767
"""Characters of a cell, counted as Excel counts them: in UTF-16."""

CUT = " … [cut]"
"""What stands at the end of a text that was longer."""

EXACT = 10**15
"""A spreadsheet's numbers have 15 digits; a longer one is written as a text."""

_NAME = 31
"""Characters of a sheet's name."""

_WIDEST = 60
"""Characters that a column shows at most; a cell has more."""

_HEADER = Font(name="Calibri", size=11, bold=True)

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
"""An underscore that Excel would take for the beginning of a character's number."""

_LETTERS = re.compile(r"[^A-Za-z0-9_ -]")


def write(source: Source, target: Path) -> Wrote:
    """Write the workbook.

    Raises:
        ExportError: if a table has more rows than a sheet can hold.
    """
    for table in source.tables:
        if (number := source.count(table.name)) >= ROWS:
            raise ExportError(
                f"The table {table.name} has {number:,} rows, and a sheet of a workbook holds {ROWS - 1:,}: "
                "export it with --format csv or parquet, or name other tables with --tables."
            )
    workbook = Workbook(write_only=True)
    # the time of the data, not of the export: the same data gives the same bytes
    moment = max((shown.as_of for shown in source.snapshots.values()), default=datetime(2000, 1, 1))  # noqa: DTZ001 - naive UTC
    workbook.properties.created = workbook.properties.modified = moment.replace(microsecond=0)
    workbook.properties.creator = "pipedrive-graph"
    cut: Counter[str] = Counter()
    parts = []
    with _closed(workbook):
        for table in source.tables:
            sheet = workbook.create_sheet(_sheet_name(table.name, set(workbook.sheetnames)))
            number = counted(_cells(source, table, sheet, cut), sheet.append)
            sheet.auto_filter.ref = f"A1:{get_column_letter(len(table.columns))}{number + 1}"
            parts.append(Part(target.name, table.name, number))
        with _Timeless(target, "w", ZIP_DEFLATED) as archive:
            ExcelWriter(workbook, archive).save()
    notes = [
        f"{number:,} text{'s' * (number != 1)} of {place} had more than {CHARACTERS:,} characters, "
        f"all that a cell holds, and now end in '{CUT.strip()}'; parquet and jsonl have them whole."
        for place, number in sorted(cut.items())
    ]
    return Wrote(parts, notes=notes)


@contextmanager
def _closed(workbook: Workbook) -> Iterator[None]:
    """Close the sheets that an error or Ctrl-C leaves half written: otherwise each complains at the end."""
    try:
        yield
    except BaseException:
        for sheet in workbook.worksheets:
            with suppress(Exception):  # one that is spoiled, or saved already
                sheet.close()
        raise


def _sheet_name(table: str, taken: set[str]) -> str:
    name = _LETTERS.sub("_", table)[:_NAME]
    number = 1
    while name in taken:
        number += 1
        name = f"{name[: _NAME - 4]}~{number}"
    return name


def _cells(source: Source, table: Table, sheet: Worksheet, cut: Counter[str]) -> Iterator[list[object]]:
    """The rows of a sheet as cells; the header goes in by itself."""
    sheet.freeze_panes = "A2"
    for place, width in enumerate(_widths(source, table), 1):
        sheet.column_dimensions[get_column_letter(place)].width = width
    header = [WriteOnlyCell(sheet, column) for column in table.columns]
    for cell in header:
        cell.font = _HEADER
    sheet.append(header)
    select = ", ".join(
        f'CAST(to_json("{column}") AS VARCHAR)' if nested(kind) else f'"{column}"'
        for column, kind in table.columns.items()
    )
    places = [f"{table.name}.{column}" for column in table.columns]
    for row in source.stream(source.query(table.name, select, order=table.order)):
        yield [_cell(sheet, value, place, cut) for value, place in zip(row, places, strict=True)]


def _widths(source: Source, table: Table) -> list[int]:
    """How wide the columns are: as their longest value, or as their name and its filter."""
    longest = ", ".join(f'max(length(CAST("{column}" AS VARCHAR)))' for column in table.columns)
    ((*found,),) = source.stream(f"SELECT {longest} FROM ({source.query(table.name)})")
    return [
        min(_WIDEST, max(width or 0, len(column) + 3)) + 1
        for column, width in zip(table.columns, found, strict=True)
    ]


def _cell(sheet: Worksheet, value: object, place: str, cut: Counter[str]) -> object:
    """A value as a cell takes it."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= EXACT:
        value = str(value)
    elif isinstance(value, date) and value.year < 1901:  # before a spreadsheet's time
        value = value.isoformat()
    if not isinstance(value, str):
        return value
    lines = value.replace("\r\n", "\n").replace("\r", "\n")  # a cell knows one kind of line end
    text = _ESCAPE.sub("_x005F_", _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", lines))
    shorter = _shortened(text)
    if shorter != text:
        cut[place] += 1
    if not shorter.startswith("#") and not FORMULA.match(shorter):
        return shorter
    cell = WriteOnlyCell(sheet, shorter)
    cell.data_type = "s"  # a text, whatever it begins with
    return cell


def _shortened(text: str) -> str:
    if len(text) * 2 <= CHARACTERS or len(units := text.encode("utf-16-le")) <= 2 * CHARACTERS:
        return text
    return units[: 2 * (CHARACTERS - len(CUT))].decode("utf-16-le", errors="ignore") + CUT


class _Timeless(ZipFile):
    """An archive whose entries all have one time, so that the same content gives the same bytes."""

    def open(
        self,
        name: str | ZipInfo,
        mode: Literal["r", "w"] = "r",
        pwd: bytes | None = None,
        *,
        force_zip64: bool = False,
    ) -> IO[bytes]:
        """Open an entry; everything that is written goes through here."""
        if isinstance(name, ZipInfo):
            name.date_time = (1980, 1, 1, 0, 0, 0)
        return super().open(name, mode, pwd, force_zip64=force_zip64)
