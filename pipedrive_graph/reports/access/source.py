"""Opens the published file for a report, with the snapshot to show and the one to compare with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import duckdb

from pipedrive_graph.common.pasted import shown
from pipedrive_graph.common.text import meant
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.published import queries
from pipedrive_graph.published.connection import reading

_MACROS = (
    "combination_texts",
    "explained_permissions",
    "access_profiles",
    "finding_totals",
    "missing_roles",
    "open_findings",
    "population",
    "reported_users",
    "role_outliers",
    "sensitive_holders",
    "reported_roles",
    "timeline_users",
    "users_without_role",
)
"""The macros of sql/reports that the parts of the report read; one comes after those that it calls."""

FACTS = "snapshot_id, started_at, finished_at, status, collect, requests, throttled, reason"


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """A snapshot of the company, as in the table snapshots; times are in UTC."""

    snapshot_id: str
    at: datetime
    finished_at: datetime
    status: str
    collect: str
    requests: int
    throttled: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """The input of a report.

    Attributes:
        connection: a connection to the published file.
        published: the path of the published file.
        company: the company of the report.
        now: the snapshot to show.
        base: the earlier snapshot to compare with; None if there is none.
    """

    connection: duckdb.DuckDBPyConnection
    published: Path
    company: str
    now: SnapshotFacts
    base: SnapshotFacts | None

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query, in which `$company` is the company."""
        return self.connection.execute(query, {"company": self.company, **values}).fetchall()

    def row(self, query: str, **values: object) -> tuple[Any, ...]:
        """Return the only row of a query."""
        (row,) = self.rows(query, **values)
        return row


def companies(published: Path) -> list[str]:
    """Return the names of the companies in a published file, sorted.

    Raises:
        WarehouseError: if nothing is published yet, or the file cannot be read.
    """
    with _opened(published) as connection:
        rows = connection.execute("SELECT company FROM current_snapshot ORDER BY company").fetchall()
    return [name for (name,) in rows]


@contextmanager
def source(published: Path, company: str, since: date | None = None) -> Iterator[Source]:
    """Open the published file for the report of a company.

    Args:
        published: the file.
        company: the company's name.
        since: compare with the last snapshot before this day, in UTC; by default, with the previous one.

    Raises:
        ConfigurationError: if the company, or a snapshot before that day, is not in the file.
        WarehouseError: if nothing is published yet, or the file cannot be read.
    """
    with _opened(published) as connection:
        snapshots = [
            SnapshotFacts(*row)
            for row in connection.execute(
                f"""
                SELECT {FACTS} FROM snapshots
                WHERE company = ? AND status <> 'rejected'
                ORDER BY position, started_at""",  # noqa: S608 - constant columns
                [company],
            ).fetchall()
        ]
        if not snapshots:
            rows = connection.execute("SELECT company FROM current_snapshot ORDER BY company").fetchall()
            known = [name for (name,) in rows]
            raise ConfigurationError(
                f"There is no company '{shown(company)}' in the published file"
                f"{meant(company, known)}; there are: {', '.join(known)}."
            )
        queries.create(connection, *_MACROS)
        yield Source(connection, published, company, snapshots[-1], _base(snapshots, since))


def _base(snapshots: list[SnapshotFacts], since: date | None) -> SnapshotFacts | None:
    if since is None:
        return snapshots[-2] if len(snapshots) > 1 else None
    before = [snapshot for snapshot in snapshots[:-1] if snapshot.at < datetime.combine(since, time())]
    if not before:
        raise ConfigurationError(
            f"There is no snapshot before {since} to compare with;"
            f" the first is of {snapshots[0].at:%Y-%m-%d}."
        )
    return before[-1]


@contextmanager
def _opened(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with reading(published) as connection:
        connection.execute("SET enable_progress_bar = false")  # only the report's path is printed
        yield connection
