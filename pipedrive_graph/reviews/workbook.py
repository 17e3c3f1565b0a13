"""Writes a review as a workbook: instructions, then a sheet per owner with drop-downs for the decisions."""

from __future__ import annotations

import io
import math
import re

from openpyxl import Workbook
from openpyxl.formatting.rule import Rule
from openpyxl.styles import Alignment, Border, Font, PatternFill, Protection, Side
from openpyxl.styles.differential import DifferentialStyle
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.pagebreak import Break, ColBreak
from openpyxl.worksheet.worksheet import Worksheet

from pipedrive_graph.common.addresses import is_address
from pipedrive_graph.reviews import columns
from pipedrive_graph.reviews.items import Item, Population
from pipedrive_graph.reviews.readme import FONT, README, guide, put

HEADS = 2
"""Rows above the first user: the bands and the column names."""

_WIDTHS = {
    "name": 21, "e-mail": 30, "account": 11, "roles": 18, "last login": 14, "recommendation": 16, "why": 30,
    "decision": 10, "role": 8, "permission sets": 12, "sensitive permissions": 12, "admin rights": 8,
    "comment": 24, "decided by": 28, "permission sets held": 34, "admin of": 17,
    "sensitive permissions held": 54, "findings": 62, "last decision": 30, "user id": 12,
}  # fmt: skip
_BANDS = {
    "name": "User",
    "recommendation": "Recommendation",
    "decision": "Decision",
    "role": "Only for a change: keep or revoke",
    "permission sets held": "Access, findings and last decision",
}
"""The band above the columns, by the first column below it."""

_LINE = 15
"""Height of a line, in points."""

_TALLEST = 26
"""Lines of the tallest row that Excel allows."""

_SCALE = 51
"""Print scale in per cent: the columns fit on two A4 pages side by side."""

_INK, _DARK, _INPUT, _ASIDE = "1F2937", "1F3A5F", "FFF8DB", "E5E7EB"
_FILLS = {"revoke": "F9D5D3", "look closer": "FCE8C5", "unknown": "E3E6EB", "keep": "DCEFDF"}
_EDGE = Side(style="thin", color="D1D5DB")
_BORDER = Border(left=_EDGE, right=_EDGE, top=_EDGE, bottom=_EDGE)
_WRAPPED = Alignment(wrap_text=True, vertical="top")
_SOLID = {
    colour: PatternFill("solid", start_color=colour, end_color=colour)
    for colour in (_DARK, _INPUT, _ASIDE, *_FILLS.values())
}
_BOLD = Font(FONT, bold=True, color=_INK)
_OPEN = Protection(locked=False)


def workbook(population: Population, known_by: str, sha256: str) -> bytes:
    """Return the review as an .xlsx file.

    Args:
        population: the users to review.
        known_by: the review's id.
        sha256: the population's digest.
    """
    book = Workbook()
    first = book.active
    if first is None:  # a new workbook has one
        raise AssertionError
    first.title = README
    sheets = []
    taken = {README.casefold()}
    for owner, items in population.by_owner().items():
        title = sheet_name(owner or columns.UNOWNED, taken)
        _sheet(book.create_sheet(title), population, known_by, owner, items)
        sheets.append((owner or columns.UNOWNED, title, len(items)))
    guide(first, population, known_by, sha256, sheets)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def sheet_name(owner: str, taken: set[str]) -> str:
    """Return a valid, unused name for an owner's sheet; it is added to `taken`, in lower case."""
    clean = re.sub(r"[\[\]:*?/\\\x00-\x1f]", "_", columns.line(owner)).strip(" '") or columns.UNOWNED
    if clean.casefold() == "history":  # a name that Excel reserves
        clean = f"{clean}_"
    number, name = 1, clean[:31].rstrip(" '")
    while name.casefold() in taken:
        number += 1
        mark = f" ({number})"
        name = clean[: 31 - len(mark)] + mark
    taken.add(name.casefold())
    return name


def _sheet(
    sheet: Worksheet, population: Population, known_by: str, owner: str | None, items: list[Item]
) -> None:
    """Fill the sheet of an owner."""
    _head(sheet)
    for number, item in enumerate(items, HEADS + 1):
        _row(sheet, number, item, population, known_by, owner)
    last = HEADS + len(items)
    sheet.freeze_panes = f"B{HEADS + 1}"
    sheet.auto_filter.ref = f"A{HEADS}:{get_column_letter(len(columns.COLUMNS))}{last}"
    _drop_downs(sheet, last)
    _colours(sheet, last)
    _protect(sheet)
    _print(sheet, population, owner)


def _head(sheet: Worksheet) -> None:
    for number, name in enumerate(columns.COLUMNS, 1):
        letter = get_column_letter(number)
        sheet.column_dimensions[letter].width = _WIDTHS.get(name, 12)
        sheet.column_dimensions[letter].hidden = name in columns.MARKS
        above, head = sheet.cell(1, number), sheet.cell(HEADS, number)
        put(above, _BANDS.get(name, ""))
        above.font, above.fill = Font(FONT, bold=True, color="FFFFFF"), _SOLID[_DARK]
        put(head, name)
        head.font, head.border = _BOLD, _BORDER
        head.fill = _SOLID[_INPUT if name in columns.ANSWER else _ASIDE]
        head.alignment = Alignment(wrap_text=True, vertical="center")
    sheet.row_dimensions[1].height = 20
    sheet.row_dimensions[HEADS].height = 2 * _LINE + 4


def _row(
    sheet: Worksheet, number: int, item: Item, population: Population, known_by: str, owner: str | None
) -> None:
    texts = columns.shown(item, item.recommendation, item.reason, population.snapshot_at)
    texts |= {
        columns.BY: columns.line(owner) if owner and is_address(owner) else "",
        columns.REVIEW: known_by,
        columns.ROW: item.row_id,
        columns.DIGEST: item.sha256,
    }
    tallest = 1
    for column, name in enumerate(columns.COLUMNS, 1):
        cell, text = sheet.cell(number, column), texts.get(name, "")
        put(cell, text)
        cell.alignment, cell.border = _WRAPPED, _BORDER
        if name in columns.ANSWER:
            cell.protection = _OPEN
            cell.fill = _SOLID[_INPUT]
        elif name == "recommendation":
            cell.fill = _SOLID[_FILLS[item.recommendation]]
            cell.font = _BOLD
        elif name == "name":
            cell.font = _BOLD
        if name in _WIDTHS:
            lines = sum(math.ceil(max(1, len(part)) / (_WIDTHS[name] - 1)) for part in text.split("\n"))
            tallest = max(tallest, lines)
    sheet.row_dimensions[number].height = _LINE * min(tallest, _TALLEST) + 3


def _span(names: tuple[str, ...], last: int) -> str:
    """Return the range of adjacent columns over all users."""
    first, end = (get_column_letter(columns.COLUMNS.index(name) + 1) for name in (names[0], names[-1]))
    return f"{first}{HEADS + 1}:{end}{last}"


def _drop_downs(sheet: Worksheet, last: int) -> None:
    choices_of = {
        (columns.DECISION,): (columns.DECISIONS, "keep all, revoke all, or change: revoke only a part."),
        columns.PARTS: (columns.KEEP_OR_REVOKE, "Only if the decision is change. Empty means keep."),
    }
    for names, (choices, prompt) in choices_of.items():
        validation = DataValidation(type="list", formula1=f'"{",".join(choices)}"', allow_blank=True)
        validation.promptTitle, validation.prompt = names[0] if len(names) == 1 else "change", prompt
        validation.errorTitle, validation.error = "Invalid value", f"Choose {' or '.join(choices)}."
        validation.showInputMessage = validation.showErrorMessage = True
        validation.add(_span(names, last))
        sheet.add_data_validation(validation)


def _colours(sheet: Worksheet, last: int) -> None:
    """Colour the decisions, the cells to leave empty, and missing comments."""
    decision, comment, recommended = (
        f"${get_column_letter(columns.COLUMNS.index(name) + 1)}{HEADS + 1}"
        for name in (columns.DECISION, columns.COMMENT, "recommendation")
    )
    rules = {
        (columns.PARTS, f'{decision}<>"change"'): _ASIDE,
        ((columns.DECISION,), f'{decision}="keep"'): _FILLS["keep"],
        ((columns.DECISION,), f'{decision}="revoke"'): _FILLS["revoke"],
        ((columns.DECISION,), f'{decision}="change"'): _FILLS["look closer"],
        (
            (columns.COMMENT,),
            f'AND({decision}="keep",{recommended}="revoke",LEN({comment})=0)',
        ): _FILLS["revoke"],
    }
    for (names, formula), colour in rules.items():
        sheet.conditional_formatting.add(
            _span(names, last),
            Rule(type="expression", formula=[formula], dxf=DifferentialStyle(fill=_SOLID[colour])),
        )


def _protect(sheet: Worksheet) -> None:
    """Protect the fixed cells against accidental edits, without a password."""
    sheet.protection.sheet = True
    sheet.protection.autoFilter = sheet.protection.sort = False  # False is allowed
    sheet.protection.formatColumns = sheet.protection.formatRows = False


def _print(sheet: Worksheet, population: Population, owner: str | None) -> None:
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9  # A4
    sheet.page_setup.scale = _SCALE
    sheet.page_margins.left = sheet.page_margins.right = 0.3
    sheet.page_margins.top = sheet.page_margins.bottom = 0.8
    sheet.print_title_rows, sheet.print_title_cols = f"1:{HEADS}", "A:A"
    sheet.col_breaks = ColBreak(brk=[Break(id=columns.COLUMNS.index(columns.BY) + 1)])
    title = columns.line(f"{population.name}: {owner or columns.UNOWNED}").replace("&", "&&")
    texts = (
        (sheet.HeaderFooter.oddHeader, title, f"due {population.due}"),
        (sheet.HeaderFooter.oddFooter, f"snapshot {population.snapshot_id}", "&P / &N"),
    )
    for item, left, right in texts:
        if item is not None:  # as in a new sheet
            item.left.text, item.right.text = left, right
