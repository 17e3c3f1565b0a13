"""Chooses the users for the stories."""

from __future__ import annotations

import random

from pipedrive_graph.simulator.dates import Calendar
from pipedrive_graph.simulator.model import DEFAULT_ROLE, ZERO_DATE, Company, User
from pipedrive_graph.simulator.permissions import SENSITIVE

_SETTLED = 95
"""Users must exist for more days than this, because a story may need an old login."""


def spare(company: Company, calendar: Calendar, user: User) -> bool:
    """Return whether a user is ordinary, so that a story about them does not affect other findings."""
    return (
        user.active
        and not user.admin_apps
        and user.created is not None
        and user.last_login not in (None, ZERO_DATE)
        and calendar.days_since(user.created) > _SETTLED
        and user.id not in (company.owner_id, company.plain_user_id)
    )


def sensitive(company: Company, user: User) -> bool:
    """Return whether a user's permission sets grant anything sensitive."""
    return not company.explained(user.id).isdisjoint(SENSITIVE)


def choose_cast(company: Company, calendar: Calendar, rng: random.Random) -> list[int]:
    """Return the ids of the users for the stories: fewer than half of each role.

    Admins and invited users, who may become admins, count towards the half. So an extra permission of one
    user always stays unusual in the role. Users whose permission sets grant something sensitive are left out,
    because in another role they would be findings.
    """
    teams: dict[int, list[User]] = {}
    for user in company.users.values():
        for row in company.assignments[user.id]:
            if user.active and row.role_id != DEFAULT_ROLE:
                teams.setdefault(row.role_id, []).append(user)
    cast: list[int] = []
    for members in teams.values():
        people = [u.id for u in members if spare(company, calendar, u) and not sensitive(company, u)]
        rng.shuffle(people)
        admins = sum(bool(user.admin_apps) or user.created is None for user in members)
        cast += people[: max(0, (len(members) - 1) // 2 - admins)]
    rng.shuffle(cast)
    return cast
