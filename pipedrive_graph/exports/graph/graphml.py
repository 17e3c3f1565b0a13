"""Exports the graph as GraphML, with typed attributes and numbered edges."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipedrive_graph.exports.graph import elements
from pipedrive_graph.exports.graph.elements import Type
from pipedrive_graph.exports.registry import Part, Wrote
from pipedrive_graph.exports.source import Source, counted

_TYPES = {
    Type.TEXT: "string",
    Type.FLAG: "boolean",
    Type.WHOLE: "long",
    Type.NUMBER: "double",
    Type.LIST: "string",
}
"""GraphML has no lists: they are written as JSON text."""

_NODE = ("company", "node_id", "kind", "label")
_EDGE = ("company", "kind")
"""The attributes of every element; properties with the same name get the prefix `property_`."""

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IN_IDS = re.compile(rf"{_ILLEGAL.pattern}|_(?=x[0-9A-F]{{4,6}}_)")
_SPECIAL = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)


def write(source: Source, target: Path) -> Wrote:
    """Write the graph as one file."""
    of_nodes = elements.together(elements.schema(source, "nodes"))
    of_edges = elements.together(elements.schema(source, "edges"))
    with target.open("w", encoding="utf-8", newline="\n") as out:
        out.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            ' xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns'
            ' http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">\n'
        )
        out.writelines(_keys("node", _NODE, of_nodes))
        out.writelines(_keys("edge", _EDGE, of_edges))
        out.write('  <graph id="pipedrive_graph" edgedefault="directed">\n')
        nodes = counted((_node(node, of_nodes) for node in elements.nodes(source)), out.write)
        edges = counted(
            (_edge(number, edge, of_edges) for number, edge in enumerate(elements.edges(source), 1)),
            out.write,
        )
        out.write("  </graph>\n</graphml>\n")
    return Wrote([Part(target.name, "nodes", nodes), Part(target.name, "edges", edges)])


@lru_cache(maxsize=1 << 12)  # names of attributes and kinds repeat for every node
def escaped(text: str) -> str:
    """A text escaped for XML; characters that XML forbids are replaced by a visible mark."""
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text).translate(_SPECIAL)


@lru_cache(maxsize=1 << 16)  # edges are sorted by node
def xml_id(node_id: str) -> str:
    """An id escaped for XML. Characters that XML forbids become `_x0001_`, so that ids stay unique."""
    return _IN_IDS.sub(lambda match: f"_x{ord(match[0]):04X}_", node_id).translate(_SPECIAL)


def _keys(element: str, common: tuple[str, ...], attributes: Mapping[str, Type]) -> Iterator[str]:
    named = dict.fromkeys(common, Type.TEXT) | {
        _named(name, common): kind for name, kind in attributes.items()
    }
    for name, kind in named.items():
        yield (
            f'  <key id="{element}_{escaped(name)}" for="{element}" attr.name="{escaped(name)}"'
            f' attr.type="{_TYPES[kind]}"/>\n'
        )


def _named(name: str, common: tuple[str, ...]) -> str:
    return f"property_{name}" if name in common else name


def _node(node: elements.Node, attributes: Mapping[str, Type]) -> str:
    common = {"company": node.company, "node_id": node.node_id, "kind": node.kind, "label": node.label}
    data = _data("node", common, node.properties, attributes)
    return f'    <node id="{xml_id(node.id)}">\n{data}    </node>\n'


def _edge(number: int, edge: elements.Edge, attributes: Mapping[str, Type]) -> str:
    # two nodes may have several edges between them, so the edge's id is a number
    data = _data("edge", {"company": edge.company, "kind": edge.kind}, edge.properties, attributes)
    ends = f'source="{xml_id(edge.start)}" target="{xml_id(edge.end)}"'
    return f'    <edge id="e{number}" {ends}>\n{data}    </edge>\n'


def _data(
    element: str,
    common: Mapping[str, str | None],
    properties: Mapping[str, Any],
    attributes: Mapping[str, Type],
) -> str:
    texts = {name: text for name, text in common.items() if text is not None} | {
        _named(name, tuple(common)): _text(value, attributes[name])
        for name, value in sorted(properties.items())
    }
    return "".join(
        f'      <data key="{element}_{escaped(name)}">{escaped(text)}</data>\n'
        for name, text in texts.items()
    )


def _text(raw: object, kind: Type) -> str:
    value = elements.value(raw, kind)
    if kind is Type.FLAG:
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if kind is Type.LIST else str(value)
