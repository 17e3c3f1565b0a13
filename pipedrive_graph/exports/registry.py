"""The list of formats: what each is for, and whether it exports the tables, the graph or the findings.

A new format is a module in `tables/`, `graph/` or `findings/` with a function `write(source, target)`, and an
entry here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from pathlib import Path

from pipedrive_graph.exports.source import Source


class Content(StrEnum):
    """What of the published file a format exports."""

    TABLES = "tables"
    GRAPH = "graph"
    FINDINGS = "findings"


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one table that stand in one file.

    Attributes:
        file: the file's name within the export.
        table: the published table that they are of.
        rows: how many they are.
    """

    file: str
    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class Wrote:
    """What a format has written.

    Attributes:
        parts: whose rows stand where.
        others: files that hold no rows, such as queries.
        notes: sentences for whoever asked for the export, such as what the format could not hold.
    """

    parts: list[Part]
    others: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Format:
    """A format in which the published file can be exported.

    Attributes:
        content: what it exports.
        description: what opens it, in a line.
        module: what writes it, below the folder of its content.
        file: the name of its one file; None where it is a folder of files.
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
        Content.FINDINGS, "ocsf", "findings as OCSF events, one a line; SIEMs", "findings.ocsf.jsonl"
    ),
}
"""Every format, by its name."""

Writer = Callable[[Source, Path], Wrote]


def writer(name: str) -> Writer:
    """The function that writes a format; its module is imported only now, and so are its libraries."""
    exported = FORMATS[name]
    write: Writer = import_module(f"pipedrive_graph.exports.{exported.content}.{exported.module}").write
    return write
