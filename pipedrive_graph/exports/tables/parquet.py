"""Exports tables as Parquet files, with every type as it is."""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.exports.registry import Wrote
from pipedrive_graph.exports.source import Source
from pipedrive_graph.exports.tables.copying import copied


def write(source: Source, target: Path) -> Wrote:
    """Write a file per table into the folder `target`."""
    return copied(source, target, "parquet", "FORMAT parquet, COMPRESSION zstd")
