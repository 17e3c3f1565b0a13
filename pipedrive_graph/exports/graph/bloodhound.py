"""Exports the graph for BloodHound: OpenGraph data, the extension's definition, icons, and saved queries.

BloodHound converts ids to upper case, and stores one graph for all systems. So an id is a UUID derived from
the company and the node: stable between exports, and unique.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipedrive_graph._version import __version__
from pipedrive_graph.exports import json_stream
from pipedrive_graph.exports.graph import cypher, elements, kinds
from pipedrive_graph.exports.registry import Part, Wrote
from pipedrive_graph.exports.source import Source

SOURCE_KIND = f"{kinds.NAMESPACE}_Base"
"""The kind that BloodHound adds to every node; all our nodes can be deleted by it."""

_IDS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:pipedrive_graph:bloodhound")

_RESERVED = {"objectid", "name", "displayname", "company", "company_id", "node_id", "kind", "system_tags"}
"""Reserved properties of BloodHound and this export; other properties of this name get the prefix `pd_`."""


def write(source: Source, target: Path) -> Wrote:
    """Write `graph.json`, `extension.json`, `custom_nodes.json` and the queries into the folder `target`."""
    of_nodes, of_edges = elements.schema(source, "nodes"), elements.schema(source, "edges")
    with (target / "graph.json").open("w", encoding="utf-8", newline="\n") as out:
        metadata = json_stream.text({"source_kind": SOURCE_KIND})
        out.write(f'{{"metadata":{metadata},"graph":{{"nodes":')
        nodes = json_stream.array(out, (_node(source, node, of_nodes) for node in elements.nodes(source)))
        out.write(',"edges":')
        edges = json_stream.array(out, (_edge(source, edge, of_edges) for edge in elements.edges(source)))
        out.write("}}\n")
    node_kinds = sorted({*kinds.NODE_KINDS, *of_nodes})
    edge_kinds = sorted({*kinds.EDGE_KINDS, *of_edges})
    queries = [cypher.for_bloodhound(query) for query in cypher.pack(source)]
    others = {
        "extension.json": json_stream.pretty(_extension(node_kinds, edge_kinds)),
        "custom_nodes.json": json_stream.pretty(_custom_nodes(node_kinds)),
        "queries.cypher": cypher.as_file(queries, "Starter queries for BloodHound."),
        **{
            f"queries/{number:02d}_{re.sub(r'[^a-z0-9]+', '_', query.name.lower()).strip('_')}.json": (
                json_stream.pretty(
                    {"name": query.name, "description": query.description, "query": query.cypher}
                )
            )
            for number, query in enumerate(queries, 1)
        },
    }
    (target / "queries").mkdir()
    for name, text in others.items():
        (target / name).write_text(text, encoding="utf-8")
    parts = [Part("graph.json", "nodes", nodes), Part("graph.json", "edges", edges)]
    return Wrote(parts, list(others))


def object_id(source: Source, company: str, node_id: str) -> str:
    """The id of a node. It includes Pipedrive's company id: two installations may use the same names."""
    of_company = source.snapshots[company].company_id if company in source.snapshots else None
    return _uuid(f"{of_company}/{company}/{node_id}")


@lru_cache(maxsize=1 << 16)  # edges are sorted by node
def _uuid(text: str) -> str:
    return str(uuid.uuid5(_IDS, text)).upper()


def _node(source: Source, node: elements.Node, schema: elements.Schema) -> dict[str, Any]:
    label = node.label or node.node_id
    return {
        "id": object_id(source, node.company, node.node_id),
        "kinds": [kinds.in_bloodhound(node.kind)],
        "properties": {
            "name": label,
            "displayname": label,
            "company": node.company,
            "node_id": node.node_id,
            **_flat(node.properties, schema[node.kind]),
        },
    }


def _edge(source: Source, edge: elements.Edge, schema: elements.Schema) -> dict[str, Any]:
    return {
        "start": {"match_by": "id", "value": object_id(source, edge.company, edge.source)},
        "end": {"match_by": "id", "value": object_id(source, edge.company, edge.target)},
        "kind": kinds.in_bloodhound(edge.kind),
        "properties": {"company": edge.company, **_flat(edge.properties, schema[edge.kind])},
    }


def _flat(properties: Mapping[str, Any], attributes: dict[str, elements.Type]) -> dict[str, Any]:
    """Properties in BloodHound's form: lower-case names, no objects, and only lists of texts."""
    return {
        f"pd_{name.lower()}" if name.lower() in _RESERVED else name.lower(): elements.value(
            value, attributes[name]
        )
        for name, value in sorted(properties.items())
    }


def _extension(node_kinds: Iterable[str], edge_kinds: Iterable[str]) -> dict[str, Any]:
    """The extension's definition; with it, BloodHound can find paths over the edges."""
    return {
        "schema": {
            "name": "pipedrive_graph",
            "display_name": "Pipedrive",
            "version": f"v{__version__}",
            "namespace": kinds.NAMESPACE,
        },
        "node_kinds": [
            {
                "name": kinds.in_bloodhound(kind),
                "display_name": shown.display_name,
                "description": shown.description,
                "is_display_kind": True,
                "icon": shown.icon,
                "color": shown.colour,
            }
            for kind in node_kinds
            for shown in [kinds.node_kind(kind)]
        ],
        "relationship_kinds": [
            {
                "name": kinds.in_bloodhound(kind),
                "description": kinds.edge_kind(kind).description,
                "is_traversable": kinds.edge_kind(kind).traversable,
            }
            for kind in edge_kinds
        ],
    }


def _custom_nodes(node_kinds: Iterable[str]) -> dict[str, Any]:
    """The body for `POST /api/v2/custom-nodes`, for BloodHound versions without extensions."""
    return {
        "custom_types": {
            kinds.in_bloodhound(kind): {
                "icon": {"type": "font-awesome", "name": shown.icon, "color": shown.colour}
            }
            for kind in node_kinds
            for shown in [kinds.node_kind(kind)]
        }
    }
