"""The formats of the graph: read back by libraries, they equal the tables."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import networkx as nx
import pytest
from bhopengraph.Edge import EDGE_SCHEMA
from bhopengraph.Node import NODE_SCHEMA
from bhopengraph.OpenGraph import OpenGraph
from hypothesis import given
from hypothesis import strategies as st

from pipedrive_graph.exports.export import Exported
from pipedrive_graph.exports.graph import cypher, graphml, neo4j
from pipedrive_graph.exports.graph.elements import Type

from .conftest import COMPANIES, NAMES

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))

XML_FORBIDS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Graph = tuple[dict[tuple[str, str], Any], dict[tuple[str, str, str, str], Any]]
"""Nodes by company and id, and edges by company, source, target and kind."""


@pytest.fixture(scope="module")
def tables(published: duckdb.DuckDBPyConnection) -> Graph:
    """The tables nodes and edges; what is NULL is left out."""
    return (
        {
            (company, node_id): {"kind": kind, **known({"label": label, **json.loads(properties)})}
            for company, node_id, kind, label, properties in published.execute("FROM nodes").fetchall()
        },
        {
            (company, source, target, kind): known(json.loads(properties))
            for company, source, target, kind, properties in published.execute("FROM edges").fetchall()
        },
    )


def known(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [item for item in value if item is not None] if isinstance(value, list) else value
        for name, value in properties.items()
        if value is not None
    }


def test_the_graph_is_one_worth_exporting(tables: Graph) -> None:
    nodes, edges = tables

    assert {kind for *_, kind in edges} == {
        "admin_of", "child_of", "grants", "has_set", "holds", "in_team", "manages", "member_of", "part_of",
        "sees", "shares",
    }  # fmt: skip
    assert ("acme", "app:Sales") in nodes
    assert ("acme", "app:sales") in nodes
    assert ("Acme", "permission_set:set\x01") in nodes
    assert nodes["acme", "user:1"]["name"] == NAMES[0]


@pytest.mark.parametrize("form", ["graphml", "neo4j", "bloodhound"])
def test_as_many_nodes_and_edges_as_in_the_tables(
    form: str, exported: dict[str, Exported], tables: Graph
) -> None:
    told = dict.fromkeys(("nodes", "edges"), 0)
    for part in exported[form].wrote.parts:
        told[part.table] += part.rows

    assert told == {"nodes": len(tables[0]), "edges": len(tables[1])}


def test_graphml_equals_the_tables(exported: dict[str, Exported], tables: Graph) -> None:
    graph = nx.read_graphml(exported["graphml"].path, force_multigraph=True)

    assert isinstance(graph, nx.MultiDiGraph)
    assert dict(graph.nodes(data=True)) == {
        graphml.xml_id(f"{company}/{node_id}"): in_xml({"company": company, "node_id": node_id, **data})
        for (company, node_id), data in tables[0].items()
    }
    assert sorted(comparable(edge) for edge in graph.edges(data=True)) == sorted(
        comparable(
            (
                graphml.xml_id(f"{company}/{source}"),
                graphml.xml_id(f"{company}/{target}"),
                in_xml({"company": company, "kind": kind, **data}),
            )
        )
        for (company, source, target, kind), data in tables[1].items()
    )


def in_xml(data: dict[str, Any]) -> dict[str, Any]:
    """Attributes as GraphML can hold them: lists as JSON, and marks for what XML forbids."""
    texts = {name: json.dumps(value) if isinstance(value, list) else value for name, value in data.items()}
    return {
        name: XML_FORBIDS.sub("\ufffd", value) if isinstance(value, str) else value
        for name, value in texts.items()
    }


def comparable(edge: tuple[str, str, dict[str, Any]]) -> tuple[str, str, str]:
    start, end, data = edge
    return start, end, json.dumps({name: data[name] for name in sorted(data) if name != "id"})


def test_graphml_keeps_ids_apart_that_xml_cannot_hold(exported: dict[str, Exported]) -> None:
    graph = nx.read_graphml(exported["graphml"].path)

    assert {"acme/permission_set:set_x0001_", "acme/permission_set:set_x0002_"} <= set(graph.nodes)
    assert graphml.xml_id("_x0001_") == "_x005F_x0001_"


@given(TEXTS)
def test_graphml_takes_every_text(text: str) -> None:
    element = ET.fromstring(  # noqa: S314 - made here
        f'<a id="{graphml.xml_id(text)}">{graphml.escaped(text)}</a>'
    )

    assert (element.text or "") == XML_FORBIDS.sub("\ufffd", text)
    unescaped = re.sub("_x([0-9A-F]{4,6})_", lambda found: chr(int(found[1], 16)), element.attrib["id"])
    assert unescaped == text


def neo4j_value(text: str, kind: str) -> Any:
    """A value as neo4j-admin takes it, by the heading of its column."""
    match kind:
        case "boolean":
            return {"true": True, "false": False}[text]
        case "long":
            return int(text)
        case "string[]" | "LABEL":
            return text.split("\x1f") if text else []
        case _:
            return text


def read_neo4j(path: Path) -> list[dict[str, Any]]:
    """The rows of a file; what stands between two commas is NULL, two quotation marks are an empty text."""
    with duckdb.connect() as connection:
        result = connection.execute(
            f"FROM read_csv('{path}', all_varchar=true, header=true, allow_quoted_nulls=false, quote='\"',"
            " escape='\"', delim=',', new_line='\\r\\n', auto_detect=false,"
            f" columns={{{', '.join(repr(name) + ': ' + repr('VARCHAR') for name in header(path))}}})"
        )
        rows = result.fetchall()
    found = []
    for row in rows:
        values = {}
        for heading, text in zip(header(path), row, strict=True):
            name, _, kind = heading.partition(":")
            if text is not None:
                values[name or kind] = neo4j_value(text, kind)
        found.append(values)
    return found


def header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def test_neo4j_equals_the_tables(exported: dict[str, Exported], tables: Graph) -> None:
    folder = exported["neo4j"].path
    nodes = [row for path in sorted(folder.glob("nodes_*.csv")) for row in read_neo4j(path)]
    edges = [row for path in sorted(folder.glob("edges_*.csv")) for row in read_neo4j(path)]

    assert {row["id"]: row for row in nodes} == {
        f"{company}/{node_id}": {
            "id": f"{company}/{node_id}",
            "company": company,
            "node_id": node_id,
            "LABEL": ["Pipedrive", data["kind"].title().replace("_", "")],
            **data,
        }
        for (company, node_id), data in tables[0].items()
    }
    assert {(row["START_ID"], row["END_ID"], row["TYPE"]): row for row in edges} == {
        (f"{company}/{source}", f"{company}/{target}", kind.upper()): {
            "START_ID": f"{company}/{source}",
            "END_ID": f"{company}/{target}",
            "TYPE": kind.upper(),
            "company": company,
            "kind": kind,
            **data,
        }
        for (company, source, target, kind), data in tables[1].items()
    }


def test_neo4j_files_say_their_types_and_are_all_imported(exported: dict[str, Exported]) -> None:
    folder = exported["neo4j"].path
    script = (folder / "import.sh").read_text(encoding="utf-8")
    loading = (folder / "load.cypher").read_text(encoding="utf-8")

    assert header(folder / "nodes_user.csv") == [
        "id:ID", "company", "node_id", "kind", "label", "active:boolean", "admin:boolean", "created",
        "deleted:boolean", "email", "last_login", "name", ":LABEL",
    ]  # fmt: skip
    assert header(folder / "edges_has_set.csv") == [
        ":START_ID", ":END_ID", "company", "kind", "admin:boolean", "apps:string[]", ":TYPE",
    ]  # fmt: skip
    for path in folder.glob("*.csv"):
        option = "nodes" if path.name.startswith("nodes") else "relationships"
        assert f"--{option}={path.name}" in script
        assert f"file:///pipedrive/{path.name}" in loading
    assert subprocess.run(["sh", "-n", folder / "import.sh"], check=False).returncode == 0
    assert "n.depth" not in loading
    assert "depth: toInteger(row.`depth:long`)" in loading


@pytest.mark.slow
@given(st.lists(TEXTS))
def test_neo4j_takes_every_list_of_texts(texts: list[str]) -> None:
    text = neo4j._text(texts, Type.LIST)

    assert (text.split("\x1f") if texts else []) == [item.replace("\x1f", "\ufffd") for item in texts]


@given(TEXTS)
def test_a_text_in_cypher(text: str) -> None:
    written = cypher.literal(text)

    assert written[0] == written[-1] == "'"
    told = written[1:-1]
    assert not re.search(r"(?<!\\)(\\\\)*'", told)
    marks = {"n": "\n", "r": "\r", "t": "\t"}
    assert re.sub(r"\\(.)", lambda found: marks.get(found[1], found[1]), told) == text


def test_queries_ask_for_every_toxic_combination(exported: dict[str, Exported]) -> None:
    pack = (exported["neo4j"].path / "queries.cypher").read_text(encoding="utf-8")

    assert "// toxic_reveal_and_take\n// Who can make hidden items visible and take them out.\n" in pack
    assert (
        "MATCH (u:User)\n"
        "MATCH p1 = (u)-[:HOLDS]->(x1:Permission)\n"
        "WHERE x1.label IN ['can_change_visibility_of_items', 'can_see_hidden_items_names']\n"
        "MATCH p2 = (u)-[:HOLDS]->(x2:Permission)\n"
        "WHERE x2.label IN ['can_export_data_from_lists']\n"
        "RETURN p1, p2;"
    ) in pack


def test_queries_in_the_names_of_bloodhound() -> None:
    query = cypher.Query(
        "Q", "Q.", "MATCH p = (u:User)-[:HAS_SET|GRANTS*1..2]->(x)\nWHERE x.label = 'a:User.label' RETURN p"
    )

    assert cypher.for_bloodhound(query) == cypher.Query(
        "Pipedrive: Q",
        "Q.",
        "MATCH p = (u:PD_User)-[:PD_HasSet|PD_Grants*1..2]->(x)\n"
        "WHERE x.displayname = 'a:User.label' RETURN p",
    )


@pytest.fixture(scope="module")
def opengraph(exported: dict[str, Exported]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (exported["bloodhound"].path / "graph.json").read_text(encoding="utf-8")
    )
    return found


PROPERTIES = {
    "type": "object",
    "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$"},
    "additionalProperties": {
        "anyOf": [
            {"type": ["string", "number", "boolean"]},
            {
                "type": "array",
                "anyOf": [{"items": {"type": kind}} for kind in ("string", "number", "boolean")],
            },
        ]
    },
}

ENDPOINT = {
    "type": "object",
    "properties": {"match_by": {"const": "id"}, "value": {"type": "string", "pattern": "^[0-9A-F-]{36}$"}},
    "required": ["match_by", "value"],
    "additionalProperties": False,
}

OPENGRAPH = {
    "type": "object",
    "properties": {
        "metadata": {
            "type": "object",
            "properties": {"source_kind": {"const": "PD_Base"}},
            "required": ["source_kind"],
            "additionalProperties": False,
        },
        "graph": {
            "type": "object",
            "properties": {
                "nodes": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "id": {"type": "string", "pattern": "^[0-9A-F-]{36}$"},
                            "kinds": {
                                "type": "array",
                                "items": {"type": "string", "pattern": "^PD_[A-Za-z0-9]+$"},
                                "minItems": 1,
                                "maxItems": 2,  # and BloodHound adds the source kind
                            },
                            "properties": {
                                **PROPERTIES,
                                "required": ["name", "displayname"],
                                "not": {"required": ["objectid"]},
                            },
                        },
                        "required": ["id", "kinds", "properties"],
                        "additionalProperties": False,
                    },
                },
                "edges": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "start": ENDPOINT,
                            "end": ENDPOINT,
                            "kind": {"type": "string", "pattern": "^PD_[A-Za-z0-9_]+$"},
                            "properties": PROPERTIES,
                        },
                        "required": ["start", "end", "kind", "properties"],
                        "additionalProperties": False,
                    },
                },
            },
            "required": ["nodes", "edges"],
            "additionalProperties": False,
        },
    },
    "required": ["metadata", "graph"],
    "additionalProperties": False,
}
"""What BloodHound's documentation asks of OpenGraph data, and stricter where this export always is."""

EXTENSION = {
    "type": "object",
    "properties": {
        "schema": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "display_name": {"type": "string", "minLength": 1},
                "version": {"type": "string", "pattern": r"^v\d+\.\d+\.\d+$"},
                "namespace": {"const": "PD"},
            },
            "required": ["name", "display_name", "version", "namespace"],
            "additionalProperties": False,
        },
        "node_kinds": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "pattern": "^PD_[A-Za-z0-9]+$"},
                    "display_name": {"type": "string", "minLength": 1},
                    "description": {"type": "string", "minLength": 1},
                    "is_display_kind": {"type": "boolean"},
                    "icon": {"type": "string", "pattern": "^(?!fa)[a-z-]+$"},
                    "color": {"type": "string", "pattern": "^#[0-9A-F]{6}$"},
                },
                "required": ["name", "display_name", "description", "is_display_kind", "icon", "color"],
                "additionalProperties": False,
            },
        },
        "relationship_kinds": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "pattern": "^PD_[A-Za-z0-9]+$"},
                    "description": {"type": "string", "minLength": 1},
                    "is_traversable": {"type": "boolean"},
                },
                "required": ["name", "description", "is_traversable"],
                "additionalProperties": False,
            },
        },
        "environments": {"type": "array"},
        "relationship_findings": {"type": "array"},
    },
    "required": ["schema", "node_kinds", "relationship_kinds"],
    "additionalProperties": False,
}


def test_bloodhound_keeps_to_the_schema(opengraph: dict[str, Any]) -> None:
    jsonschema.validate(opengraph, OPENGRAPH)
    for name, schema in (("nodes", NODE_SCHEMA), ("edges", EDGE_SCHEMA)):
        jsonschema.validate(opengraph["graph"][name], {"type": "array", "items": schema})


def test_bloodhound_is_accepted_by_its_library(opengraph: dict[str, Any], tables: Graph) -> None:
    graph = OpenGraph()

    assert graph.import_from_dict(opengraph)
    assert graph.get_node_count() == len(tables[0])
    assert graph.get_edge_count() == len(tables[1])
    assert graph.get_isolated_edges_count() == 0
    for item in (*graph.nodes.values(), *graph.edges.values()):
        assert item.validate() == (True, [])


def test_bloodhound_equals_the_tables(opengraph: dict[str, Any], tables: Graph) -> None:
    nodes = {node["id"]: node for node in opengraph["graph"]["nodes"]}
    key = {id_: (node["properties"]["company"], node["properties"]["node_id"]) for id_, node in nodes.items()}

    def renamed(data: dict[str, Any]) -> dict[str, Any]:
        return {"pd_name" if name == "name" else name: value for name, value in data.items()}

    assert len({id_.casefold() for id_ in nodes}) == len(opengraph["graph"]["nodes"]) == len(tables[0])
    assert {
        key[id_]: (
            node["kinds"],
            {n: v for n, v in node["properties"].items() if n not in {"company", "node_id"}},
        )
        for id_, node in nodes.items()
    } == {
        place: (
            [f"PD_{data['kind'].title().replace('_', '')}"],
            {
                "name": data.get("label") or place[1],
                "displayname": data.get("label") or place[1],
                **renamed({name: value for name, value in data.items() if name not in {"kind", "label"}}),
            },
        )
        for place, data in tables[0].items()
    }
    assert {
        (*key[edge["start"]["value"]], key[edge["end"]["value"]][1], edge["kind"]): edge["properties"]
        for edge in opengraph["graph"]["edges"]
    } == {
        (company, source, target, f"PD_{kind.title().replace('_', '')}"): {"company": company, **data}
        for (company, source, target, kind), data in tables[1].items()
    }


def test_bloodhound_definition_names_every_kind(
    exported: dict[str, Exported], opengraph: dict[str, Any]
) -> None:
    folder = exported["bloodhound"].path
    extension = json.loads((folder / "extension.json").read_text(encoding="utf-8"))
    icons = json.loads((folder / "custom_nodes.json").read_text(encoding="utf-8"))["custom_types"]

    jsonschema.validate(extension, EXTENSION)
    node_kinds = {kind["name"] for kind in extension["node_kinds"]}
    edge_kinds = {kind["name"]: kind["is_traversable"] for kind in extension["relationship_kinds"]}
    assert node_kinds == {kind for node in opengraph["graph"]["nodes"] for kind in node["kinds"]}
    assert set(edge_kinds) == {edge["kind"] for edge in opengraph["graph"]["edges"]}
    assert not edge_kinds["PD_ChildOf"], "who sits below a role does not see what it sees"
    assert edge_kinds["PD_HasSet"]
    assert set(icons) == node_kinds
    assert icons["PD_User"] == {"icon": {"type": "font-awesome", "name": "user", "color": "#17A673"}}


def test_bloodhound_queries_use_kinds_that_are_defined(exported: dict[str, Exported]) -> None:
    folder = exported["bloodhound"].path
    extension = json.loads((folder / "extension.json").read_text(encoding="utf-8"))
    kinds = {kind["name"] for kind in extension["node_kinds"] + extension["relationship_kinds"]}
    queries = [json.loads(path.read_text(encoding="utf-8")) for path in (folder / "queries").iterdir()]

    assert len(queries) == 15
    for query in queries:
        assert set(query) == {"name", "description", "query"}
        used = set(re.findall(r"(?<=[:|])\w+", re.sub(r"'[^']*'", "", query["query"])))
        assert used
        assert used <= kinds, query["name"]
        assert ".label" not in re.sub(r"'[^']*'", "", query["query"])


def test_the_companies_do_not_meet(exported: dict[str, Exported], tables: Graph) -> None:
    graph = nx.read_graphml(exported["graphml"].path)

    assert {company for company, _ in tables[0]} == {*COMPANIES}
    for parts in nx.weakly_connected_components(graph):
        assert len({node.split("/")[0] for node in parts}) == 1
