"""The rules about roles and permission sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .reading import Reading
from .rules_of_flags import TOXIC, combined

About = Iterator[tuple[str, str, str, str | None, str]]


def roles(reading: Reading, earlier: Reading | None) -> About:
    counted = Counter(row["role_id"] for rows in reading.assignments.values() for row in rows)
    empty = _empty(reading) & _empty(earlier) if earlier else set()
    for role_id, role in reading.roles.items():
        if int(role["assignment_count"]) != counted[role_id]:
            yield "count_mismatch", "role", str(role_id), None, "info"
        if _loops(reading, role_id) or role["parent_role_id"] not in {None, *reading.roles}:
            yield "role_cycle", "role", str(role_id), None, "medium"
        if role_id in empty:
            yield "empty_role", "role", str(role_id), None, "low"


def sets(reading: Reading) -> About:
    if reading.sets is None:
        return
    held = Counter(entry["permission_set_id"] for user in reading.users for entry in user["access"])
    alike = Counter((entry["app"], *sorted(entry["contents"])) for entry in reading.sets.values())
    apps = {entry["app"] for entry in reading.sets.values()}
    for set_id, entry in reading.sets.items():
        if entry["assignment_count"] != held[set_id]:
            yield "count_mismatch", "permission_set", set_id, None, "info"
        if alike[(entry["app"], *sorted(entry["contents"]))] > 1:
            yield "duplicate_permission_sets", "permission_set", set_id, None, "low"
        for name, (severity, clauses) in TOXIC.items() if entry["type"] != "admin" else ():
            if combined(clauses, set(entry["contents"])):
                yield name, "permission_set", set_id, name, severity
    for user in reading.users:
        for access in user["access"]:
            if access["permission_set_id"] and access["permission_set_id"] not in reading.sets:
                severity = "high" if access["app"] in apps else "info"
                subject = str(user["id"])
                yield "dangling_permission_set", "user", subject, access["permission_set_id"], severity


def _empty(reading: Reading) -> set[int]:
    parents = {
        role["parent_role_id"] for role in reading.roles.values() if role["id"] != role["parent_role_id"]
    }
    return set(reading.roles) - {1} - set(reading.members) - parents


def _loops(reading: Reading, role_id: int) -> bool:
    """Whether the chain of parents returns to the role through another role."""
    seen: set[int] = set()
    above = reading.roles[role_id]["parent_role_id"]
    if above == role_id:
        return False
    while above in reading.roles and above not in seen:
        if above == role_id:
            return True
        seen.add(above)
        above = reading.roles[above]["parent_role_id"]
    return False
