"""Exports tables as one workbook with a sheet per table; texts that do not fit into a cell are reported."""

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
"""The most rows of a sheet, including its header."""

CHARACTERS = 32_767
"""The most characters of a cell, in UTF-16 code units as Excel counts them."""

CUT = " … [cut]"
"""The end of a text that was cut."""

EXACT = 10**15
"""Numbers in spreadsheets have 15 digits; longer numbers are written as text."""

_NAME = 31
"""The most characters of a sheet's name."""

_WIDEST = 60
"""The widest column, in characters; its cells may hold more."""

_HEADER = Font(name="Calibri", size=11, bold=True)

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
"""An underscore that Excel would read as the start of an escaped character."""

_LETTERS = re.compile(r"[^A-Za-z0-9_ -]")


def write(source: Source, target: Path) -> Wrote:
    """Write the workbook.

    Raises:
        ExportError: if a table has more rows than a sheet can hold.
    """
    for table in source.tables:
        if (number := source.count(table.name)) >= ROWS:
            raise ExportError(
                f"The table {table.name} has {number:,} rows, but a sheet of a workbook holds {ROWS - 1:,}: "
                "export it with --format csv or parquet, or name other tables with --tables."
            )
    workbook = Workbook(write_only=True)
    # the time of the data, not of the export, so that equal data gives equal bytes
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
        f"the most that a cell holds, and now end in '{CUT.strip()}'; parquet and jsonl have the full texts."
        for place, number in sorted(cut.items())
    ]
    return Wrote(parts, notes=notes)


@contextmanager
def _closed(workbook: Workbook) -> Iterator[None]:
    """Close unfinished sheets after an error or Ctrl-C; otherwise each raises a warning at exit."""
    try:
        yield
    except BaseException:
        for sheet in workbook.worksheets:
            with suppress(Exception):  # already broken or saved
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
    """Write the header of a sheet, and yield its rows as cells."""
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
    """The widths of the columns: of the longest value, or of the name and its filter button."""
    longest = ", ".join(f'max(length(CAST("{column}" AS VARCHAR)))' for column in table.columns)
    ((*lengths,),) = source.stream(f"SELECT {longest} FROM ({source.query(table.name)})")
    return [
        min(_WIDEST, max(width or 0, len(column) + 3)) + 1
        for column, width in zip(table.columns, lengths, strict=True)
    ]


def _cell(sheet: Worksheet, value: object, place: str, cut: Counter[str]) -> object:
    """A value in the form of a cell."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= EXACT:
        value = str(value)
    elif isinstance(value, date) and value.year < 1901:  # dates in spreadsheets start in 1900
        value = value.isoformat()
    if not isinstance(value, str):
        return value
    lines = value.replace("\r\n", "\n").replace("\r", "\n")  # cells use one kind of line break
    text = _ESCAPE.sub("_x005F_", _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", lines))
    shorter = _shortened(text)
    if shorter != text:
        cut[place] += 1
    if not shorter.startswith("#") and not FORMULA.match(shorter):
        return shorter
    cell = WriteOnlyCell(sheet, shorter)
    cell.data_type = "s"  # a text, even if it looks like a formula
    return cell


def _shortened(text: str) -> str:
    if len(text) * 2 <= CHARACTERS or len(units := text.encode("utf-16-le")) <= 2 * CHARACTERS:
        return text
    return units[: 2 * (CHARACTERS - len(CUT))].decode("utf-16-le", errors="ignore") + CUT


class _Timeless(ZipFile):
    """An archive whose entries have a fixed time, so that equal content gives equal bytes."""

    def open(
        self,
        name: str | ZipInfo,
        mode: Literal["r", "w"] = "r",
        pwd: bytes | None = None,
        *,
        force_zip64: bool = False,
    ) -> IO[bytes]:
        """Open an entry; all writes go through this method."""
        if isinstance(name, ZipInfo):
            name.date_time = (1980, 1, 1, 0, 0, 0)
        return super().open(name, mode, pwd, force_zip64=force_zip64)
