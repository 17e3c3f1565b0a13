"""Writes the first sheet of a review's workbook: facts, instructions, and links to the owners' sheets."""

from __future__ import annotations

import re

from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.worksheet import Worksheet

from pipedrive_graph.reviews import columns
from pipedrive_graph.reviews.items import RECOMMENDATIONS, Population

README = "Read me"
FONT = "Calibri"

_STEPS = (
    "Go to your sheet. It lists the people whose roles you own, the most urgent first.",
    "Choose a decision for each person: keep (all access stays), revoke (all access is removed and the "
    "account closed) or change. For a change, choose revoke for each part to remove; empty parts are kept.",
    "A comment is required if you keep access that is recommended to be revoked; otherwise it is optional.",
    "decided by is your e-mail address. You cannot decide about your own access.",
    "A row without a decision stays open. You can return the file as often as you like.",
    "Change only the yellow cells: a row with other changes is rejected. You may filter.",
    "Save as .xlsx, and send the file back to the sender.",
)

_MEANINGS = {
    "revoke": "Nobody seems to need the access: the person left, or it is unused or was revoked before.",
    "look closer": "There are serious findings, or permissions that nobody else in the same job has.",
    "unknown": "Pipedrive did not return enough data for a recommendation.",
    "keep": "The access is in use, and nothing speaks against it.",
}

_BOLD = Font(FONT, bold=True, color="1F2937")
_WRAPPED = Alignment(wrap_text=True, vertical="top")
_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def put(cell: Cell | MergedCell, text: str) -> None:
    """Write a text into a cell, never as a formula; text that looks like an escape is kept literally."""
    cell.value = _ESCAPED.sub("_x005F_", text) or None
    if text:
        cell.data_type = "s"


def guide(
    sheet: Worksheet, population: Population, known_by: str, sha256: str, sheets: list[tuple[str, str, int]]
) -> None:
    """Fill the first sheet.

    Args:
        sheet: the sheet.
        population: the users to review.
        known_by: the review's id.
        sha256: the population's digest.
        sheets: owner, title and number of rows of each other sheet.
    """
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 24, 96
    sheet.column_dimensions["C"].width = 10
    title = sheet.cell(1, 1)
    put(title, columns.line(population.name))
    title.font = Font(FONT, bold=True, size=16, color="1F3A5F")
    facts = {
        "company": columns.line(population.company),
        "due": f"{population.due:%Y-%m-%d} (the last day)",
        "people": f"{len(population.items):,} (everybody who had access in the snapshot)",
        "snapshot": f"{population.snapshot_id}, read on {population.snapshot_at:%Y-%m-%d at %H:%M} UTC",
        "opened": f"{population.opened_at:%Y-%m-%d at %H:%M} UTC by {columns.line(population.opened_by)}",
        "review": known_by,
        "sha256": sha256,
    }
    row = 2
    for name, text in facts.items():
        row += 1
        _line(sheet, row, name, text)
    row = _heading(sheet, row + 2, "What to do")
    for number, step in enumerate(_STEPS, 1):
        row += 1
        _line(sheet, row, f"{number}.", step)
        sheet.row_dimensions[row].height = 32 if len(step) > 110 else 17
    row = _heading(sheet, row + 2, "What the recommendations mean")
    for name in RECOMMENDATIONS:
        row += 1
        _line(sheet, row, name, _MEANINGS[name])
    row = _heading(sheet, row + 2, "Sheets by owner")
    for owner, target, number in sheets:
        row += 1
        _line(sheet, row, f"{number:,} {'person' if number == 1 else 'people'}", columns.line(owner))
        quoted = target.replace("'", "''")
        sheet.cell(row, 2).hyperlink = f"#'{quoted}'!A1"
        sheet.cell(row, 2).font = Font(FONT, color="1D4ED8", underline="single")
    sheet.sheet_view.showGridLines = False
    sheet.protection.sheet = True
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", 9
    sheet.page_setup.fitToHeight = 0
    if sheet.sheet_properties.pageSetUpPr is not None:
        sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _heading(sheet: Worksheet, row: int, text: str) -> int:
    for column in (1, 2):
        cell = sheet.cell(row, column)
        cell.fill = PatternFill("solid", start_color="1F3A5F")
        cell.font = Font(FONT, bold=True, color="FFFFFF")
    put(sheet.cell(row, 1), text)
    return row


def _line(sheet: Worksheet, row: int, name: str, text: str) -> None:
    put(sheet.cell(row, 1), name)
    put(sheet.cell(row, 2), text)
    sheet.cell(row, 1).font = _BOLD
    for column in (1, 2):
        sheet.cell(row, column).alignment = _WRAPPED
