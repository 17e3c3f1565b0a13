"""Exports the graph for Neo4j: CSV files for neo4j-admin, and Cypher files to load and query it.

Texts are not protected against formulas: these files are not for spreadsheets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipedrive_graph.exports.graph import cypher, elements
from pipedrive_graph.exports.graph.elements import Type
from pipedrive_graph.exports.graph.kinds import pascal, screaming
from pipedrive_graph.exports.registry import Part, Wrote
from pipedrive_graph.exports.source import Source, counted
from pipedrive_graph.exports.tables import csv_cells

SEPARATOR = "\x1f"
"""The separator of list items: a character that names do not contain; inside an item it is replaced."""

_TYPES = {
    Type.TEXT: "",
    Type.FLAG: ":boolean",
    Type.WHOLE: ":long",
    Type.NUMBER: ":double",
    Type.LIST: ":string[]",
}

_FROM_TEXT = {
    Type.TEXT: "row.`{}`",
    Type.FLAG: "toBoolean(row.`{}`)",
    Type.WHOLE: "toInteger(row.`{}`)",
    Type.NUMBER: "toFloat(row.`{}`)",
    Type.LIST: "split(row.`{}`, '\\u001F')",
}
"""Converts a value back from text: LOAD CSV only reads texts."""

_NODE = ("id", "company", "node_id", "kind", "label")
_EDGE = ("company", "kind")

_STRANGE = re.compile(r"[^A-Za-z0-9_]")

_OPENING = """\
#!/bin/sh
# Imports this folder into a new database of a stopped Neo4j server (Neo4j 5 or newer):
#   sh import.sh neo4j
set -eu
cd "$(dirname "$0")"
exec neo4j-admin database import full "${1:-neo4j}" \\
    --multiline-fields=true --array-delimiter=U+001F"""

_LOADING = """\
// Loads this folder into a running Neo4j 5.23 or newer: copy it into the server's import folder as
// import/pipedrive, and run this file with cypher-shell. It adds and updates; it removes nothing.
// Set dbms.import.csv.legacy_quote_escaping=false, or texts that end in a backslash are read wrongly.
CREATE CONSTRAINT pipedrive_id IF NOT EXISTS FOR (n:Pipedrive) REQUIRE n.id IS UNIQUE;
"""


def write(source: Source, target: Path) -> Wrote:
    """Write the CSV files, `import.sh`, `load.cypher` and `queries.cypher` into the folder `target`."""
    parts, imports, loads = [], [], [_LOADING]
    for kind, attributes in elements.schema(source, "nodes").items():
        file = f"nodes_{_safe(kind)}.csv"
        columns = _columns(attributes, _NODE)
        header = ["id:ID", *_NODE[1:], *columns.values(), ":LABEL"]
        labels = f"Pipedrive{SEPARATOR}{pascal(kind)}"
        rows = (
            [
                *(node.id, node.company, node.node_id, node.kind, node.label),
                *_texts(node.properties, attributes),
                labels,
            ]
            for node in elements.nodes(source, kind)
        )
        parts.append(Part(file, "nodes", _write(target / file, header, rows)))
        imports.append(f"--nodes={file}")
        loads.append(_load_nodes(file, kind, attributes, columns))
    for kind, attributes in elements.schema(source, "edges").items():
        file = f"edges_{_safe(kind)}.csv"
        columns = _columns(attributes, _EDGE)
        header = [":START_ID", ":END_ID", *_EDGE, *columns.values(), ":TYPE"]
        rows = (
            [
                *(edge.start, edge.end, edge.company, edge.kind),
                *_texts(edge.properties, attributes),
                screaming(kind),
            ]
            for edge in elements.edges(source, kind)
        )
        parts.append(Part(file, "edges", _write(target / file, header, rows)))
        imports.append(f"--relationships={file}")
        loads.append(_load_edges(file, kind, attributes, columns))
    others = {
        "import.sh": " \\\n    ".join([_OPENING, *imports]) + "\n",
        "load.cypher": "\n".join(loads),
        "queries.cypher": cypher.as_file(cypher.pack(source), "Starter queries for Neo4j."),
    }
    for name, text in others.items():
        (target / name).write_text(text, encoding="utf-8")
    return Wrote(parts, list(others))


def _write(path: Path, header: list[str], rows: Iterable[list[str | None]]) -> int:
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(csv_cells.line(header))
        return counted(rows, lambda row: out.write(csv_cells.line(row)))


def _safe(kind: str) -> str:
    return _STRANGE.sub("_", kind)


def _columns(attributes: dict[str, Type], common: tuple[str, ...]) -> dict[str, str]:
    """The column header of each attribute: its name and type."""
    named = {name: f"property_{_safe(name)}" if name in common else _safe(name) for name in attributes}
    return {name: f"{named[name]}{_TYPES[kind]}" for name, kind in attributes.items()}


def _texts(properties: Mapping[str, Any], attributes: dict[str, Type]) -> list[str | None]:
    return [
        None if name not in properties else _text(elements.value(properties[name], kind), kind)
        for name, kind in attributes.items()
    ]


def _text(value: object, kind: Type) -> str:
    if kind is Type.FLAG:
        return "true" if value else "false"
    if isinstance(value, list):
        return SEPARATOR.join(item.replace(SEPARATOR, "\N{REPLACEMENT CHARACTER}") for item in value)
    return str(value)


def _load_nodes(file: str, kind: str, attributes: dict[str, Type], columns: dict[str, str]) -> str:
    return f"""\
LOAD CSV WITH HEADERS FROM 'file:///pipedrive/{file}' AS row
CALL (row) {{
    MERGE (n:Pipedrive {{id: row.`id:ID`}})
    SET n:{pascal(kind)}, n += {{{_values(_NODE[1:], attributes, columns)}}}
}} IN TRANSACTIONS OF 10000 ROWS;
"""


def _load_edges(file: str, kind: str, attributes: dict[str, Type], columns: dict[str, str]) -> str:
    return f"""\
LOAD CSV WITH HEADERS FROM 'file:///pipedrive/{file}' AS row
CALL (row) {{
    MATCH (a:Pipedrive {{id: row.`:START_ID`}})
    MATCH (b:Pipedrive {{id: row.`:END_ID`}})
    MERGE (a)-[r:{screaming(kind)}]->(b)
    SET r += {{{_values(_EDGE, attributes, columns)}}}
}} IN TRANSACTIONS OF 10000 ROWS;
"""


def _values(common: tuple[str, ...], attributes: dict[str, Type], columns: dict[str, str]) -> str:
    assignments = [f"{name}: row.{name}" for name in common]
    assignments += [
        f"{columns[name].split(':')[0]}: {_FROM_TEXT[kind].format(columns[name])}"
        for name, kind in attributes.items()
    ]
    return ", ".join(assignments)
