"""The list of formats, with their descriptions and whether they export tables, the graph or findings.

To add a format, write a module in `tables/`, `graph/` or `findings/` with a function `write(source, target)`,
and add an entry here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from pathlib import Path

from pipedrive_graph.exports.source import Source


class Content(StrEnum):
    """The part of the published file that a format exports."""

    TABLES = "tables"
    GRAPH = "graph"
    FINDINGS = "findings"


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one table in one file.

    Attributes:
        file: the file's name within the export.
        table: the published table.
        rows: the number of rows.
    """

    file: str
    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class Wrote:
    """The output of a format.

    Attributes:
        parts: the rows by file and table.
        others: files without rows, such as queries.
        notes: sentences for the user, such as about texts that were cut.
    """

    parts: list[Part]
    others: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Format:
    """An export format.

    Attributes:
        content: the part of the published file that it exports.
        description: one line about the format and the programs that open it.
        module: the name of its module, in the package of its content.
        file: the name of its single file; None if it writes a folder.
    """

    content: Content
    module: str
    description: str
    file: str | None = None


FORMATS = {
    "csv": Format(Content.TABLES, "csv_file", "a folder of CSV files, safe to open in a spreadsheet"),
    "parquet": Format(
        Content.TABLES, "parquet", "a folder of Parquet files, with all types; pandas, Spark, DuckDB"
    ),
    "jsonl": Format(Content.TABLES, "jsonl", "a folder of JSON Lines files, an object per row"),
    "xlsx": Format(
        Content.TABLES, "xlsx", "one workbook, a sheet per table; Excel, LibreOffice", "tables.xlsx"
    ),
    "graphml": Format(
        Content.GRAPH, "graphml", "the graph for networkx, Gephi, yEd, Cytoscape", "graph.graphml"
    ),
    "neo4j": Format(Content.GRAPH, "neo4j", "a folder of CSV files for neo4j-admin, with Cypher queries"),
    "bloodhound": Format(
        Content.GRAPH, "bloodhound", "a folder for BloodHound: OpenGraph, its definition, queries"
    ),
    "sarif": Format(
        Content.FINDINGS, "sarif", "findings as SARIF 2.1.0; code scanning, SARIF viewers", "findings.sarif"
    ),
    "ocsf": Format(
        Content.FINDINGS, "ocsf", "findings as OCSF events, one per line; SIEMs", "findings.ocsf.jsonl"
    ),
}
"""All formats, by name."""

Writer = Callable[[Source, Path], Wrote]


def writer(name: str) -> Writer:
    """The function that writes a format; its module and libraries are only imported now."""
    exported = FORMATS[name]
    write: Writer = import_module(f"pipedrive_graph.exports.{exported.content}.{exported.module}").write
    return write
