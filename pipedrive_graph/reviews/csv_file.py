"""Writes a review as one CSV file: the columns of the workbook, with the owner in front."""

from __future__ import annotations

import csv
import io

from pipedrive_graph.common.addresses import is_address
from pipedrive_graph.reviews import columns
from pipedrive_graph.reviews.items import Population


def sheet(population: Population, known_by: str) -> bytes:
    """Return the review as CSV in UTF-8, with a byte order mark so that Excel reads names correctly.

    Args:
        population: the users to review.
        known_by: the review's id.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([columns.OWNER, *columns.COLUMNS])
    for owner, items in population.by_owner().items():
        for item in items:
            texts = columns.shown(item, item.recommendation, item.reason, population.snapshot_at)
            texts |= {
                columns.OWNER: columns.line(owner or columns.UNOWNED),
                columns.BY: columns.line(owner) if owner and is_address(owner) else "",
                columns.REVIEW: known_by,
                columns.ROW: item.row_id,
                columns.DIGEST: item.sha256,
            }
            writer.writerow([texts.get(name, "") for name in (columns.OWNER, *columns.COLUMNS)])
    return text.getvalue().encode("utf-8-sig")
