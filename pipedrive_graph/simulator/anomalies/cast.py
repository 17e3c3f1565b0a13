"""Chooses the people to whom stories may happen."""

from __future__ import annotations

import random

from pipedrive_graph.simulator.dates import Calendar
from pipedrive_graph.simulator.model import DEFAULT_ROLE, ZERO_DATE, Company, User
from pipedrive_graph.simulator.permissions import SENSITIVE

_SETTLED = 95
"""Days: younger users are left alone, for a story may need a login long ago."""


def spare(company: Company, calendar: Calendar, user: User) -> bool:
    """Return whether a user is ordinary, so that a story may happen to them without telling on another."""
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
    """Return the people to whom stories may happen: of each role under half.

    Admins are counted in, and the invited, who may become some. So whatever happens to them, what one of
    them is given alone stays unusual in the role, and a role of three stays one of three. People whose
    sets grant something sensitive are left out: elsewhere than among their like they were a finding.
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
