"""Reads the progress of each review from the published file: decided and open rows, by owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from pipedrive_graph.published.connection import reading


@dataclass(frozen=True, slots=True)
class Progress:
    """The number of rows, and how many have each decision."""

    population: int
    keep: int
    revoke: int
    change: int

    @property
    def open(self) -> int:
        """The number of rows without a decision."""
        return self.population - self.keep - self.revoke - self.change


@dataclass(frozen=True, slots=True)
class Review:
    """A review and its progress.

    Attributes:
        overdue: whether it has open rows after its due date.
        owners: the progress by owner, most open rows first; None means no owner.
    """

    company: str
    review_id: str
    name: str
    snapshot_id: str
    opened_at: datetime
    opened_by: str
    due: date
    overdue: bool
    progress: Progress
    owners: dict[str | None, Progress]

    def as_object(self) -> dict[str, Any]:
        """The object that `--json` prints; its times are UTC."""
        return {
            "company": self.company,
            "review_id": self.review_id,
            "name": self.name,
            "snapshot_id": self.snapshot_id,
            "opened_at": f"{self.opened_at.isoformat()}Z",
            "opened_by": self.opened_by,
            "due": self.due.isoformat(),
            "overdue": self.overdue,
            **_counted(self.progress),
            "owners": [{"owner": owner, **_counted(progress)} for owner, progress in self.owners.items()],
        }


def _counted(progress: Progress) -> dict[str, int]:
    return {**asdict(progress), "open": progress.open}


_COUNTS = """
    count(*), count(*) FILTER (decision = 'keep'), count(*) FILTER (decision = 'revoke'),
    count(*) FILTER (decision = 'change')"""


def read(published: Path, companies: Sequence[str], today: date) -> list[Review]:
    """Read the reviews, newest first.

    Args:
        published: the published file.
        companies: read only their reviews; empty means all.
        today: the current day, to decide which reviews are overdue.

    Raises:
        WarehouseError: if nothing is published yet, or by another version.
    """
    with reading(published) as connection:
        return _read(connection, companies, today)


def _read(connection: duckdb.DuckDBPyConnection, companies: Sequence[str], today: date) -> list[Review]:
    review_rows = connection.execute(
        """
        SELECT company, review_id, name, snapshot_id, opened_at, opened_by, due
        FROM reviews
        WHERE len($companies) = 0 OR list_contains($companies, company)
        ORDER BY opened_at DESC, company""",
        {"companies": list(companies)},
    ).fetchall()
    owners: dict[tuple[str, str], dict[str | None, Progress]] = {}
    for of, review_id, owner, *counts in connection.execute(
        f"""
        SELECT company, review_id, any_value(owner), {_COUNTS}
        FROM review_items
        GROUP BY company, review_id, lower(owner)
        ORDER BY count(*) FILTER (decision IS NULL) DESC, lower(owner) NULLS LAST"""
    ).fetchall():
        owners.setdefault((of, review_id), {})[owner] = Progress(*counts)
    reviews = []
    for of, review_id, name, snapshot_id, opened_at, opened_by, due in review_rows:
        parts = owners.get((of, review_id), {})
        whole = Progress(
            sum(part.population for part in parts.values()),
            sum(part.keep for part in parts.values()),
            sum(part.revoke for part in parts.values()),
            sum(part.change for part in parts.values()),
        )
        overdue = bool(whole.open) and due < today
        reviews.append(
            Review(of, review_id, name, snapshot_id, opened_at, opened_by, due, overdue, whole, parts)
        )
    return reviews
