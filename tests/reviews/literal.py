"""Literal rows of a review, in the form of the warehouse."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pipedrive_graph.reviews import columns
from pipedrive_graph.reviews.items import Holder, Issue, Item, Population
from pipedrive_graph.reviews.recommendations import recommend

AT = datetime.fromisoformat("2026-11-20 02:00")


def holder(**values: Any) -> Holder:
    """An ordinary user."""
    known = {
        "user_id": 5,
        "name": "Ana",
        "email": "ana@example.com",
        "live": True,
        "deleted": False,
        "admin": False,
        "admin_apps": (),
        "role_id": 3,
        "roles": ({"role_id": 3, "name": "Sales", "source": "observed"},),
        "permission_sets": ({"app": "sales", "permission_set_id": "a", "name": "Regular"},),
        "sensitive_permissions": (),
        "last_login": AT,
        "login_known": True,
        "findings": (),
        "last": None,
    }
    return Holder.model_validate(known | values)


def issue(rule: str, severity: str = "medium", **values: Any) -> Issue:
    known = {
        "finding_id": "ab12",
        "severity": severity,
        "rule": rule,
        "title": rule.replace("_", " ").capitalize(),
        "object": None,
        "status": "open",
    }
    return Issue.model_validate(known | values)


def item(owner: str | None = "kim@example.com", **values: Any) -> Item:
    """A row of a review about such a user."""
    who = holder(**values)
    recommendation, reason = recommend(who)
    row_id = f"user-{who.user_id}"
    return Item(
        **dict(who),
        row_id=row_id,
        owner=owner,
        recommendation=recommendation,
        reason=reason,
        sha256=columns.digest(row_id, columns.shown(who, recommendation, reason, AT)),
    )


def population(*items: Item) -> Population:
    return Population(
        company="acme",
        name="Q4",
        snapshot_id="s1",
        snapshot_at=AT,
        opened_at=AT,
        opened_by="root",
        due=date(2026, 12, 20),
        items=items,
    )
