"""Gives a company what its users see: settings of roles, pipelines, teams and deals, some of them anomalies.

It draws from a generator of its own, so that a company has the same users and roles as without it.
"""

from __future__ import annotations

import random

from pipedrive_graph.simulator.model import DEFAULT_ROLE, Company, Deal, Pipeline, Team, User
from pipedrive_graph.simulator.visibility import (
    BRANCH,
    EVERYONE,
    GROUP,
    ITEMS,
    OWNER,
    roles_of,
    value_of,
)

_DEALS = 200
"""The largest number of deals: enough for a sample."""

_OPEN = 0.82
"""In an open company, about this share of the users own deals that everybody sees."""


def furnish(company: Company, *, clean: bool) -> None:
    """Give a company settings of roles, pipelines, teams and deals.

    Args:
        company: changed in place.
        clean: nothing that a rule reports.
    """
    # Reproducible on purpose; not used for secrets.
    rng = random.Random(f"visibility:{len(company.users)}:{company.seed}")  # noqa: S311
    for role in company.roles.values():
        levels = {f"{item}_default_visibility": _narrow(company, rng) for item in ITEMS}
        role.settings |= levels
    _add_pipelines(company, rng)
    _add_teams(company, rng)
    if not clean:
        _expose(company, rng)
    _add_deals(company, rng, clean=clean)


def _narrow(company: Company, rng: random.Random) -> int:
    return value_of(company, rng.choice((OWNER, GROUP, GROUP, BRANCH)))


def _expose(company: Company, rng: random.Random) -> None:
    """Make settings too wide, hide pipelines from the wrong roles, and let managers of teams leave."""
    wide = value_of(company, EVERYONE)
    roles = company.roles
    roles[DEFAULT_ROLE].settings[f"{rng.choice(('deal', 'person'))}_default_visibility"] = wide
    others = [role for role in roles.values() if role.id != DEFAULT_ROLE]
    rng.choice(others).settings["org_default_visibility"] = wide
    if company.seed % 2:
        users = [user for user in company.users.values() if user.active]
        rng.shuffle(others)
        others.sort(key=lambda role: -len(company.members(role.id)))  # few roles suffice
        opened: set[int] = set()
        for role in others[:-2]:
            if sum(bool(roles_of(company, user.id) & opened) for user in users) < _OPEN * len(users):
                role.settings["deal_default_visibility"] = wide
                opened.add(role.id)
    secret, unused = company.pipelines[3], company.pipelines[4]
    hidden = rng.sample(others, max(len(others) - 2, (len(roles) + 1) // 2))
    secret.hidden_from = {role.id for role in hidden}
    unused.hidden_from = set(roles)
    left = [user for user in company.users.values() if not user.active and not user.deleted]
    if left:
        company.teams[3].manager_id = rng.choice(left).id
    company.teams[4].manager_id = max(company.users) + 77


def _add_pipelines(company: Company, rng: random.Random) -> None:
    names = ("Sales", "Renewals", "Acquisitions", "Old partners", "Trial")
    company.pipelines = {number: Pipeline(number, name) for number, name in enumerate(names, 1)}
    company.pipelines[5].deleted = True
    teams = [role.id for role in company.roles.values() if role.id != DEFAULT_ROLE]
    company.pipelines[2].hidden_from = set(rng.sample(teams, len(teams) // 4))


def _add_teams(company: Company, rng: random.Random) -> None:
    people = [user.id for user in company.users.values() if user.active]
    for number, name in enumerate(("Closers", "Onboarding", "Key accounts", "Field desk"), 1):
        members = rng.sample(people, min(len(people), rng.randint(3, 9)))
        company.teams[number] = Team(number, name, members[0], sorted(members[1:]))


def _add_deals(company: Company, rng: random.Random, *, clean: bool) -> None:
    """Add deals; unless `clean`, some have followers, or a visibility of their own."""
    owners = [user for user in company.users.values() if user.active and roles_of(company, user.id)]
    owners = rng.sample(owners, min(len(owners), _DEALS))
    for number, owner in enumerate(owners, 9001):
        deal = Deal(number, f"Deal {number}", owner.id, 1, _default(company, owner))
        if not clean and rng.random() < 0.05:
            deal.visible_to = rng.choice((value_of(company, OWNER), value_of(company, EVERYONE)))
        if not clean and rng.random() < 0.05:
            deal.followers = [rng.choice(owners).id]
        company.deals[number] = deal


def _default(company: Company, owner: User) -> int:
    """Return the visibility of a new deal: the setting of the owner's role."""
    role = company.roles.get(min(roles_of(company, owner.id)))
    narrowest = value_of(company, OWNER)
    return role.settings.get("deal_default_visibility", narrowest) if role else narrowest
