"""Freezes the population of a review: who has access now according to the warehouse, with its context."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from pipedrive_graph.config.role_owners import Owners, RoleOwners
from pipedrive_graph.errors import ConfigurationError, DecisionError, WarehouseError
from pipedrive_graph.findings.rule_header import SEVERITIES
from pipedrive_graph.published.connection import reading
from pipedrive_graph.reviews import columns
from pipedrive_graph.reviews.items import (
    RECOMMENDATIONS,
    Holder,
    Issue,
    Item,
    Last,
    PermissionSet,
    Population,
    Role,
    Sensitive,
)
from pipedrive_graph.reviews.recommendations import recommend
from pipedrive_graph.reviews.reviewers import deciders
from pipedrive_graph.warehouse.database import rows

_USERS = """
    SELECT
        users.user_id, name, email, live, deleted, admin, coalesce(admin_apps, []) AS admin_apps, role_id,
        last_login, login_known, access_known, roles_observed_at IS NOT NULL AS roles_known,
        permissions_source IS NOT NULL AS permissions_known
    FROM users
    SEMI JOIN reviewed_users USING (company, user_id)
    WHERE company = $company"""

_ROLES = """
    SELECT user_id, role_id, name, source
    FROM held_roles
    WHERE company = $company
    ORDER BY user_id, role_id"""

_SETS = """
    SELECT user_id, app, permission_set_id, name
    FROM held_sets
    WHERE company = $company
    ORDER BY user_id, app NULLS LAST, name NULLS LAST, permission_set_id"""

_SENSITIVE = """
    SELECT user_id, permission, if(granted IS NULL, NULL, source) AS source
    FROM user_permissions
    SEMI JOIN sensitive_permissions USING (company, permission)
    WHERE company = $company AND granted IS NOT FALSE
    ORDER BY user_id, permission"""

_FINDINGS = """
    SELECT TRY_CAST(subject_id AS BIGINT) AS user_id, finding_id, severity, rule, object, status
    FROM history.findings
    WHERE company = $company AND subject_kind = 'user' AND status <> 'resolved'
    ORDER BY user_id, status, list_position($severities, severity), rule, object"""

_LAST = """
    SELECT items.user_id, decision, decided_by, decided_at, reviews.name
    FROM history.review_decisions AS decisions
    JOIN history.review_items AS items USING (company, review_id, row_id)
    JOIN history.reviews AS reviews USING (company, review_id)
    WHERE company = $company
    QUALIFY row_number() OVER (PARTITION BY items.user_id ORDER BY decided_at DESC) = 1"""


@dataclass(frozen=True, slots=True)
class OpenReview:
    """The request to open a review.

    Attributes:
        company: the company to review.
        name: the review's name; None makes one from the company and the day.
        due: the last day for decisions; None is the usual time after the snapshot.
        at: when the review is opened, naive, in UTC.
        by: the person who opens it.
    """

    company: str
    name: str | None
    due: date | None
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The company's latest accepted snapshot."""

    snapshot_id: str
    at: datetime


def latest(connection: duckdb.DuckDBPyConnection, company: str) -> Snapshot:
    """Return the company's latest snapshot in the warehouse.

    Raises:
        DecisionError: if there is none.
    """
    snapshots = rows(connection, "SELECT snapshot_id, as_of FROM current_snapshot WHERE company = ?", company)
    if not snapshots:
        raise DecisionError(f"'{company}' has no accepted snapshot yet; run sync first.")
    return Snapshot(*snapshots[0])


def roles_known(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the names and ids of the roles of all companies."""
    roles = rows(connection, "SELECT name, CAST(role_id AS VARCHAR) FROM roles")
    return {text for role in roles for text in role if text}


def owners_problem(owners: Callable[[], RoleOwners | None], published: Path) -> str | None:
    """Return why reviews.toml cannot be used; None if it can be used or does not exist.

    Args:
        owners: returns the owners, or raises the error that makes the file unusable.
        published: the published file; if it exists, unknown roles are an error.
    """
    try:
        role_owners = owners()
        if role_owners is not None and published.exists():
            known = None
            with suppress(WarehouseError), reading(published) as connection:
                known = roles_known(connection)
            if known is not None:
                role_owners.check(known)
    except ConfigurationError as error:
        return str(error)
    return None


def freeze(
    connection: duckdb.DuckDBPyConnection,
    opening: OpenReview,
    snapshot: Snapshot,
    due: date,
    owners: Owners | None,
    titles: Mapping[str, str],
) -> Population:
    """Return everybody with access, the worst first.

    Args:
        connection: the warehouse.
        opening: the request to open the review.
        snapshot: the company's latest snapshot in the warehouse.
        due: the last day for decisions.
        owners: the owners of the roles; None means that the roster's managers decide.
        titles: the titles of the rules, by name.
    """
    decide = deciders(connection, opening.company, owners)
    items = []
    for holder in _holders(connection, opening.company, titles):
        recommendation, reason = recommend(holder)
        row_id = f"user-{holder.user_id}"
        texts = columns.shown(holder, recommendation, reason, snapshot.at)
        items.append(
            Item(
                **dict(holder),
                row_id=row_id,
                owner=decide(holder),
                recommendation=recommendation,
                reason=reason,
                sha256=columns.digest(row_id, texts),
            )
        )
    return Population(
        company=opening.company,
        name=opening.name or f"Access review of {opening.company}, {snapshot.at:%Y-%m-%d}",
        snapshot_id=snapshot.snapshot_id,
        snapshot_at=snapshot.at,
        opened_at=opening.at,
        opened_by=opening.by,
        due=due,
        items=tuple(sorted(items, key=_worst_first)),
    )


def _worst_first(item: Item) -> tuple[int, int, int, str, int]:
    open_ranks = [SEVERITIES.index(issue.severity) for issue in item.findings if issue.status == "open"]
    worst = min(open_ranks, default=len(SEVERITIES))
    place = RECOMMENDATIONS.index(item.recommendation)
    return place, worst, -len(open_ranks), (item.name or "").casefold(), item.user_id


def _holders(connection: duckdb.DuckDBPyConnection, company: str, titles: Mapping[str, str]) -> list[Holder]:
    def of_users(query: str, **more: object) -> dict[int, list[tuple[Any, ...]]]:
        by_user: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for user_id, *row in connection.execute(query, {"company": company, **more}).fetchall():
            by_user[user_id].append(tuple(row))
        return by_user

    roles, sets, sensitive = of_users(_ROLES), of_users(_SETS), of_users(_SENSITIVE)
    findings, last = of_users(_FINDINGS, severities=list(SEVERITIES)), of_users(_LAST)
    holders = []
    for user_id, user_rows in of_users(_USERS).items():
        (
            name, email, live, deleted, admin, admin_apps, role_id, last_login, login_known, access_known,
            roles_answered, permissions_known,
        ) = user_rows[0]  # fmt: skip
        holders.append(
            Holder(
                user_id=user_id,
                name=name,
                email=email,
                live=live,
                deleted=deleted,
                admin=admin,
                admin_apps=tuple(admin_apps),
                role_id=role_id,
                roles=tuple(
                    Role(role_id=entry[0], name=entry[1], source=entry[2]) for entry in roles[user_id]
                )
                if roles_answered or user_id in roles
                else None,
                permission_sets=tuple(
                    PermissionSet(app=entry[0], permission_set_id=entry[1], name=entry[2])
                    for entry in sets[user_id]
                )
                if access_known
                else None,
                sensitive_permissions=tuple(
                    Sensitive(permission=entry[0], source=entry[1]) for entry in sensitive[user_id]
                )
                if permissions_known
                else None,
                last_login=last_login,
                login_known=login_known,
                findings=tuple(_issue(entry, titles) for entry in findings[user_id]),
                last=next((_last(entry) for entry in last[user_id]), None),
            )
        )
    return holders


def _issue(entry: tuple[Any, ...], titles: Mapping[str, str]) -> Issue:
    finding_id, severity, rule, thing, status = entry
    return Issue(
        finding_id=finding_id,
        severity=severity,
        rule=rule,
        title=titles.get(rule, rule),
        # the object of a toxic combination is the name of its rule
        object=thing if thing != rule else None,
        status=status,
    )


def _last(entry: tuple[Any, ...]) -> Last:
    decision, by, at, review = entry
    return Last(decision=decision, by=by, at=at, review=review)
