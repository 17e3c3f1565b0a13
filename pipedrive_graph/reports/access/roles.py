"""Reads the role tree of the access report, including loops and missing parents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipedrive_graph.common.text import counted
from pipedrive_graph.reports.access.source import Source

INDENT = 14
"""Width of a level of the tree, in SVG units."""

DEEPEST = 12
"""The most levels that are drawn; deeper ones are described in words."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role from `roles`, with the number of members who hold a sensitive permission."""

    role_id: int
    name: str
    parent_role_id: int | None
    active: bool | None
    members: int
    sensitive: int


@dataclass(frozen=True, slots=True)
class Place:
    """A role in its place in the tree.

    Attributes:
        role: the role.
        level: the number of levels below the top, 0 at the top.
        lines: for each level on the way down, whether a line continues to a later sibling.
        parent: the name of the role above, if any.
        notes: problems with its place, in words.
    """

    role: Role
    level: int
    lines: tuple[bool, ...]
    parent: str | None
    notes: tuple[str, ...]

    @property
    def drawn(self) -> list[tuple[int, str]]:
        """The lines to draw: the position, and whether a line passes, branches or ends."""
        kinds = [(step, "pass" if goes_on else "") for step, goes_on in enumerate(self.lines[:-1])]
        if self.lines:
            kinds.append((len(self.lines) - 1, "branch" if self.lines[-1] else "end"))
        return [(step * INDENT, kind) for step, kind in kinds if kind and step < DEEPEST]

    @property
    def width(self) -> int:
        """The width of the drawing."""
        return min(self.level, DEEPEST) * INDENT


@dataclass(frozen=True, slots=True)
class Tree:
    """All roles, each below its parent; `homeless` counts live users without an active assignment."""

    places: tuple[Place, ...]
    largest: int
    homeless: int
    dangling: tuple[tuple[int, int, bool], ...]
    summary: str


def tree(source: Source) -> Tree:
    """Read the role tree."""
    roles = [
        Role(*row)
        for row in source.rows(
            """
            SELECT role_id, label, parent_role_id, active, members, sensitive
            FROM reported_roles($company)
            ORDER BY lower(name), role_id"""
        )
    ]
    places = tuple(_places(roles))
    (homeless,) = source.row("SELECT count(*) FROM users_without_role($company)")
    dangling = source.rows("SELECT role_id, users, absent FROM missing_roles($company) ORDER BY role_id")
    return Tree(
        places,
        max((role.members for role in roles), default=0),
        homeless,
        tuple(dangling),
        _summary(places),
    )


def _places(roles: list[Role]) -> Iterator[Place]:
    """Yield the roles in the order of the tree: roots with the roles below them, then loops."""
    by_id = {role.role_id: role for role in roles}
    below: dict[int, list[Role]] = {}
    roots = []
    for role in roles:
        if role.parent_role_id in by_id and role.parent_role_id != role.role_id:
            below.setdefault(role.parent_role_id or 0, []).append(role)
        else:
            roots.append(role)
    # roles with a missing parent come after the real roots
    roots.sort(key=lambda role: role.parent_role_id not in (None, role.role_id))
    seen: set[int] = set()
    for root in roots:
        yield from _branch(root, by_id, below, seen, ring=())
    for role in roles:
        if role.role_id not in seen:
            ring = _ring(role, by_id)
            yield from _branch(by_id[ring[0]], by_id, below, seen, ring=ring)


def _branch(
    top: Role, by_id: dict[int, Role], below: dict[int, list[Role]], seen: set[int], *, ring: tuple[int, ...]
) -> Iterator[Place]:
    """Yield a role and all roles below it; without recursion, because a tree may be arbitrarily deep."""
    waiting: list[tuple[Role, tuple[bool, ...]]] = [(top, ())]
    while waiting:
        role, lines = waiting.pop()
        if role.role_id in seen:
            continue
        seen.add(role.role_id)
        parent = by_id.get(role.parent_role_id) if role.parent_role_id is not None and lines else None
        yield Place(role, len(lines), lines, parent.name if parent else None, _notes(role, by_id, ring))
        children = [child for child in below.get(role.role_id, []) if child.role_id not in seen]
        for number, child in reversed(list(enumerate(children, 1))):
            waiting.append((child, (*lines, number < len(children))))


def _ring(role: Role, by_id: dict[int, Role]) -> tuple[int, ...]:
    """Return the loop that the parents of a role lead into."""
    path: list[int] = []
    while role.role_id not in path:
        path.append(role.role_id)
        role = by_id[role.parent_role_id or 0]
    return tuple(path[path.index(role.role_id) :])


def _notes(role: Role, by_id: dict[int, Role], ring: tuple[int, ...]) -> tuple[str, ...]:
    notes = []
    if role.role_id in ring[1:]:
        notes.append("in the same loop")
    elif ring and role.role_id == ring[0]:
        names = [by_id[role_id].name for role_id in ring]
        notes.append(f"in a loop, each below the next: {' → '.join([*names, names[0]])}")
    elif ring:
        notes.append("below a loop")
    if role.parent_role_id is not None and role.parent_role_id not in by_id:
        notes.append(f"its parent, role {role.parent_role_id}, is not listed")
    if role.active is False:
        notes.append("deleted")
    return tuple(notes)


def _summary(places: tuple[Place, ...]) -> str:
    """Return the tree in a sentence, also for readers who do not see the picture."""
    if not places:
        return "No roles are known."
    top = [place for place in places if place.level == 0]
    deepest = max(place.level for place in places)
    wrong = [place for place in places if place.notes]
    roles, levels = counted(len(places), "role"), counted(deepest, "level")
    summary = f"{roles}, {len(top):,} of them at the top, up to {levels} deep."
    problems = counted(len(wrong), "role has a problem", "roles have problems")
    return f"{summary} {problems}, as noted below." if wrong else summary
