"""Freezes the population of a review: who has access now according to the warehouse, with its context."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from pipedrive_graph.config.role_owners import Owners, RoleOwners
from pipedrive_graph.errors import ConfigurationError, DecisionError, WarehouseError
from pipedrive_graph.findings.rule_header import SEVERITIES
from pipedrive_graph.published import queries
from pipedrive_graph.published.connection import reading
from pipedrive_graph.reviews import columns
from pipedrive_graph.reviews.items import RECOMMENDATIONS, Holder, Item, Population
from pipedrive_graph.reviews.recommendations import recommend
from pipedrive_graph.reviews.reviewers import deciders
from pipedrive_graph.warehouse.database import rows


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
) -> Population:
    """Return everybody with access, the worst first.

    Args:
        connection: the warehouse.
        opening: the request to open the review.
        snapshot: the company's latest snapshot in the warehouse.
        due: the last day for decisions.
        owners: the owners of the roles; None means that the roster's managers decide.
    """
    decide = deciders(connection, opening.company, owners)
    items = []
    for holder in _holders(connection, opening.company):
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


def _holders(connection: duckdb.DuckDBPyConnection, company: str) -> list[Holder]:
    queries.create(connection, "review_holders", folder="reviews")
    names = [*Holder.model_fields]
    holders = rows(connection, f"SELECT {', '.join(names)} FROM review_holders(?)", company)
    return [Holder.model_validate(dict(zip(names, holder, strict=True))) for holder in holders]
