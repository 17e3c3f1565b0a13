"""Reads what each user may do and why, as compact data from which the page's script shows each user.

Many users share the same permissions for the same reasons. These are stored once, as a profile, so that a
report about ten thousand users stays small.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from pipedrive_graph.common.text import legible
from pipedrive_graph.reports.access.source import Source
from pipedrive_graph.reports.access.words import permission

GRANTED, NOT_GRANTED, UNKNOWN = 1, 0, 2


@dataclass(frozen=True, slots=True)
class _User:
    """A row of the macro reported_users."""

    user_id: int
    name: str | None
    email: str | None
    state: int
    admin: bool | None
    access_known: bool | None
    permissions_source: str | None
    permissions_observed_at: datetime | None
    last_login: datetime | None
    login_known: bool | None
    created: datetime | None
    access: list[list[Any]] | None
    seats: list[list[Any]] | None


_USERS = (
    f"SELECT {', '.join(field.name for field in fields(_User))} FROM reported_users($company)"  # noqa: S608
    " ORDER BY lower(coalesce(nullif(name, ''), email)), user_id"
)


class _Numbered:
    """Numbers different values in the order in which they first occur."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[Hashable, int] = {}

    def of(self, key: Hashable, value: object = None) -> int:
        """Return the number of a key; `value` is stored for it, by default the key itself."""
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(key if value is None else value)
        return self._numbers[key]


def people(source: Source, views: Mapping[int, tuple[str, ...]]) -> dict[str, Any]:
    """Return the data of the script: the users, and the lists that their numbers refer to.

    Args:
        source: the published file.
        views: sentences about whose items a user sees, by user; empty if visibility was not collected.
    """
    reasons, permissions, accesses, seats, sights = (_Numbered() for _ in range(5))
    profiles: list[list[int]] = []
    sensitive = {
        flag
        for (flag,) in source.rows("SELECT permission FROM sensitive_permissions WHERE company = $company")
    }

    def flag_number(flag: str) -> int:
        return permissions.of(flag, [legible(flag), legible(permission(flag)), int(flag in sensitive)])

    profile_of: dict[int, int] = {}
    for profile, user_ids in source.rows(
        "SELECT profile, user_ids FROM access_profiles($company) ORDER BY list_min(user_ids)"
    ):
        number = len(profiles)
        flat: list[int] = []
        for flag, granted, reason in profile:
            flat += [flag_number(flag), _state(granted), reasons.of(legible(reason))]
        profiles.append(flat)
        profile_of.update(dict.fromkeys(user_ids, number))
    users = []
    for row in source.rows(_USERS):
        user = _User(*row)
        access, seat = user.access or [], user.seats or []
        users.append(
            [
                user.user_id,
                legible(user.name or user.email or f"user {user.user_id}"),
                legible(user.email or ""),
                user.state,
                _bit(user.admin),
                accesses.of(_key(access), _texts(access)),
                seats.of(
                    _key(seat), [[int(role_id), _state(active), origin] for role_id, active, origin in seat]
                ),
                profile_of.get(user.user_id, -1),
                user.permissions_source,
                _minute(user.permissions_observed_at),
                _minute(user.last_login),
                _bit(user.login_known),
                _minute(user.created),
                _bit(user.access_known),
                sights.of(views.get(user.user_id, ())),
            ]
        )
    return {
        "users": users,
        "permissions": permissions.values,
        "reasons": reasons.values,
        "profiles": profiles,
        "accesses": accesses.values,
        "seats": seats.values,
        "sights": sights.values,
        "sees": bool(views),
        "roles": _roles(source),
        "sets": _sets(source),
        "absent": _absent(source),
    }


def embedded(data: dict[str, Any]) -> str:
    """Return data as JSON that is safe inside a page: no text can close the element or open another."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _roles(source: Source) -> dict[str, list[Any]]:
    """Return the roles: name, number of members, and holders by permission."""
    held: dict[int, dict[str, int]] = {}
    for role_id, flag, holders in source.rows(
        """
        SELECT role_id, permission, holders FROM role_permissions
        WHERE company = $company AND holders > 0 ORDER BY ALL"""
    ):
        held.setdefault(role_id, {})[legible(flag)] = holders
    return {
        str(role_id): [legible(name), members, held.get(role_id, {})]
        for role_id, name, members in source.rows(
            """
            SELECT role_id, coalesce(name, 'role ' || role_id), members FROM roles
            WHERE company = $company ORDER BY role_id"""
        )
    }


def _sets(source: Source) -> dict[str, str]:
    return {
        legible(set_id): legible(name)
        for set_id, name in source.rows(
            """
            SELECT permission_set_id, coalesce(name, permission_set_id) FROM permission_sets
            WHERE company = $company ORDER BY permission_set_id"""
        )
    }


def _absent(source: Source) -> dict[str, list[str]]:
    """Return the roles and sets that are proven not to exist; others may just be missing from a list."""
    absent: dict[str, list[str]] = {"role": [], "permission_set": []}
    for kind, subject_id in source.rows(
        "SELECT subject_kind, subject_id FROM proven_absences WHERE company = $company ORDER BY ALL"
    ):
        absent[kind].append(legible(subject_id))
    return absent


def _state(granted: str | None) -> int:
    return UNKNOWN if granted is None else GRANTED if granted == "true" else NOT_GRANTED


def _bit(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _key(rows: list[list[str | None]]) -> Hashable:
    return tuple(map(tuple, rows))


def _texts(rows: list[list[str | None]]) -> list[list[str | None]]:
    return [[None if cell is None else legible(cell) for cell in row] for row in rows]


def _minute(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%d %H:%M}"
