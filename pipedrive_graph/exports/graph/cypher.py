"""Starter queries in Cypher for access reviews, with the names of Neo4j or of BloodHound."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pipedrive_graph.exports.graph.kinds import (
    EDGE_KINDS,
    NODE_KINDS,
    in_bloodhound,
    pascal,
    screaming,
)
from pipedrive_graph.exports.source import Source


@dataclass(frozen=True, slots=True)
class Query:
    """A question, and the Cypher that answers it with paths."""

    name: str
    description: str
    cypher: str


_PACK = (
    Query(
        "Who can export data",
        "Every way from a user to the permission to export: the set that grants it, or the user's own.",
        """\
MATCH p = (:User)-[:HOLDS|HAS_SET|GRANTS*1..2]->(x:Permission)
WHERE x.label = 'can_export_data_from_lists'
RETURN p""",
    ),
    Query(
        "Who can use the API",
        "The users who hold the permission to use an API token.",
        """\
MATCH p = (:User)-[:HOLDS]->(x:Permission)
WHERE x.label = 'can_use_api'
RETURN p""",
    ),
    Query(
        "Admins, and of what",
        "Every admin right of every user.",
        """\
MATCH p = (:User)-[:ADMIN_OF]->(:App)
RETURN p""",
    ),
    Query(
        "Admins of the account settings",
        "Who can make others admins.",
        """\
MATCH p = (:User)-[:ADMIN_OF]->(a:App)
WHERE a.label = 'account_settings'
RETURN p""",
    ),
    Query(
        "Admins who are not active",
        "Deactivated users who still are admins.",
        """\
MATCH p = (u:User)-[:ADMIN_OF]->(:App)
WHERE u.active = false
RETURN p""",
    ),
    Query(
        "From a user through the sets to the permissions",
        "What gives users their permissions; add a WHERE for one user, such as u.email = 'ana@example.com'.",
        """\
MATCH p = (u:User)-[:HAS_SET]->(:PermissionSet)-[:GRANTS]->(:Permission)
RETURN p
LIMIT 500""",
    ),
    Query(
        "Permission sets that do not exist",
        "Sets that users have, but that no list of sets contains.",
        """\
MATCH p = (:User)-[:HAS_SET]->(s:PermissionSet)
WHERE s.known = false
RETURN p""",
    ),
    Query(
        "The role tree",
        "The roles, each with the one above it.",
        """\
MATCH p = (:Role)-[:CHILD_OF]->(:Role)
RETURN p""",
    ),
    Query(
        "Who sits in which role",
        "The assignments of users to roles.",
        """\
MATCH p = (:User)-[:MEMBER_OF]->(:Role)
RETURN p
LIMIT 1000""",
    ),
    Query(
        "Who the users of a role's branch are",
        "The users below a role, whose records the role's own users see; insert the role's name.",
        """\
MATCH p = (:User)-[:MEMBER_OF]->(:Role)-[:CHILD_OF*1..10]->(top:Role)
WHERE top.label = 'Sales'
RETURN p""",
    ),
)


_NAMES = re.compile(r"'(?:[^'\\]|\\.)*'|(?<=[:|])\w+|(?<=\w)\.label\b")
"""Labels, types and the property with another name in BloodHound; string literals match, but are kept."""


def pack(source: Source) -> list[Query]:
    """The queries with the names of Neo4j: the fixed ones, and one per toxic combination."""
    return [*_PACK, *_toxic(source)]


def for_bloodhound(query: Query) -> Query:
    """The same query with the names of BloodHound."""
    names: Mapping[str, str] = {pascal(kind): in_bloodhound(kind) for kind in NODE_KINDS} | {
        screaming(kind): in_bloodhound(kind) for kind in EDGE_KINDS
    }
    text = _NAMES.sub(
        lambda match: ".displayname" if match[0] == ".label" else names.get(match[0], match[0]), query.cypher
    )
    return replace(query, name=f"Pipedrive: {query.name}", cypher=text)


def as_file(queries: Iterable[Query], opening: str) -> str:
    """A file of Cypher with these queries, each with a comment and a final semicolon."""
    texts = (f"// {query.name}\n// {query.description}\n{query.cypher};\n" for query in queries)
    return f"// {opening}\n\n" + "\n".join(texts)


def _toxic(source: Source) -> list[Query]:
    """One query per toxic combination of findings.toml; equal combinations of several companies are one."""
    clauses: dict[tuple[str, str, str], dict[int, list[str]]] = {}
    for company, combination, title, clause, permission in source.stream(
        source.query(
            "toxic_combinations",
            "company, combination, title, clause, permission",
            order="combination, company, clause, permission",
        )
    ):
        clauses.setdefault((combination, company, title), {}).setdefault(clause, []).append(permission)
    queries: dict[tuple[str, str], Query] = {}
    for (combination, _, title), lists in clauses.items():
        matches = "\n".join(
            f"MATCH p{number} = (u)-[:HOLDS]->(x{number}:Permission)\n"
            f"WHERE x{number}.label IN [{', '.join(map(literal, permissions))}]"
            for number, permissions in enumerate(lists.values(), 1)
        )
        paths = ", ".join(f"p{number}" for number in range(1, len(lists) + 1))
        cypher = f"MATCH (u:User)\n{matches}\nRETURN {paths}"
        name = (
            combination
            if all(known != combination for known, _ in queries)
            else f"{combination} ({len(queries)})"
        )
        queries.setdefault((combination, cypher), Query(name, f"Who {_line(title)}.", cypher))
    return list(queries.values())


def literal(text: str) -> str:
    """A text as a Cypher string literal."""
    escapes = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return "'" + "".join(escapes.get(character, character) for character in text) + "'"


def _line(text: str) -> str:
    """A text on one line, for a comment."""
    return " ".join(text.split())
