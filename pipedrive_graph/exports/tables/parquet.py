"""Exports tables as Parquet files, with all types."""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.exports.registry import Wrote
from pipedrive_graph.exports.source import Source
from pipedrive_graph.exports.tables.copying import copied


def write(source: Source, target: Path) -> Wrote:
    """Write one file per table to the folder `target`."""
    return copied(source, target, "parquet", "FORMAT parquet, COMPRESSION zstd")
