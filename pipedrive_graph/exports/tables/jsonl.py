"""Exports tables as JSON Lines: a row is an object, lists and objects in it are JSON of their own."""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.exports.registry import Wrote
from pipedrive_graph.exports.source import Source
from pipedrive_graph.exports.tables.copying import copied


def write(source: Source, target: Path) -> Wrote:
    """Write a file per table into the folder `target`."""
    return copied(source, target, "jsonl", "FORMAT json, ARRAY false")
