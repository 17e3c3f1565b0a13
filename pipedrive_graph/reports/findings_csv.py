"""Writes a company's findings as a CSV file that is safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pipedrive_graph.common.text import safe_cell
from pipedrive_graph.config.home import Home
from pipedrive_graph.published.connection import reading
from pipedrive_graph.published.findings import WORST_FIRST

COLUMNS = (
    "finding_id",
    "severity",
    "rule",
    "title",
    "subject_kind",
    "subject_id",
    "object",
    "status",
    "first_seen",
    "last_seen",
    "resolved_reason",
    "note",
    "waiver_owner",
    "waiver_expires",
    "reopened",
    "evidence",
    "remedy",
)


def write_findings(home: Home, company: str) -> Path:
    """Write `findings.csv` of a company: open findings first, then by severity.

    Args:
        home: the home folder.
        company: the company.

    Returns:
        The path of the file.

    Raises:
        LandingError: if the file cannot be written.
    """
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    with reading(home.published) as connection:
        findings = connection.execute(
            f"SELECT {columns} FROM findings WHERE company = ? ORDER BY {WORST_FIRST}",  # noqa: S608 - constants
            [company],
        ).fetchall()
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([safe_cell(value) for value in row] for row in findings)
    path = home.reports / company / "findings.csv"
    # with a byte order mark, so that Excel reads names correctly
    home.output.write(path, text.getvalue().encode("utf-8-sig"))
    return path
