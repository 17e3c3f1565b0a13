"""The rules once more, read from the catalogue's words, over nothing but what the API answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipedrive_graph.simulator.model import Company
from pipedrive_graph.simulator.options import Options
from pipedrive_graph.simulator.wire import Wire

Found = tuple[str, str, str, str | None, str]


@dataclass
class Reading:
    """All that the API says about a company; `sets` is None where it offers none."""

    company_id: int
    collector: int
    users: list[Any]
    roles: dict[int, Any]
    assignments: dict[int, list[Any]]
    permissions: dict[int, dict[str, bool]]
    sets: dict[str, list[str]] | None


def read(company: Company, dialect: Any) -> Reading:
    """Read a company past HTTP, for many companies in a short time."""
    wire = Wire(company, Options(dialect=dialect))
    owner = company.users[company.owner_id]
    return Reading(
        company_id=company.id,
        collector=owner.id,
        users=[wire.user(user, owner) for user in company.users.values()],
        roles={role.id: wire.role(role) for role in company.roles.values()},
        assignments={
            user_id: [wire.assignment(row) for row in rows] for user_id, rows in company.assignments.items()
        },
        permissions={user_id: company.permissions(user_id) for user_id in company.users},
        sets=None if dialect == "brief" else {s.id: list(s.contents) for s in company.sets.values()},
    )


def days(now: datetime, date: str) -> float:
    moment = datetime.strptime(date, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return (now - moment) / timedelta(days=1)


def never(date: str | None) -> bool:
    return date is None or date.startswith("0000")


def is_admin(user: Any) -> bool:
    return any(entry["admin"] for entry in user["access"])


def findings(reading: Reading, now: datetime) -> set[Found]:
    found: set[Found] = set()
    for user in reading.users:
        for rule, what, severity in [*_account(reading, user, now), *_place(reading, user)]:
            found.add((rule, "user", str(user["id"]), what, severity))
        for rule, what in _privilege(reading, user):
            found.add((rule, "user", str(user["id"]), what, "high"))
    active = [user for user in reading.users if user["active_flag"]]
    admins = [
        user
        for user in active
        if any(entry["admin"] and entry["app"] == "account_settings" for entry in user["access"])
    ]
    if len(admins) < 2 and len(active) > 2:
        found.add(("single_admin", "company", str(reading.company_id), None, "high"))
    if len(admins) > max(4, 0.05 * len(active)):
        found.add(("too_many_admins", "company", str(reading.company_id), None, "medium"))
    return found


def _account(reading: Reading, user: Any, now: datetime) -> list[tuple[str, str | None, str]]:
    found: list[tuple[str, str | None, str]] = []
    active = user["active_flag"] and not user["is_deleted"]
    login, created = user["last_login"], user["created"]
    held = [row for row in reading.assignments[user["id"]] if row["active_flag"]]
    if active and is_admin(user):
        gone = not never(login) and days(now, login) > 90
        absent = never(login) and created is not None and days(now, created) > 30
        if user["id"] != reading.collector and (gone or absent):
            found.append(("dormant_admin", None, "high"))
    elif active:
        if not never(login) and days(now, login) > 90:
            found.append(("dormant_user", None, "medium"))
        if never(login) and created is not None and days(now, created) > 14:
            found.append(("never_logged_in", None, "medium"))
    else:
        found += [
            ("inactive_user_with_role", str(row["role_id"]), "medium") for row in held if row["role_id"] != 1
        ]
        sets = [entry for entry in user["access"] if entry["permission_set_id"]]
        if sets or any(reading.permissions[user["id"]].values()):
            found.append(("inactive_user_with_permissions", None, "medium"))
        if is_admin(user):
            found.append(("inactive_admin", None, "high"))
    return found


def _place(reading: Reading, user: Any) -> list[tuple[str, str | None, str]]:
    found: list[tuple[str, str | None, str]] = []
    held = [row["role_id"] for row in reading.assignments[user["id"]] if row["active_flag"]]
    if user["active_flag"] and set(held) <= {1}:
        found.append(("user_without_role", None, "high" if is_admin(user) else "medium"))
    if held and user["role_id"] is not None and user["role_id"] not in held:
        found.append(("role_mismatch", None, "medium"))
    if len(held) > 1:
        found.append(("multiple_roles", None, "medium"))
    for role_id in held:
        if role_id not in reading.roles or not reading.roles[role_id]["active_flag"]:
            found.append(("dangling_role_assignment", str(role_id), "high"))
    return found


def _privilege(reading: Reading, user: Any) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    if "is_admin" in user and bool(user["is_admin"]) != is_admin(user):
        found.append(("admin_flag_mismatch", None))
    if reading.sets is not None and not is_admin(user):
        explained = {
            flag for entry in user["access"] for flag in reading.sets.get(entry["permission_set_id"], [])
        }
        held = {flag for flag, granted in reading.permissions[user["id"]].items() if granted}
        found += [("unexplained_permission", flag) for flag in held - explained]
    return found
