"""Converts records into JSON, in both dialects, depending only on the company, the options and the caller.

Sources: for `official`, the vendor's OpenAPI descriptions and change log; for `brief`, a widespread summary
of the API by a third party. Both dialects describe the same company.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from pipedrive_graph.simulator.model import ZERO_DATE, Assignment, Company, PermissionSet, Role, User
from pipedrive_graph.simulator.options import Options

Json = dict[str, Any]

# Cost of a request in tokens of the daily budget (the specification's x-token-cost), by method and template.
TOKEN_COSTS: dict[tuple[str, str], int] = {
    ("GET", "users"): 20,
    ("POST", "users"): 10,
    ("GET", "users/find"): 40,
    ("GET", "users/me"): 2,
    ("GET", "users/{id}"): 2,
    ("PUT", "users/{id}"): 10,
    ("GET", "users/{id}/permissions"): 10,
    ("GET", "users/{id}/roleAssignments"): 10,
    ("GET", "users/{id}/roleSettings"): 10,
    ("GET", "roles"): 20,
    ("GET", "roles/{id}"): 2,
    ("GET", "roles/{id}/assignments"): 10,
    ("POST", "roles/{id}/assignments"): 10,
    ("GET", "roles/{id}/settings"): 20,
    ("GET", "permissionSets"): 20,
    ("GET", "permissionSets/{id}"): 2,
    ("GET", "permissionSets/{id}/assignments"): 20,
    ("GET", "pipelines"): 5,
    ("GET", "roles/{id}/pipelines"): 20,
    ("GET", "legacyTeams"): 20,
    ("GET", "deals"): 10,
    ("GET", "deals/{id}/permittedUsers"): 10,
}


class Serializer:
    """Converts the records of one company into JSON."""

    def __init__(self, company: Company, options: Options) -> None:
        self._company = company
        self._options = options
        self._brief = options.dialect == "brief"

    def user(self, user: User, caller: User) -> Json:
        """Return a user; `phone` and `modified` depend on the caller, as in the real API since 2023."""
        own = user.id == caller.id
        row: Json = {
            "id": user.id,
            "name": user.name,
            "default_currency": user.default_currency,
            "locale": user.locale,
            "lang": user.lang if self._options.lang == "number" else "en-GB",
            "email": user.email,
            "phone": user.phone if own or self._brief else None,
            "activated": True,
            "last_login": self._date(user.last_login),
            "created": self._date(user.created),
            "modified": self._date(user.modified) if self._may_see_modified(caller) else None,
            "has_created_company": user.has_created_company,
            "access": None
            if user.access is None
            else [
                {
                    "app": entry.app,
                    "admin": entry.admin,
                    "permission_set_id": entry.permission_set_id,
                }
                for entry in user.access
            ],
            "active_flag": user.active,
            "timezone_name": user.timezone_name,
            "timezone_offset": user.timezone_offset,
            "role_id": self._role_id(user),
            "icon_url": user.icon_url,
            "is_you": own,
            "is_deleted": user.deleted,
        }
        if self._brief:
            derived = int(bool(user.admin_apps))
            row["is_admin"] = derived if user.is_admin is None else user.is_admin
            row["signup_flow_variation"] = ""
        return row

    def me(self, user: User) -> Json:
        """Return the caller, with their company."""
        return self.user(user, user) | {
            "company_id": self._company.id,
            "company_name": self._company.name,
            "company_domain": self._company.domain,
            "company_country": "EE",
            "company_industry": "IT Services",
            "language": {"language_code": "en", "country_code": "GB"},
        }

    def assignment(self, row: Assignment) -> Json:
        """Return a role assignment: with the role's name and parent (official), or with an id (brief)."""
        if self._brief:
            return {
                "id": row.id,
                "role_id": row.role_id,
                "user_id": row.user_id,
                "active_flag": row.active,
            }
        role = self._company.roles.get(row.role_id)
        return {
            "user_id": row.user_id,
            "role_id": row.role_id,
            "parent_role_id": self._parent(role) if role else None,
            "name": role.name if role else "Former team",
            "active_flag": row.active,
            "type": "1",
        }

    def roles(self) -> list[Json]:
        """Return every listed role with its level; counts are strings, as in the real API."""
        listed = [role for role in self._company.roles.values() if role.listed]
        members = Counter(row.role_id for rows in self._company.assignments.values() for row in rows)
        children = Counter(role.parent_role_id for role in listed if role.parent_role_id != role.id)
        return [
            {
                "id": role.id,
                "parent_role_id": self._parent(role),
                "name": role.name,
                "active_flag": role.active,
                "assignment_count": str(members[role.id] + role.miscounted),
                "sub_role_count": str(children[role.id]),
                "level": self._level(role),
                "description": role.description,
            }
            for role in listed
        ]

    def role(self, role: Role) -> Json:
        """Return one role as in a response by id: without level and description."""
        children = sum(
            other.parent_role_id == role.id and other.listed and other.id != role.id
            for other in self._company.roles.values()
        )
        return {
            "id": role.id,
            "parent_role_id": self._parent(role),
            "name": role.name,
            "active_flag": role.active,
            "assignment_count": str(len(self._company.members(role.id)) + role.miscounted),
            "sub_role_count": str(children),
        }

    def permission_sets(self, app: str | None) -> list[Json]:
        """Return every permission set, or those of one app, without contents."""
        held = Counter(
            access.permission_set_id for user in self._company.users.values() for access in user.access or []
        )
        return [
            {
                "id": entry.id,
                "name": entry.name,
                "description": f"{entry.name} permission set",
                "app": entry.app,
                "type": entry.kind,
                "assignment_count": held[entry.id] + entry.miscounted,
            }
            for entry in self._company.sets.values()
            if app is None or entry.app == app
        ]

    def permission_set(self, entry: PermissionSet) -> Json:
        """Return a permission set as in a response by id: with contents."""
        row = next(row for row in self.permission_sets(entry.app) if row["id"] == entry.id)
        hidden = self._options.empty_admin_sets and entry.kind == "admin"
        return row | {"contents": [] if hidden else list(entry.contents)}

    def set_assignments(self, entry: PermissionSet) -> list[Json]:
        """Return the assignments of a permission set."""
        return [
            {"user_id": user.id, "permission_set_id": entry.id, "name": entry.name}
            for user in self._company.users.values()
            if any(access.permission_set_id == entry.id for access in user.access or [])
        ]

    def _role_id(self, user: User) -> int | str | None:
        if user.role_id is None or self._options.role_ids == "number":
            return user.role_id
        return str(user.role_id)

    def _parent(self, role: Role) -> int | None:
        if role.parent_role_id is None and self._options.root_parent == "itself":
            return role.id
        return role.parent_role_id

    def _level(self, role: Role) -> int:
        level, seen = 1, {role.id}
        parent = role.parent_role_id
        while parent in self._company.roles and parent not in seen:
            seen.add(parent)
            level += 1
            parent = self._company.roles[parent].parent_role_id
        return level if self._options.levels == "depth" else max(1, level - 1)

    def _may_see_modified(self, caller: User) -> bool:
        return self._brief or "account_settings" in caller.admin_apps

    def _date(self, date: str | None) -> str | None:
        if self._options.iso_dates and date not in (None, ZERO_DATE):
            return f"{date}".replace(" ", "T") + "Z"
        return date


def page(
    rows: list[Json], start: str | None, limit: str | None, largest: int = 500
) -> tuple[list[Json], Json]:
    """Return a page of rows and its `pagination` block: 100 rows by default, at most `largest`.

    A `start` or `limit` that is not a number is ignored.
    """
    first = max(0, _number(start, 0))
    size = min(largest, max(1, _number(limit, 100)))
    more = first + size < len(rows)
    block: Json = {"start": first, "limit": size, "more_items_in_collection": more}
    if more:
        block["next_start"] = first + size
    return rows[first : first + size], block


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.lstrip("-").isdecimal() else default
