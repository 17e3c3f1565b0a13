"""Who can see what in a simulated company: the meaning of the settings of roles, and of the role tree.

An item is seen by its owner, by the admins of its app, by the members of every role above the owner's role,
and by those whom its visibility adds: nobody, the owner's role, that role and the roles below it, or all.
Only active users see anything.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipedrive_graph.simulator.model import Company, Deal

ITEMS = ("deal", "lead", "org", "person", "product")
"""The kinds of items, as the settings of a role name them."""

OWNER, GROUP, BRANCH, EVERYONE = range(4)
"""How far an item can be seen, from the narrowest to the widest."""

_MEANINGS = {
    "lite": {1: OWNER, 3: EVERYONE},
    "growth": {1: OWNER, 3: EVERYONE},
    "premium": {1: OWNER, 3: GROUP, 5: BRANCH, 7: EVERYONE},
    "ultimate": {1: OWNER, 3: GROUP, 5: BRANCH, 7: EVERYONE},
}

_APPS = ("sales", "global")
"""Admins of one of these apps see every item."""


def reach(company: Company, value: int | None) -> int | None:
    """Return what a `visible_to` means on the company's plan; None for nothing."""
    return _MEANINGS[company.plan].get(value or 0)


def value_of(company: Company, wanted: int) -> int:
    """Return the `visible_to` for a reach; on plans with two values, the narrower ones are the owner."""
    values = {meaning: value for value, meaning in _MEANINGS[company.plan].items()}
    return values.get(wanted, values[OWNER])


def default_reach(company: Company, role_id: int, item: str) -> int | None:
    """Return how far the new items of a role's members can be seen."""
    role = company.roles.get(role_id)
    return None if role is None else reach(company, role.settings.get(f"{item}_default_visibility"))


def roles_of(company: Company, user_id: int) -> set[int]:
    """Return the roles of a user: those with an active assignment, or else the one in the user's record."""
    assigned = {row.role_id for row in company.assignments.get(user_id, []) if row.active}
    role_id = company.users[user_id].role_id
    return assigned or ({role_id} if role_id is not None else set())


def viewers(company: Company, owner_id: int, item: str) -> set[int]:
    """Return the active users who see a new item of an owner."""
    return _seen_by(
        company, owner_id, {role: default_reach(company, role, item) for role in roles_of(company, owner_id)}
    )


def permitted(company: Company, deal: Deal) -> set[int]:
    """Return the active users who see a deal, with its own `visible_to` and its followers."""
    own = reach(company, deal.visible_to)
    seen_by = _seen_by(company, deal.owner_id, dict.fromkeys(roles_of(company, deal.owner_id), own))
    return seen_by | _active(company, deal.followers)


def above(company: Company, role_id: int) -> set[int]:
    """Return the roles above a role; in a loop of parents, the role itself is not among them."""
    found: set[int] = set()
    role = company.roles.get(role_id)
    while role is not None:
        role = company.roles.get(role.parent_role_id or 0)
        if role is None or role.id == role_id or role.id in found:
            break
        found.add(role.id)
    return found


def _seen_by(company: Company, owner_id: int, reaches: dict[int, int | None]) -> set[int]:
    users = company.users
    seen_by = {user.id for user in users.values() if set(user.admin_apps) & set(_APPS)} | {owner_id}
    for role_id, how_far in reaches.items():
        groups = above(company, role_id)
        if how_far in (GROUP, BRANCH):
            groups = groups | {role_id}
        if how_far == BRANCH:
            groups |= {other for other in company.roles if role_id in above(company, other)}
        if how_far == EVERYONE:
            seen_by |= users.keys()
        seen_by |= {user_id for user_id in users if groups & roles_of(company, user_id)}
    return _active(company, seen_by)


def _active(company: Company, user_ids: Iterable[int]) -> set[int]:
    users = company.users
    return {user_id for user_id in user_ids if user_id in users and users[user_id].active}
