"""Holds the population of a review: everybody with access in one snapshot, as it was frozen, for good."""

from __future__ import annotations

import hashlib
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from pipedrive_graph.common.addresses import person

RECOMMENDATIONS = ("revoke", "look closer", "unknown", "keep")
"""What is recommended, the worst first."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Role(_Record):
    """An active assignment; `source` is observed or inferred."""

    role_id: int
    name: str | None
    source: str | None


class PermissionSet(_Record):
    """A permission set that a user has in an app; the name is None where the set does not exist."""

    app: str | None
    permission_set_id: str
    name: str | None


class Sensitive(_Record):
    """A sensitive permission that a user holds; `source` is observed or inferred, None is not known."""

    permission: str
    source: str | None


class Issue(_Record):
    """A finding about a user, open or waived; `title` is that of the rule."""

    finding_id: str
    severity: str
    rule: str
    title: str
    object: str | None
    status: str


class Last(_Record):
    """What was decided about a user last, in an earlier review."""

    decision: str
    by: str
    at: datetime
    review: str


class Holder(_Record):
    """A user, and what the user has; None is not known.

    Attributes:
        user_id, name, email, live, deleted, admin, last_login, login_known: as in the table `users`.
        role_id: the role that the user's own record names.
        roles: active assignments; None where they were never answered.
        permission_sets: None where Pipedrive does not say.
        admin_apps: the apps of which the user is an admin.
        sensitive_permissions: those held, and those not known; None where none is.
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
        row_id: tells it from the others of its review.
        owner: who is to decide, mostly an e-mail address; None is nobody.
        recommendation, reason: what is recommended, and why.
        sha256: of the row as it is shown.
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
        name: what the review is called.
        snapshot_id, snapshot_at: the snapshot, and when its read began, naive, in UTC.
        opened_at, opened_by: when and by whom the review was opened.
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
        """The population as it is kept."""
        return self.model_dump_json().encode()

    def by_owner(self) -> dict[str | None, list[Item]]:
        """The rows of each owner, however an owner's address is written; nobody's come last."""
        groups: dict[str, list[Item]] = {}
        for item in self.items:
            groups.setdefault(person(item.owner), []).append(item)
        order = sorted(groups, key=lambda owner: (not owner, owner))
        return {groups[owner][0].owner: groups[owner] for owner in order}


def digest(content: bytes) -> str:
    """The sha256 by which a kept population is known."""
    return hashlib.sha256(content).hexdigest()


def review_id(population: Population, sha256: str) -> str:
    """What a review is known by: the day of its snapshot, and the beginning of its population's digest."""
    return f"{population.snapshot_at:%Y%m%d}-{sha256[:10]}"
