"""Exports tables as CSV files: UTF-8 with a byte order mark, lists and objects as JSON, no formulas."""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.exports.registry import Part, Wrote
from pipedrive_graph.exports.source import Source, counted
from pipedrive_graph.exports.tables import csv_cells


def write(source: Source, target: Path) -> Wrote:
    """Write one file per table to the folder `target`."""
    parts = []
    for table in source.tables:
        # numbers and times cannot be formulas; negative numbers must stay numbers
        texts = [kind in ("VARCHAR", "JSON") for kind in table.columns.values()]
        query = source.query(table.name, table.as_texts(), order=table.order)
        file = f"{table.name}.csv"
        with (target / file).open("w", encoding="utf-8", newline="") as out:
            out.write(csv_cells.BOM + csv_cells.line(table.columns))
            number = counted(
                (
                    [
                        csv_cells.harmless(text) if is_text and text else text
                        for text, is_text in zip(row, texts, strict=True)
                    ]
                    for row in source.stream(query)
                ),
                lambda row: out.write(csv_cells.line(row)),
            )
        parts.append(Part(file, table.name, number))
    return Wrote(parts)
