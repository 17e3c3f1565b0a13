"""Exports tables as JSON Lines: one object per row, with nested lists and objects."""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.exports.registry import Part, Wrote
from pipedrive_graph.exports.source import Source


def write(source: Source, target: Path) -> Wrote:
    """Write one file per table to the folder `target`."""
    parts = []
    for table in source.tables:
        file = f"{table.name}.jsonl"
        query = source.query(table.name, order=table.order)
        number = source.copy(query, target / file, "FORMAT json, ARRAY false")
        parts.append(Part(file, table.name, number))
    return Wrote(parts)
