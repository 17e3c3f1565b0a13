"""What the kinds of nodes and edges are called in Neo4j and in BloodHound, and what they mean."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAMESPACE = "PD"
"""What every kind begins with in BloodHound, where kinds of many systems meet."""


@dataclass(frozen=True, slots=True)
class NodeKind:
    """A kind of node, as BloodHound shows it: a name for people, a sentence, an icon of Font Awesome."""

    display_name: str
    description: str
    icon: str
    colour: str


@dataclass(frozen=True, slots=True)
class EdgeKind:
    """A kind of edge.

    Attributes:
        description: what it means, in a sentence.
        traversable: whether who controls its start thereby has what its end stands for.
    """

    description: str
    traversable: bool


NODE_KINDS = {
    "user": NodeKind("Pipedrive User", "A user account of a Pipedrive company.", "user", "#17A673"),
    "role": NodeKind(
        "Pipedrive Role", "A place in the visibility tree: whose records its users see.", "sitemap", "#4E73DF"
    ),
    "permission_set": NodeKind(
        "Pipedrive Permission Set", "What the users who have it may do in an app.", "key", "#F6C23E"
    ),
    "app": NodeKind("Pipedrive App", "A part of Pipedrive that has admins of its own.", "cube", "#858796"),
    "permission": NodeKind(
        "Pipedrive Permission", "Something that a user may do, such as exporting data.", "shield", "#E74A3B"
    ),
}

EDGE_KINDS = {
    "member_of": EdgeKind("The user is assigned to the role, and sees what it sees.", traversable=True),
    "child_of": EdgeKind("The role is below the other one, which sees its records too.", traversable=False),
    "has_set": EdgeKind("The user has the permission set.", traversable=True),
    "admin_of": EdgeKind("The user is an admin of the app.", traversable=True),
    "part_of": EdgeKind("The permission set is one of the app's.", traversable=False),
    "grants": EdgeKind("The permission set grants the permission.", traversable=True),
    "holds": EdgeKind("The user holds the permission, by whatever way.", traversable=True),
}


def node_kind(kind: str) -> NodeKind:
    """How a kind of node is shown, one that is new here included."""
    name = kind.replace("_", " ")
    return NODE_KINDS.get(kind) or NodeKind(f"Pipedrive {name.title()}", f"A {name}.", "circle", "#858796")


def edge_kind(kind: str) -> EdgeKind:
    """What a kind of edge means, one that is new here included."""
    return EDGE_KINDS.get(kind) or EdgeKind(f"The kind {kind} of the table edges.", traversable=False)


def pascal(kind: str) -> str:
    """A kind in PascalCase: letters and digits only."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", kind))


def screaming(kind: str) -> str:
    """A kind in capitals, as Neo4j's types of relationships are written."""
    return re.sub(r"[^A-Za-z0-9]+", "_", kind).upper()


def in_bloodhound(kind: str) -> str:
    """A kind of node or edge as BloodHound knows it."""
    return f"{NAMESPACE}_{pascal(kind)}"
