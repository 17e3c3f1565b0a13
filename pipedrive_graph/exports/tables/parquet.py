"""Exports tables as Parquet files, with all types."""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.exports.registry import Part, Wrote
from pipedrive_graph.exports.source import Source


def write(source: Source, target: Path) -> Wrote:
    """Write one file per table to the folder `target`."""
    parts = []
    for table in source.tables:
        file = f"{table.name}.parquet"
        query = source.query(table.name, order=table.order)
        number = source.copy(query, target / file, "FORMAT parquet, COMPRESSION zstd")
        parts.append(Part(file, table.name, number))
    return Wrote(parts)
