"""The exported graph: streams of nodes and edges, ids that are unique across companies, typed attributes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from pipedrive_graph.exports.source import Source
from pipedrive_graph.warehouse.database import quoted


class Type(StrEnum):
    """The type of an attribute."""

    TEXT = "text"
    FLAG = "flag"
    WHOLE = "whole"
    NUMBER = "number"
    LIST = "list"


_TYPES = {
    "VARCHAR": Type.TEXT,
    "BOOLEAN": Type.FLAG,
    "UBIGINT": Type.WHOLE,
    "BIGINT": Type.WHOLE,
    "DOUBLE": Type.NUMBER,
}
"""DuckDB's names of JSON types; values of other types become a text of JSON."""

_LISTS = (["VARCHAR"], ["NULL"])

Schema = dict[str, dict[str, Type]]
"""The types of the attributes of each kind, by name."""


@dataclass(frozen=True, slots=True)
class Node:
    """A row of the table nodes; properties with unknown values are left out."""

    company: str
    node_id: str
    kind: str
    label: str | None
    properties: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its id, unique across companies."""
        return across(self.company, self.node_id)


@dataclass(frozen=True, slots=True)
class Edge:
    """A row of the table edges; properties with unknown values are left out."""

    company: str
    source: str
    target: str
    kind: str
    properties: Mapping[str, Any]

    @property
    def start(self) -> str:
        """The `Node.id` of its source."""
        return across(self.company, self.source)

    @property
    def end(self) -> str:
        """The `Node.id` of its target."""
        return across(self.company, self.target)


def across(company: str, node_id: str) -> str:
    """An id that is unique across companies: names of companies contain no slash."""
    return f"{company}/{node_id}"


def schema(source: Source, table: str) -> Schema:
    """The attributes of each kind of `nodes` or `edges`, including kinds without attributes.

    An attribute that is unknown for all of a kind has no type, and is left out.
    """
    rows = source.query(table, "kind, properties", order="kind")
    structures = source.stream(
        f"SELECT kind, CAST(json_group_structure(properties) AS VARCHAR) FROM ({rows}) GROUP BY kind"
    )
    kinds = {kind: json.loads(structure) for kind, structure in structures}
    return {
        kind: {name: _type(attributes[name]) for name in sorted(attributes) if attributes[name] != "NULL"}
        if isinstance(attributes := kinds[kind], dict)
        else {}
        for kind in sorted(kinds)
    }


def together(schema: Schema) -> dict[str, Type]:
    """The attributes of all kinds; an attribute whose type differs between kinds is a text."""
    types: dict[str, set[Type]] = {}
    for attributes in schema.values():
        for name, kind in attributes.items():
            types.setdefault(name, set()).add(kind)
    return {name: kinds.pop() if len(kinds) == 1 else Type.TEXT for name, kinds in sorted(types.items())}


def nodes(source: Source, kind: str | None = None) -> Iterator[Node]:
    """The nodes, of one kind or of all."""
    query = source.query(
        "nodes",
        "company, node_id, kind, label, CAST(properties AS VARCHAR)",
        where=_of(kind),
        order="company, kind, node_id",
    )
    for company, node_id, of_kind, label, properties in source.stream(query):
        yield Node(company, node_id, of_kind, label, _known(properties))


def edges(source: Source, kind: str | None = None) -> Iterator[Edge]:
    """The edges, of one kind or of all."""
    query = source.query(
        "edges",
        "company, source, target, kind, CAST(properties AS VARCHAR)",
        where=_of(kind),
        order="company, kind, source, target",
    )
    for company, start, end, of_kind, properties in source.stream(query):
        yield Edge(company, start, end, of_kind, _known(properties))


def value(raw: object, kind: Type) -> object:
    """A property as a value of its type: a text, a flag, a number or a list of texts."""
    if isinstance(raw, list) and kind is Type.LIST:
        return [str(item) for item in raw if item is not None]
    if kind is Type.TEXT and not isinstance(raw, str):
        return json.dumps(raw, ensure_ascii=False, separators=(",", ":"))
    return raw


def _of(kind: str | None) -> str:
    return "TRUE" if kind is None else f"kind = {quoted(kind)}"


@lru_cache(maxsize=1 << 10)  # thousands of edges have equal properties
def _known(properties: str | None) -> Mapping[str, Any]:
    if properties is None:
        return {}
    return {name: value for name, value in json.loads(properties).items() if value is not None}


def _type(structure: object) -> Type:
    if structure in _LISTS:
        return Type.LIST
    return _TYPES.get(structure, Type.TEXT) if isinstance(structure, str) else Type.TEXT
