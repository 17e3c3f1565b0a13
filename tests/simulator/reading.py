"""All responses of the API about a company, without HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any

from pipedrive_graph.simulator.model import Company
from pipedrive_graph.simulator.options import Options
from pipedrive_graph.simulator.serializers import Serializer


@dataclass(eq=False)
class Reading:
    """The responses of the API about a company; `sets` is None if the API has no permission sets."""

    company_id: int
    collector: int
    users: list[Any]
    roles: dict[int, Any]
    assignments: dict[int, list[Any]]
    permissions: dict[int, dict[str, bool]]
    sets: dict[str, Any] | None

    @cached_property
    def common(self) -> set[str]:
        """The flags that every admin of the account settings holds."""
        admins = [user for user in self.users if is_live(user) and is_admin(user, "account_settings")]
        return set.intersection(*(self.holds(admin["id"]) for admin in admins))

    @cached_property
    def named(self) -> set[str]:
        """The flags in the response about some user."""
        return {flag for flags in self.permissions.values() for flag in flags}

    @cache  # noqa: B019 - no longer than a test
    def holders(self, role_id: int, flag: str) -> int:
        """How many members of a role hold a flag."""
        return sum(flag in self.holds(user["id"]) for user in self.members.get(role_id, []))

    def holds(self, user_id: int) -> set[str]:
        """The flags that a user holds."""
        return {flag for flag, granted in self.permissions[user_id].items() if granted}

    def grants(self, user: Any) -> set[str]:
        """The flags that a user's permission sets grant."""
        sets = self.sets or {}
        ids = [entry["permission_set_id"] for entry in user["access"]]
        return {flag for set_id in ids if set_id in sets for flag in sets[set_id]["contents"]}

    def roles_of(self, user_id: int) -> list[int]:
        """The roles of a user's active assignments."""
        return [row["role_id"] for row in self.assignments[user_id] if row["active_flag"]]

    @cached_property
    def members(self) -> dict[int, list[Any]]:
        """The live users in each role."""
        found: dict[int, list[Any]] = {}
        for user in self.users:
            for role_id in self.roles_of(user["id"]) if is_live(user) else ():
                found.setdefault(role_id, []).append(user)
        return found


def read(company: Company, dialect: Any) -> Reading:
    """Read a company without HTTP, which is fast for many companies."""
    serializer = Serializer(company, Options(dialect=dialect))
    owner = company.users[company.owner_id]
    sets = {entry["id"]: entry for entry in serializer.permission_sets(None)}
    for set_id, entry in sets.items():
        entry["contents"] = list(company.sets[set_id].contents)
    return Reading(
        company_id=company.id,
        collector=owner.id,
        users=[serializer.user(user, owner) for user in company.users.values()],
        roles={role["id"]: role for role in serializer.roles()},
        assignments={
            user_id: [serializer.assignment(row) for row in rows]
            for user_id, rows in company.assignments.items()
        },
        permissions={user_id: company.permissions(user_id) for user_id in company.users},
        sets=None if dialect == "brief" else sets,
    )


def days(now: datetime, date: str) -> float:
    moment = datetime.strptime(date, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return (now - moment) / timedelta(days=1)


def never(date: str | None) -> bool:
    return date is None or date.startswith("0000")


def is_admin(user: Any, app: str | None = None) -> bool:
    return any(entry["admin"] and app in (None, entry["app"]) for entry in user["access"])


def is_live(user: Any) -> bool:
    return bool(user["active_flag"] and not user["is_deleted"])
