"""Exports tables in a format that DuckDB's COPY writes: one file per table."""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.exports.registry import Part, Wrote
from pipedrive_graph.exports.source import Source


def copied(source: Source, target: Path, suffix: str, options: str) -> Wrote:
    """Write one file per table to a folder.

    Args:
        source: the published file.
        target: the folder.
        suffix: the suffix of the file names.
        options: the options of DuckDB's COPY.
    """
    parts = []
    for table in source.tables:
        file = f"{table.name}.{suffix}"
        number = source.copy(source.query(table.name, order=table.order), target / file, options)
        parts.append(Part(file, table.name, number))
    return Wrote(parts)
