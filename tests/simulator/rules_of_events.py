"""The rules about changes between two observations, which are some days apart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from .reading import Reading, days, is_admin, is_live
from .rules_of_flags import SENSITIVE

About = Iterator[tuple[str, str, str, str | None, str]]


def events(before: Reading, after: Reading, now: datetime) -> About:
    known = {user["id"]: user for user in before.users}
    for user in after.users:
        if user["id"] in known:
            for rule, what, severity in _of_user(before, after, known[user["id"]], user, now):
                yield rule, "user", str(user["id"]), what, severity
        elif is_admin(user) and user["created"] and days(now, user["created"]) <= 7:
            yield "new_user_admin", "user", str(user["id"]), None, "high"
    for role_id, role in after.roles.items():
        if role_id in before.roles and before.roles[role_id]["parent_role_id"] != role["parent_role_id"]:
            yield "role_moved", "role", str(role_id), None, "medium"
    for set_id, entry in (after.sets or {}).items():
        old = (before.sets or {}).get(set_id)
        if old and set(old["contents"]) != set(entry["contents"]):
            yield "permission_set_changed", "permission_set", set_id, None, "high"
    changed = sum(
        len(after.holds(user["id"]) ^ (before.holds(user["id"]) if user["id"] in known else set()))
        for user in after.users
    )
    if changed >= 50 and changed > 0.1 * sum(len(before.holds(user_id)) for user_id in known):
        yield "mass_change", "company", str(after.company_id), None, "high"


def _of_user(
    before: Reading, after: Reading, was: Any, user: Any, now: datetime
) -> Iterator[tuple[str, str | None, str]]:
    old = {entry["app"] for entry in was["access"] if entry["admin"]}
    apps = {entry["app"] for entry in user["access"] if entry["admin"]} - old
    for app in apps:
        yield "admin_granted", app, "critical" if app == "account_settings" else "high"
    if apps and user["created"] and days(now, user["created"]) <= 7:
        yield "new_user_admin", None, "high"
    if is_live(user) and not is_live(was):
        yield "reactivated_user", None, "medium"
    held, gained = before.holds(user["id"]), after.holds(user["id"]) - before.holds(user["id"])
    if after.sets is not None and not is_admin(user):
        for flag in gained & SENSITIVE:
            if not _by_edited_set(before, after, was, user, flag):
                yield "sensitive_permission_granted", flag, "high"
    grown = len(after.holds(user["id"])) > 1.3 * len(held) if held else False
    if grown or (is_live(user) and _kept(before, after, user)):
        yield "permission_creep", None, "medium"


def _by_edited_set(before: Reading, after: Reading, was: Any, user: Any, flag: str) -> bool:
    sets, old = after.sets or {}, before.sets or {}
    ids = {entry["permission_set_id"] for entry in was["access"]}
    return any(
        flag in sets[set_id]["contents"] and flag not in old[set_id]["contents"]
        for set_id in ids & {entry["permission_set_id"] for entry in user["access"]} & sets.keys()
    )


def _kept(before: Reading, after: Reading, user: Any) -> bool:
    """Whether a user who moved kept flags of the old role that under half of the new role hold."""
    old, new = before.roles_of(user["id"]), after.roles_of(user["id"])
    if not old or not new or set(old) & set(new):
        return False
    kept = before.holds(user["id"]) & after.holds(user["id"])
    kept = {flag for flag in kept if any(_usual(before, role_id, flag) for role_id in old)}
    return any(not _usual(after, role_id, flag) for role_id in new for flag in kept)


def _usual(reading: Reading, role_id: int, flag: str) -> bool:
    return reading.holders(role_id, flag) >= len(reading.members.get(role_id, [])) / 2
