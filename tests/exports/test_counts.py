"""Every format has as many rows as the tables, counted by other libraries."""

from __future__ import annotations

import csv
import json
import stat
from collections import Counter
from pathlib import Path

import duckdb
import networkx as nx
import openpyxl
import pytest
from bhopengraph.OpenGraph import OpenGraph

from pipedrive_graph.exports.export import Exported
from pipedrive_graph.exports.registry import FORMATS, Content

Counts = dict[str, int]


def csv_rows(path: Path, encoding: str = "utf-8-sig") -> int:
    with path.open(encoding=encoding, newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def lines(path: Path) -> int:
    return sum(1 for line in path.read_text(encoding="utf-8").split("\n") if line and json.loads(line))


def of_parquet(folder: Path) -> Counts:
    with duckdb.connect() as connection:
        return {
            path.stem: len(connection.execute("FROM read_parquet(?)", [str(path)]).fetchall())
            for path in folder.glob("*.parquet")
        }


def of_xlsx(path: Path) -> Counts:
    book = openpyxl.load_workbook(path, read_only=True)
    counts = {sheet.title: sum(1 for _ in sheet.iter_rows()) - 1 for sheet in book.worksheets}
    book.close()
    return counts


def of_graphml(path: Path) -> Counts:
    graph = nx.read_graphml(path)
    return {"nodes": graph.number_of_nodes(), "edges": graph.number_of_edges()}


def of_neo4j(folder: Path) -> Counts:
    counts: Counter[str] = Counter()
    for path in folder.glob("*.csv"):
        counts[path.name.partition("_")[0]] += csv_rows(path, "utf-8")
    return dict(counts)


def of_bloodhound(folder: Path) -> Counts:
    graph = OpenGraph()
    graph.import_from_file(str(folder / "graph.json"))
    return {"nodes": graph.get_node_count(), "edges": graph.get_edge_count()}


def of_sarif(path: Path) -> Counts:
    return {"findings": len(json.loads(path.read_text(encoding="utf-8"))["runs"][0]["results"])}


COUNTED = {
    "csv": lambda folder: {path.stem: csv_rows(path) for path in folder.glob("*.csv")},
    "parquet": of_parquet,
    "jsonl": lambda folder: {path.stem: lines(path) for path in folder.glob("*.jsonl")},
    "xlsx": of_xlsx,
    "graphml": of_graphml,
    "neo4j": of_neo4j,
    "bloodhound": of_bloodhound,
    "sarif": of_sarif,
    "ocsf": lambda path: {"findings": lines(path)},
}


@pytest.mark.slow
def test_counts_are_equal_in_all_formats(
    exported: dict[str, Exported], published: duckdb.DuckDBPyConnection
) -> None:
    names = [name for (name,) in published.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
    tables = {
        name: published.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]  # noqa: S608
        for name in names
    }
    expected = {
        Content.TABLES: tables,
        Content.GRAPH: {name: tables[name] for name in ("nodes", "edges")},
        Content.FINDINGS: {"findings": tables["findings"]},
    }

    assert {name: count(exported[name].path) for name, count in COUNTED.items()} == {
        name: expected[form.content] for name, form in FORMATS.items()
    }


def test_all_files_are_their_owners_alone(exported: dict[str, Exported]) -> None:
    for name in FORMATS:
        path = exported[name].path
        found = {each: stat.S_IMODE(each.stat().st_mode) for each in [path, *path.rglob("*"), path.parent]}

        assert {mode for each, mode in found.items() if each.is_file()} == {0o600}, name
        assert {mode for each, mode in found.items() if each.is_dir()} == {0o700}, name
