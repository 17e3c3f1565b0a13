"""The names and meanings of node and edge kinds in Neo4j and in BloodHound."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAMESPACE = "PD"
"""The prefix of every kind in BloodHound, which contains kinds of many systems."""


@dataclass(frozen=True, slots=True)
class NodeKind:
    """A kind of node as BloodHound shows it: display name, description, Font Awesome icon and colour."""

    display_name: str
    description: str
    icon: str
    colour: str


@dataclass(frozen=True, slots=True)
class EdgeKind:
    """A kind of edge.

    Attributes:
        description: its meaning in one sentence.
        traversable: whether control of its start gives control of its end.
    """

    description: str
    traversable: bool


NODE_KINDS = {
    "user": NodeKind("Pipedrive User", "A user account of a Pipedrive company.", "user", "#17A673"),
    "role": NodeKind(
        "Pipedrive Role",
        "A node of the visibility tree; it decides whose records its users see.",
        "sitemap",
        "#4E73DF",
    ),
    "permission_set": NodeKind(
        "Pipedrive Permission Set", "A set of permissions in an app.", "key", "#F6C23E"
    ),
    "app": NodeKind("Pipedrive App", "A part of Pipedrive that has admins of its own.", "cube", "#858796"),
    "permission": NodeKind(
        "Pipedrive Permission", "Something that a user may do, such as exporting data.", "shield", "#E74A3B"
    ),
    "item": NodeKind(
        "Pipedrive Item", "A kind of item with a default visibility, such as deals.", "file", "#36B9CC"
    ),
    "pipeline": NodeKind("Pipedrive Pipeline", "A pipeline, which holds deals.", "filter", "#6610F2"),
    "team": NodeKind("Pipedrive Team", "A team of users with a manager.", "users", "#FD7E14"),
}

EDGE_KINDS = {
    "member_of": EdgeKind("The user is assigned to the role, and sees what it sees.", traversable=True),
    "child_of": EdgeKind(
        "The role is below the other role, whose users see its records, too.", traversable=False
    ),
    "has_set": EdgeKind("The user has the permission set.", traversable=True),
    "admin_of": EdgeKind("The user is an admin of the app.", traversable=True),
    "part_of": EdgeKind("The permission set belongs to the app.", traversable=False),
    "grants": EdgeKind("The permission set grants the permission.", traversable=True),
    "holds": EdgeKind("The user holds the permission, from any source.", traversable=True),
    "shares": EdgeKind(
        "New items of the role's users are shared with the owner, the role, its branch or everyone.",
        traversable=False,
    ),
    "sees": EdgeKind("The role's users see the pipeline.", traversable=True),
    "in_team": EdgeKind("The user is a member of the team.", traversable=False),
    "manages": EdgeKind("The user manages the team.", traversable=False),
}


def node_kind(kind: str) -> NodeKind:
    """The display of a kind of node; an unknown kind gets a generic one."""
    name = kind.replace("_", " ")
    return NODE_KINDS.get(kind) or NodeKind(f"Pipedrive {name.title()}", f"A {name}.", "circle", "#858796")


def edge_kind(kind: str) -> EdgeKind:
    """The meaning of a kind of edge; an unknown kind gets a generic one."""
    return EDGE_KINDS.get(kind) or EdgeKind(f"The kind {kind} of the table edges.", traversable=False)


def pascal(kind: str) -> str:
    """A kind in PascalCase: letters and digits only."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", kind))


def screaming(kind: str) -> str:
    """A kind in upper case with underscores, Neo4j's style for relationship types."""
    return re.sub(r"[^A-Za-z0-9]+", "_", kind).upper()


def in_bloodhound(kind: str) -> str:
    """The name of a kind in BloodHound."""
    return f"{NAMESPACE}_{pascal(kind)}"
