"""Writes a review as one CSV file, for who has no workbooks: the same columns, with the owner in front."""

from __future__ import annotations

import csv
import io

from pipedrive_graph.addresses import is_address
from pipedrive_graph.reviews import cells
from pipedrive_graph.reviews.population import Population


def sheet(population: Population, known_by: str) -> bytes:
    """The review as a CSV file in UTF-8, with a byte order mark, or Excel reads names wrongly.

    Args:
        population: who is reviewed.
        known_by: the review's id.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([cells.OWNER, *cells.COLUMNS])
    for owner, items in population.by_owner().items():
        for item in items:
            texts = cells.shown(item, item.recommendation, item.reason, population.snapshot_at)
            texts |= {
                cells.OWNER: cells.line(owner or cells.UNOWNED),
                cells.BY: cells.line(owner) if owner and is_address(owner) else "",
                cells.REVIEW: known_by,
                cells.ROW: item.row_id,
                cells.DIGEST: item.sha256,
            }
            writer.writerow([texts.get(name, "") for name in (cells.OWNER, *cells.COLUMNS)])
    return text.getvalue().encode("utf-8-sig")
