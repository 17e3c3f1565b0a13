"""The expected findings about who can see what.

Other than for the stories, the conditions are evaluated here: whose deals a user sees follows from the whole
tree of roles, so a story about any user or role can cause such a finding or prevent it. The model of
visibility is the simulator's own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from pipedrive_graph.simulator.model import DEFAULT_ROLE, Company, Finding, User
from pipedrive_graph.simulator.visibility import (
    EVERYONE,
    ITEMS,
    default_reach,
    reach,
    roles_of,
    value_of,
    viewers,
)

VISIBILITY = {
    "default_role_exposed": "high",
    "broad_visibility": "medium",
    "broad_export": "high",
    "visibility_everyone": "low",
    "pipeline_exposed": "high",
    "pipeline_unseen": "low",
    "team_manager_inactive": "low",
}
"""Rules about one snapshot of who can see what."""

WIDENED = "visibility_widened"
"""The rule about a change."""

_EXPORT = "can_export_data_from_lists"


def expected(company: Company) -> list[Finding]:
    """Return the findings about who can see what, including those about changes so far."""
    about = [*_users(company), *_roles(company), *_pipelines(company), *_teams(company)]
    about += [(WIDENED, "role", role_id, item) for role_id, item in company.widened]
    severities = VISIBILITY | {WIDENED: "high"}
    return [
        Finding(rule, kind, str(subject), what, severities[rule], ("official",))
        for rule, kind, subject, what in about
    ]


def widen(company: Company) -> None:
    """Let more people see the new items of a role, as an administrator does between two runs."""
    rng = random.Random(f"widen:{company.seed}:{company.now.isoformat()}")  # noqa: S311 - reproducible
    narrow = [
        (role.id, item)
        for role in company.roles.values()
        for item in ITEMS
        if role.active and role.listed and default_reach(company, role.id, item) not in (EVERYONE, None)
    ]
    if narrow:
        role_id, item = rng.choice(narrow)
        settings = company.roles[role_id].settings
        wider = [value for value in (3, 5, 7) if value > settings[f"{item}_default_visibility"]]
        settings[f"{item}_default_visibility"] = rng.choice(
            [value for value in wider if reach(company, value) is not None] or [value_of(company, EVERYONE)]
        )
        company.widened.append((role_id, item))


Abouts = Iterator[tuple[str, str, int, str | None]]
"""Rule, kind of subject, subject, object."""


def _users(company: Company) -> Abouts:
    people = [user for user in company.users.values() if _live(user)]
    seen: dict[int, int] = dict.fromkeys((user.id for user in people), 0)
    possible = dict(seen)
    for owner in people:
        permitted = viewers(company, owner.id, "deal")
        unclear = any(default_reach(company, role, "deal") is None for role in roles_of(company, owner.id))
        for user in people:
            seen[user.id] += user.id in permitted
            possible[user.id] += unclear or user.id in permitted
    used = {role for user in people for role in roles_of(company, user.id) if role in company.roles}
    plain = [user for user in people if not user.admin_apps]
    broad = sum(possible[user.id] >= 0.95 * len(people) for user in plain)
    for user in plain:
        if seen[user.id] >= 0.95 * len(people) and broad < 0.1 * len(people) and len(used) >= 3:
            yield "broad_visibility", "user", user.id, None
        if seen[user.id] >= 0.8 * len(people) and company.permissions(user.id).get(_EXPORT):
            yield "broad_export", "user", user.id, None


def _roles(company: Company) -> Abouts:
    roles = [role.id for role in company.roles.values() if role.active]
    exposed = False
    for item in ITEMS:
        reaches = {role: default_reach(company, role, item) for role in roles}
        narrower = [role for role in roles if reaches[role] not in (EVERYONE, None)]
        exposed |= item in ("deal", "person") and reaches.get(DEFAULT_ROLE) == EVERYONE and bool(narrower)
        if len(narrower) >= 2:
            for role in roles:
                if reaches[role] == EVERYONE:
                    yield "visibility_everyone", "role", role, item
    if exposed:
        yield "default_role_exposed", "role", DEFAULT_ROLE, None


def _pipelines(company: Company) -> Abouts:
    roles = {role.id for role in company.roles.values() if role.active}
    used = {
        row.role_id
        for user in company.users.values()
        for row in company.assignments.get(user.id, [])
        if _live(user) and row.active and row.role_id in company.roles
    }
    for pipeline in company.pipelines.values():
        if pipeline.deleted:
            continue
        if DEFAULT_ROLE not in pipeline.hidden_from and 2 * len(pipeline.hidden_from & roles) >= len(roles):
            yield "pipeline_exposed", "pipeline", pipeline.id, None
        if used and used <= pipeline.hidden_from:
            yield "pipeline_unseen", "pipeline", pipeline.id, None


def _teams(company: Company) -> Abouts:
    for team in company.teams.values():
        manager = company.users.get(team.manager_id)
        if team.active and not team.deleted and (manager is None or not _live(manager)):
            yield "team_manager_inactive", "team", team.id, None


def _live(user: User) -> bool:
    return user.active and not user.deleted
