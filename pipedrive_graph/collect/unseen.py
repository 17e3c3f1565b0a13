"""Finds assignments that a collection did not see, by comparison with Pipedrive's own counts.

Pipedrive counts the assignments of each role and permission set. If the collection read clearly fewer, users
or assignments were withheld. The documentation does not say whether Pipedrive counts inactive users, so
every listed user counts as read, and small differences are left to the rule `count_mismatch`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pipedrive_graph.collect.call_log import LISTED, CallLog
from pipedrive_graph.common.text import counted
from pipedrive_graph.pipedrive.answers import Answer
from pipedrive_graph.pipedrive.endpoints import Endpoint
from pipedrive_graph.pipedrive.models import PermissionSet, Role, or_none, read_id, read_text_id

UNSEEN_SHARE, UNSEEN_COUNT = 0.20, 5
"""Reported if more than this share, and at least this count, of the counted assignments are missing."""

_MOVING = {"id", "is_you", "last_login", "modified", "timezone_offset"}
"""Fields that may change between two pages of a list; sql/staging/contradictions.sql has the same list."""


def unseen(call_log: CallLog) -> list[str]:
    """Return a sentence for each kind of assignment that was read clearly less often than counted."""
    users = call_log.users()
    members = {(user.id, user.role_id) for user in users.values()} | call_log.members
    members |= {(user, role) for user, roles in call_log.assigned.items() for role in roles}
    roles = Counter(str(role) for user, role in members if user in users)
    entries = [entry.permission_set_id for user in users.values() for entry in user.access or []]
    # a user whose access is unknown may have any set
    unknown = sum(user.access is None for user in users.values())
    return [
        *_missing("roles", _counts(call_log, Endpoint.ROLES), roles, len(users), 0),
        *_missing(
            "permission sets",
            _counts(call_log, Endpoint.PERMISSION_SETS),
            Counter(filter(None, entries)),
            len(users),
            unknown,
        ),
    ]


def contradictions(endpoint: Endpoint, pages: Sequence[Answer]) -> list[str]:
    """Return the ids that a list contains more than once with different values, as 'list: id'.

    The rows are compared as received; sql/staging/contradictions.sql publishes the values that differ.

    Args:
        endpoint: the list.
        pages: its pages, with their texts.
    """
    ids = Counter(str(row.id) for page in pages for row in page.rows(LISTED[endpoint]))
    repeated = {subject for subject, count in ids.items() if count > 1}
    if not repeated:
        return []
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in (row for page in pages if page.data for row in json.loads(page.text)["data"]):
        subject = _id(endpoint, row)
        if subject in repeated:
            for field in row.keys() - _MOVING:
                values[subject, field].add(json.dumps(row[field]))
    different = {subject for (subject, _), texts in values.items() if len(texts) > 1}
    return [f"{endpoint}: id {subject}" for subject in sorted(different)]


def _id(endpoint: Endpoint, row: object) -> str:
    """Return the id of a row of a list; empty if it has none that can be read."""
    read = read_text_id if endpoint is Endpoint.PERMISSION_SETS else read_id
    subject = or_none(read, row.get("id")) if isinstance(row, dict) else None
    return "" if subject is None else str(subject)


def _counts(call_log: CallLog, endpoint: Endpoint) -> dict[str, int]:
    """Return Pipedrive's counts of assignments, by the id of the role or set."""
    if not call_log.offered(endpoint):
        return {}
    rows = (row for page in call_log.listed[endpoint] for row in page.rows(LISTED[endpoint]))
    return {
        str(row.id): row.assignment_count
        for row in rows
        if isinstance(row, Role | PermissionSet) and row.assignment_count is not None
    }


def _missing(
    kind: str, counts: Mapping[str, int], read: Mapping[str, int], users: int, unknown: int
) -> Iterable[str]:
    total = sum(counts.values())
    missing = sum(max(0, count - read.get(subject, 0) - unknown) for subject, count in counts.items())
    if missing >= UNSEEN_COUNT and missing > UNSEEN_SHARE * total:
        yield (
            f"Pipedrive counts {counted(total, 'assignment')} to {kind}, but {missing} of them belong to"
            f" none of the {counted(users, 'listed user')}."
        )
