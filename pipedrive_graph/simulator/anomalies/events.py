"""Stories about events between two runs."""

from __future__ import annotations

from pipedrive_graph.simulator.anomalies.privilege import give_export
from pipedrive_graph.simulator.anomalies.stage import OFFICIAL, NoRoomError, Stage, Variants
from pipedrive_graph.simulator.model import DEFAULT_ROLE, Access, PermissionSet, User

_ADMINS_GAIN = 30
"""About how many more flags a user holds after becoming an admin."""

_TAKEN_AWAY = ("can_add_leads", "can_see_deals_list_summary", "can_share_filters", "can_use_email_tracking")
"""The flags that the mass change revokes from every seller."""


def account_admin(stage: Stage) -> None:
    """A user becomes an admin of the account settings."""
    company = stage.company
    active = sum(user.active for user in company.users.values())
    many = any(finding.rule == "too_many_admins" for finding in company.planted)
    if not many and len(stage.account_admins()) + 1 > max(4, 0.05 * active):
        raise NoRoomError
    user = stage.person(changes=_ADMINS_GAIN)
    company.make_admin(user.id)
    stage.unexpect("single_admin", str(company.id))
    _admin_granted(stage, user, "account_settings", severity="critical")


def deals_admin(stage: Stage) -> None:
    """A user becomes an admin of the deals."""
    user = stage.person(changes=_ADMINS_GAIN)
    _admin_granted(stage, stage.partial_admin(user), "sales")


def new_admin(stage: Stage) -> None:
    """A user accepts an invitation, and becomes an admin at once."""
    invited = [user for user in stage.company.users.values() if user.active and user.created is None]
    if not invited:
        raise NoRoomError
    stage.spend(_ADMINS_GAIN)
    user = stage.rng.choice(invited)
    user.created = stage.calendar.ago(0.5, 4)
    user.last_login = user.modified = stage.calendar.ago(0.01, 0.4)
    _admin_granted(stage, stage.partial_admin(user), "sales")
    stage.expect("new_user_admin", user)


def hired_as_admin(stage: Stage) -> None:
    """A user joins as an admin. Without an earlier observation, this is not a new grant."""
    stage.spend(_ADMINS_GAIN + 10)
    user = hire(stage, stage.person())
    stage.expect("new_user_admin", stage.partial_admin(user))


def sensitive_flag(stage: Stage) -> None:
    """A user is granted a sensitive flag without a permission set."""
    user = stage.person(holding="can_add_deals", changes=1)
    flag = stage.rng.choice(("can_export_data_from_lists", "can_delete_deals"))
    stage.deviate(user, flag)
    _sensitive_granted(stage, user, flag)


def sensitive_set(stage: Stage) -> None:
    """A user is given the permission set that grants exporting."""
    user = stage.person(holding="can_add_deals", changes=1)
    give_export(stage, user)
    _sensitive_granted(stage, user, "can_export_data_from_lists")


def set_widened(stage: Stage) -> None:
    """A permission set grants one more flag."""
    _edit(stage, "Deals - finance", add="can_add_organizations")


def set_narrowed(stage: Stage) -> None:
    """A permission set grants one flag less."""
    _edit(stage, "Deals - read only", remove="can_share_filters")


def sensitive_set_widened(stage: Stage) -> None:
    """A permission set grants one more sensitive flag, to a whole department, so it is usual there."""
    _edit(stage, "Deals - inside sales", add="can_merge_people")


def came_back(stage: Stage) -> None:
    """A user who left with all access is active again."""
    user = _left(stage, with_everything=True)
    for rule in ("inactive_user_with_role", "inactive_user_with_permissions"):
        stage.unexpect(rule, str(user.id))
    _come_back(stage, user)


def came_back_to_nothing(stage: Stage) -> None:
    """A user who left without access is active again."""
    user = _left(stage, with_everything=False)
    stage.expect("user_without_role", user)
    _come_back(stage, user)


def role_moved(stage: Stage) -> None:
    """A role gets another parent."""
    roles = stage.company.roles
    below = {role.parent_role_id for role in roles.values()}
    ways = [
        (role, parent.id)
        for role in roles.values()
        if role.active and role.id not in below and stage.members(role.id) and stage.rooted(role)
        for parent in roles.values()
        if parent.active and parent.id in below and parent.id not in (DEFAULT_ROLE, role.parent_role_id)
        if stage.rooted(parent)
    ]
    if not ways:
        raise NoRoomError
    role, parent_id = stage.rng.choice(ways)
    role.parent_role_id = parent_id
    stage.expect("role_moved", role)


def moved_with_all(stage: Stage) -> None:
    """A user moves to another department, and keeps the permission sets of the old one."""
    company = stage.company
    destinations = []
    for role in company.roles.values():
        members = stage.members(role.id)
        sellers = sum(company.permissions(user.id)["can_add_deals"] for user in members)
        # still under half after this move, one new user and one who leaves
        if role.active and role.id != DEFAULT_ROLE and 2 * (sellers + 2) < len(members):
            destinations.append(role)
    destinations = [role for role in destinations if stage.rooted(role)]
    if not destinations:
        raise NoRoomError
    user = stage.person(holding="can_add_deals")
    role = stage.rng.choice(destinations)
    stage.unusual(user, *stage.new_to(role, user))
    company.move(user.id, role.id)
    stage.expect("permission_creep", user)


def more_and_more(stage: Stage) -> None:
    """A user is granted a third more flags, none of them sensitive."""
    user = stage.person(holding="can_follow_other_users", changes=3)
    before = stage.company.explained(user.id)
    stage.give_set(user, _named(stage, "Global manager"))
    stage.unusual(user, *sorted(stage.company.explained(user.id) - before))
    stage.expect("permission_creep", user)


def mass_change(stage: Stage) -> None:
    """The permission set of all sellers loses half of its flags."""
    stage.company.edit_set(_named(stage, "Deals regular user").id, remove=_TAKEN_AWAY)
    stage.expect("permission_set_changed", _named(stage, "Deals regular user"), dialects=OFFICIAL)
    stage.expect_company("mass_change")


def hire(stage: Stage, like: User) -> User:
    """Add a user who joined a few days ago, with the role and the permission sets of a colleague."""
    company = stage.company
    user = company.invite(f"new.colleague{len(company.users)}@{like.email.partition('@')[2]}")
    user.name = "Robin Colleague"
    user.access = [Access(entry.app, entry.admin, entry.permission_set_id) for entry in like.access or []]
    user.created = stage.calendar.ago(0.5, 4)
    user.last_login = user.modified = stage.calendar.ago(0.01, 0.4)
    company.move(user.id, stage.seat(like).role_id)
    return user


def _admin_granted(stage: Stage, user: User, app: str, severity: str | None = None) -> None:
    stage.expect("admin_granted", user, app, severity=severity)
    # 37 flags instead of about nine
    stage.expect("permission_creep", user)


def _sensitive_granted(stage: Stage, user: User, flag: str) -> None:
    # without the permission sets, it is unknown whether one of them was edited
    stage.expect("sensitive_permission_granted", user, flag, dialects=OFFICIAL)


def _edit(stage: Stage, name: str, add: str | None = None, remove: str | None = None) -> None:
    entry = _named(stage, name)
    users = stage.company.users.values()
    stage.spend(sum(entry.id in {access.permission_set_id for access in user.access or []} for user in users))
    stage.company.edit_set(entry.id, add=[add] if add else [], remove=[remove] if remove else [])
    stage.expect("permission_set_changed", entry, dialects=OFFICIAL)


def _named(stage: Stage, name: str) -> PermissionSet:
    return next(entry for entry in stage.company.sets.values() if entry.name == name)


def _left(stage: Stage, *, with_everything: bool) -> User:
    """Return a deactivated user with a role and permission sets, or with neither."""
    for user in stage.company.users.values():
        placed = any(row.role_id != DEFAULT_ROLE for row in stage.company.assignments[user.id])
        if (
            not user.active
            and not user.deleted
            and not user.admin_apps
            and not user.granted
            and (bool(user.access), placed) == (with_everything, with_everything)
        ):
            return user
    raise NoRoomError


def _come_back(stage: Stage, user: User) -> None:
    stage.company.reactivate(user.id)
    user.last_login = user.modified = stage.calendar.ago(0.01, 0.4)
    stage.expect("reactivated_user", user)


STORIES: tuple[Variants, ...] = (
    (account_admin, deals_admin),
    (new_admin, hired_as_admin),
    (sensitive_flag, sensitive_set),
    (set_widened, set_narrowed, sensitive_set_widened),
    (came_back, came_back_to_nothing),
    (role_moved,),
    (more_and_more,),
)
