"""Stories about structure: assignments of users, the tree of roles, and wrong counts in lists."""

from __future__ import annotations

import uuid

from pipedrive_graph.simulator.anomalies.stage import OFFICIAL, NoRoomError, Stage, Variants
from pipedrive_graph.simulator.model import DEFAULT_ROLE, Access, PermissionSet, User

_COPIED = ("Global manager", "Projects regular user", "Campaigns regular user")
"""Permission sets that are duplicated; no other story changes them."""


def nowhere(stage: Stage) -> None:
    """A user has no role at all."""
    user = stage.person()
    stage.company.assignments[user.id] = []
    user.role_id = DEFAULT_ROLE
    stage.expect("user_without_role", user)


def default_role_only(stage: Stage) -> None:
    """A user is in the default role only."""
    user = stage.person()
    stage.company.move(user.id, DEFAULT_ROLE)
    stage.expect("user_without_role", user)


def place_switched_off(stage: Stage) -> None:
    """A user's only assignment is inactive."""
    user = stage.person()
    stage.seat(user).active = False
    stage.expect("user_without_role", user)


def admin_nowhere(stage: Stage) -> None:
    """An admin is in the default role only."""
    user = stage.partial_admin(stage.person())
    stage.company.move(user.id, DEFAULT_ROLE)
    stage.expect("user_without_role", user, severity="high")


def elsewhere(stage: Stage) -> None:
    """The list of users names a different role than the assignments."""
    user = stage.person()
    user.role_id = stage.other_role(user)
    stage.expect("role_mismatch", user)


def two_roles(stage: Stage) -> None:
    """A user is in two roles."""
    user = stage.person()
    stage.company.assign(user.id, stage.other_role(user))
    stage.expect("multiple_roles", user)


def two_other_roles(stage: Stage) -> None:
    """A user is in two roles, and the list of users names neither."""
    user = stage.person()
    stage.company.assign(user.id, stage.other_role(user))
    # The list of users names the default role, which is neither of the two.
    user.role_id = DEFAULT_ROLE
    stage.expect("multiple_roles", user)
    stage.expect("role_mismatch", user)


def role_gone(stage: Stage) -> None:
    """A user's role does not exist."""
    user = stage.person()
    missing = stage.missing_role()
    stage.company.move(user.id, missing)
    stage.expect("dangling_role_assignment", user, str(missing))


def role_inactive(stage: Stage) -> None:
    """A user's role is inactive."""
    user = stage.person()
    inactive = [role for role in stage.company.roles.values() if not role.active]
    if inactive and stage.rng.random() < 0.7:
        role = stage.rng.choice(inactive)
    else:
        beside = stage.company.roles[stage.seat(user).role_id]
        role = stage.new_role("Old campaign team", beside.parent_role_id, active=False)
    stage.company.move(user.id, role.id)
    stage.expect("dangling_role_assignment", user, str(role.id))


def set_gone(stage: Stage) -> None:
    """A user's permission set does not exist."""
    user = stage.person()
    missing = _point_to_nothing(stage, user, "sales")
    stage.expect("dangling_permission_set", user, missing, dialects=OFFICIAL)


def app_unknown(stage: Stage) -> None:
    """A user has a permission set of an app that has no listed sets."""
    user = stage.person()
    missing = _point_to_nothing(stage, user, "prospecting")
    stage.expect("dangling_permission_set", user, missing, severity="info", dialects=OFFICIAL)


def roles_in_a_loop(stage: Stage) -> None:
    """New roles are each other's parents."""
    number = stage.rng.randint(2, 3)
    roles = [stage.new_role(f"Matrix team {n}", None) for n in range(1, number + 1)]
    for role, above in zip(roles, [*roles[1:], roles[0]], strict=True):
        role.parent_role_id = above.id
        stage.expect("role_cycle", role)


def role_under_nothing(stage: Stage) -> None:
    """A role's parent does not exist."""
    user = stage.person()
    role = stage.new_role("Acquired business", stage.missing_role())
    stage.company.move(user.id, role.id)
    stage.expect("role_cycle", role)


def empty_role(stage: Stage) -> None:
    """A role has neither members nor roles below it."""
    role = stage.new_role("Project office", DEFAULT_ROLE)
    stage.expect("empty_role", role, later=True)


def role_left_by_all(stage: Stage) -> None:
    """A role's only member has left."""
    user = stage.person()
    role = stage.new_role("Field test team", DEFAULT_ROLE)
    stage.company.move(user.id, role.id)
    user.access = []
    stage.leave(user)
    stage.expect("inactive_user_with_role", user, str(role.id))
    stage.expect("empty_role", role, later=True)


def copied_set(stage: Stage) -> None:
    """A permission set exists twice."""
    sets = {entry.name: entry for entry in stage.company.sets.values()}
    names = [name for name in _COPIED if f"{name} (copy)" not in sets]
    if not names:
        raise NoRoomError
    original = sets[stage.rng.choice(names)]
    copy = stage.own_set(f"{original.name} (copy)", original.app, *original.contents)
    stage.expect("duplicate_permission_sets", original, dialects=OFFICIAL)
    stage.expect("duplicate_permission_sets", copy, dialects=OFFICIAL)


def role_miscounted(stage: Stage) -> None:
    """A role counts more assignments than there are."""
    roles = [role for role in stage.company.roles.values() if role.active and not role.miscounted]
    role = stage.rng.choice(roles)
    role.miscounted = stage.rng.randint(1, 3)
    stage.expect("count_mismatch", role)


def set_miscounted(stage: Stage) -> None:
    """A permission set counts more assignments than there are."""
    entry = _set_that_is_counted(stage)
    entry.miscounted = stage.rng.randint(1, 3)
    stage.expect("count_mismatch", entry, dialects=OFFICIAL)


def _set_that_is_counted(stage: Stage) -> PermissionSet:
    sets = [entry for entry in stage.company.sets.values() if not entry.miscounted]
    return stage.rng.choice(sets)


def _point_to_nothing(stage: Stage, user: User, app: str) -> str:
    missing = str(uuid.UUID(int=stage.rng.getrandbits(128), version=4))
    others = [access for access in user.access or [] if access.app != app]
    user.access = [*others, Access(app, False, missing)]
    return missing


STORIES: tuple[Variants, ...] = (
    (nowhere, default_role_only, place_switched_off),
    (admin_nowhere,),
    (elsewhere,),
    (two_roles, two_other_roles),
    (role_gone, role_inactive),
    (set_gone, app_unknown),
    (roles_in_a_loop, role_under_nothing),
    (empty_role, role_left_by_all),
    (copied_set,),
    (role_miscounted, set_miscounted),
)
