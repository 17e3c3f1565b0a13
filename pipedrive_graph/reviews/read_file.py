"""Reads the filled-in rows of a review from a workbook or a CSV file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipedrive_graph.common import files
from pipedrive_graph.common.pasted import shown
from pipedrive_graph.errors import DecisionError
from pipedrive_graph.reviews import archive, columns
from pipedrive_graph.reviews.archive import UnusableArchiveError

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

_WORKBOOK, _OLD_WORKBOOK = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_DELIMITERS = ",;\t"
LARGEST_FILE = 32 * 2**20
"""Bytes; a review of 5,000 users has a tenth."""

_MOST_ROWS, _MOST_COLUMNS = 100_000, 200
_LAST_ROW = 1_048_576  # of a sheet
_HEAD_WITHIN = 10
"""The line with the column names must be among the first so many lines."""

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


@dataclass(frozen=True, slots=True)
class FilledRow:
    """One row of a file, as it was filled in.

    Attributes:
        place: the sheet and line, as messages name it.
        texts: the trimmed texts of its cells, by column name.
    """

    place: str
    texts: dict[str, str]

    def text(self, name: str) -> str:
        """Return the text of a column; empty if there is none."""
        return self.texts.get(name, "")

    @property
    def is_blank(self) -> bool:
        """Whether the row has no decision."""
        return not any(self.text(name) for name in (columns.DECISION, *columns.PARTS))


def read(path: Path) -> list[FilledRow]:
    """Read the rows of a review.

    Raises:
        DecisionError: if the file cannot be read, or is not a review.
    """
    try:
        content = files.read_bounded(path, LARGEST_FILE)
    except OSError as error:
        raise DecisionError(shown(f"Cannot read {path}: {files.reason(path, error)}.")) from error
    if content.startswith(_OLD_WORKBOOK):
        raise DecisionError(f"{path} is a workbook in the old format, or has a password; save it as .xlsx.")
    if content.startswith(_WORKBOOK):
        filled = list(_from_workbook(path, content))
    else:
        filled = list(_rows("", enumerate(_from_csv(path, content), 1)))
    if not filled:
        raise DecisionError(
            f"{path} is not an access review: no sheet has the columns {', '.join(columns.MARKS)} "
            "and a row below them."
        )
    return filled


def _from_workbook(path: Path, content: bytes) -> Iterator[FilledRow]:
    from openpyxl import load_workbook  # slow to import, and not needed for CSV files

    try:
        archive.check(content)
        # read-only mode streams the rows, however far apart they are
        book = load_workbook(io.BytesIO(content), read_only=True)
        sheets = [(str(sheet.title), list(_lines(sheet))) for sheet in book.worksheets]
    except UnusableArchiveError as error:
        raise DecisionError(f"{path} {error}; use the file that `review open` has written.") from error
    except Exception as error:  # a damaged file can raise any exception
        raise DecisionError(f"{path} is damaged, or is not a readable workbook.") from error
    for title, lines in sheets:
        yield from _rows(f"sheet {title}, ", lines)


def _lines(sheet: ReadOnlyWorksheet) -> Iterator[tuple[int, list[str]]]:
    """Yield the non-empty rows of a sheet, with their numbers."""
    sheet.reset_dimensions()  # the size that a file declares may be wrong
    rows = sheet.iter_rows(values_only=True)  # type: ignore[misc] # openpyxl lends it from another class
    for number, row in enumerate(rows, 1):
        width = next((width for width in range(len(row), 0, -1) if row[width - 1] is not None), 0)
        if width and (number > _MOST_ROWS or width > _MOST_COLUMNS):
            raise UnusableArchiveError(
                f"has a value in row {number:,} and column {width:,} of the sheet {shown(str(sheet.title))},"
                f" and a review has {_MOST_ROWS:,} rows and {_MOST_COLUMNS} columns at most; remove it"
            )
        if width:
            yield number, [_value(cell) for cell in row[:width]]
        if number > _LAST_ROW:
            raise UnusableArchiveError("has rows beyond the last possible row")


def _value(value: object) -> str:
    """Return a cell's value as text; Excel's escapes are decoded."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), str(value))
    # two escapes may form a surrogate pair; a lone surrogate is replaced
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _from_csv(path: Path, content: bytes) -> list[list[str]]:
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DecisionError(
            f"{path} is not UTF-8 (line {line}); save it as CSV UTF-8, or as .xlsx."
        ) from error
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True))
    except csv.Error as error:
        raise DecisionError(f"{path} cannot be read as CSV: {error}.") from error


def _delimiter(text: str) -> str:
    """Return the delimiter that yields the most column names of a review."""
    lines = text.splitlines()[:_HEAD_WITHIN]

    def named(mark: str) -> int:
        return max((len({*map(_name, line.split(mark))} & {*columns.COLUMNS}) for line in lines), default=0)

    return max(_DELIMITERS, key=named)


def _name(text: str) -> str:
    """Normalise a column's name."""
    return " ".join(text.strip().strip('"').split()).lower()


def _rows(place: str, lines: Iterable[tuple[int, Sequence[str]]]) -> Iterator[FilledRow]:
    """Yield the rows below the line with the column names; none without such a line."""
    head: list[str] = []
    for number, line in lines:
        if head:
            texts = {name: columns.normalised(text) for name, text in zip(head, line, strict=False) if name}
            if any(texts.values()):
                yield FilledRow(f"{place}line {number}", texts)
        elif number > _HEAD_WITHIN:
            return
        else:
            names = [_name(text) for text in line]
            if {*columns.MARKS, columns.DECISION} <= {*names}:
                head = [name if name not in names[:at] else "" for at, name in enumerate(names)]
