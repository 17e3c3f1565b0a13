"""The departments of a company, and the tree of their roles."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from pipedrive_graph.simulator.model import DEFAULT_ROLE, Company, Role


@dataclass(frozen=True, slots=True)
class Department:
    """A part of the company: its share of the users (`weight`), and their permission sets."""

    name: str
    weight: int
    sets: tuple[str, ...]


_DEPARTMENTS = (
    Department("Sales", 10, ("sales.regular", "global.regular")),
    Department("Customer Success", 5, ("sales.regular", "global.regular", "projects.regular")),
    Department("Inside Sales", 4, ("sales.inside", "global.regular")),
    Department("Marketing", 3, ("sales.reading", "global.regular", "campaigns.regular")),
    Department("Finance", 2, ("sales.finance", "global.regular")),
    Department("Integrations", 1, ("sales.reading", "global.technical")),
)
_REGIONS = ("EMEA", "Americas", "APAC", "Nordics", "DACH", "Iberia", "Benelux", "CEE")


def grow_roles(company: Company, size: int, rng: random.Random) -> dict[int, Department]:
    """Create the tree of roles; returns its leaves, in which the users are, with their departments."""
    roles = company.roles
    # Pipedrive has both forms of a root: without a parent, and its own parent.
    parent = DEFAULT_ROLE if company.seed % 2 else None
    roles[DEFAULT_ROLE] = Role(
        DEFAULT_ROLE,
        "(Unassigned users)",
        parent,
        description="This is the default group; new users land here unless moved.",
    )
    wanted = max(4, round(2 * math.sqrt(size)))
    last = DEFAULT_ROLE

    def grow(name: str, parent_id: int) -> int:
        nonlocal last
        # Ids have gaps, because roles were deleted.
        last += 1 if rng.random() < 0.8 else rng.randint(2, 9)
        roles[last] = Role(last, name, parent_id)
        return last

    departments = _DEPARTMENTS[: max(2, min(len(_DEPARTMENTS), wanted // 3))]
    heads = {grow(department.name, DEFAULT_ROLE): department for department in departments}
    regions: dict[int, Department] = {}
    for region in _REGIONS[: max(1, min(len(_REGIONS), wanted // (2 * len(heads))))]:
        for head, department in heads.items():
            if len(roles) < wanted:
                regions[grow(f"{region} {department.name}", head)] = department
    number = 1
    branches = dict(regions or heads)
    while len(roles) < wanted:
        for branch, department in branches.items():
            if len(roles) < wanted:
                grow(f"{roles[branch].name} {number}", branch)
                regions[last] = department
        number += 1
    parents = {role.parent_role_id for role in roles.values()}
    for role in roles.values():
        role.settings = _visibility(rng)
    # Only the default role has access levels.
    kinds = ("deal", "org", "person", "product")
    roles[DEFAULT_ROLE].settings |= {f"{kind}_access_level": 1 for kind in kinds}
    return {
        role_id: department for role_id, department in {**heads, **regions}.items() if role_id not in parents
    }


def _visibility(rng: random.Random) -> dict[str, int]:
    kinds = ("deal", "lead", "org", "person", "product")
    return {f"{kind}_default_visibility": rng.choice((1, 3, 5, 7)) for kind in kinds}
