"""The population of a review: everybody with access in one snapshot, as it was frozen."""

from __future__ import annotations

import hashlib
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from pipedrive_graph.common.addresses import person

RECOMMENDATIONS = ("revoke", "look closer", "unknown", "keep")
"""The possible recommendations, the worst first."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Role(_Record):
    """An active assignment; `source` is observed or inferred."""

    role_id: int
    name: str | None
    source: str | None


class PermissionSet(_Record):
    """A permission set that a user has in an app; the name is None if the set does not exist."""

    app: str | None
    permission_set_id: str
    name: str | None


class Sensitive(_Record):
    """A sensitive permission that a user holds; `source` is observed or inferred; None means unknown."""

    permission: str
    source: str | None


class Issue(_Record):
    """A finding about a user, open or waived; `title` is the rule's title."""

    finding_id: str
    severity: str
    rule: str
    title: str
    object: str | None
    status: str


class Last(_Record):
    """The last decision about a user, from an earlier review."""

    decision: str
    by: str
    at: datetime
    review: str


class Holder(_Record):
    """A user and the user's access; None means unknown.

    Attributes:
        user_id, name, email, live, deleted, admin, last_login, login_known: as in the table `users`.
        role_id: the role that the user's own record names.
        roles: active assignments; None if they were never read.
        permission_sets: None if Pipedrive does not return them.
        admin_apps: the apps of which the user is an admin.
        sensitive_permissions: those held and those unknown; None if no permission is known.
        findings: open and waived ones, the worst first.
        last: the last decision about the user.
    """

    user_id: int
    name: str | None
    email: str | None
    live: bool | None
    deleted: bool | None
    admin: bool | None
    admin_apps: tuple[str, ...]
    role_id: int | None
    roles: tuple[Role, ...] | None
    permission_sets: tuple[PermissionSet, ...] | None
    sensitive_permissions: tuple[Sensitive, ...] | None
    last_login: datetime | None
    login_known: bool | None
    findings: tuple[Issue, ...]
    last: Last | None


class Item(Holder):
    """One row of a review.

    Attributes:
        row_id: identifies the row within its review.
        owner: the person who decides, usually an e-mail address; None if there is none.
        recommendation, reason: the recommended decision, and why.
        sha256: the digest of the row's texts.
    """

    row_id: str
    owner: str | None
    recommendation: str
    reason: str
    sha256: str


class Population(_Record):
    """Everybody with access in one snapshot, the worst first.

    Attributes:
        company: the company's name in the settings.
        name: the review's name.
        snapshot_id, snapshot_at: the snapshot, and when its read began, naive, in UTC.
        opened_at, opened_by: when the review was opened, and the person who opened it.
        due: the last day for decisions.
        items: a row per user.
    """

    company: str
    name: str
    snapshot_id: str
    snapshot_at: datetime
    opened_at: datetime
    opened_by: str
    due: date
    items: tuple[Item, ...]

    def written(self) -> bytes:
        """Return the content of the population's file."""
        return self.model_dump_json().encode()

    def by_owner(self) -> dict[str | None, list[Item]]:
        """Return the rows by owner, whatever the spelling of the address; rows without an owner come last."""
        groups: dict[str, list[Item]] = {}
        for item in self.items:
            groups.setdefault(person(item.owner), []).append(item)
        order = sorted(groups, key=lambda owner: (not owner, owner))
        return {groups[owner][0].owner: groups[owner] for owner in order}


def digest(content: bytes) -> str:
    """Return the sha256 that identifies a stored population."""
    return hashlib.sha256(content).hexdigest()


def review_id(population: Population, sha256: str) -> str:
    """Return the review's id: the day of its snapshot, and the first digits of its population's digest."""
    return f"{population.snapshot_at:%Y%m%d}-{sha256[:10]}"
