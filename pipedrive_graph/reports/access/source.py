"""Opens the published file for a report: the snapshot that it shows, and the one it compares with."""

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
    "population",
    "role_outliers",
    "sensitive_holders",
    "timeline_users",
)
"""The macros of sql/reports that the parts of the report read."""

FACTS = "snapshot_id, started_at, finished_at, status, collect, requests, throttled, reason"


@dataclass(frozen=True, slots=True)
class Read:
    """A read of the company, as the table snapshots tells it; times are UTC."""

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
    """What a report is made from.

    Attributes:
        connection: the published file.
        published: its path.
        company: of whom the report is.
        now: the snapshot that it shows.
        base: the snapshot that it compares with; None where there is none before.
    """

    connection: duckdb.DuckDBPyConnection
    published: Path
    company: str
    now: Read
    base: Read | None

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """The rows of a query, in which `$company` stands for the company."""
        return self.connection.execute(query, {"company": self.company, **values}).fetchall()

    def row(self, query: str, **values: object) -> tuple[Any, ...]:
        """The one row of a query."""
        (found,) = self.rows(query, **values)
        return found


def companies(published: Path) -> list[str]:
    """The companies of a published file, by name.

    Raises:
        WarehouseError: if nothing is published yet, or the file cannot be read.
    """
    with _opened(published) as connection:
        found = connection.execute("SELECT company FROM current_snapshot ORDER BY company").fetchall()
    return [name for (name,) in found]


@contextmanager
def source(published: Path, company: str, since: date | None = None) -> Iterator[Source]:
    """Open the published file for the report of a company.

    Args:
        published: the file.
        company: the company's name.
        since: compare with the last snapshot before this day, in UTC; by default, with the one before.

    Raises:
        ConfigurationError: if the company, or a snapshot before that day, is not in the file.
        WarehouseError: if nothing is published yet, or the file cannot be read.
    """
    with _opened(published) as connection:
        reads = [
            Read(*row)
            for row in connection.execute(
                f"""
                SELECT {FACTS} FROM snapshots
                WHERE company = ? AND status <> 'rejected'
                ORDER BY position, started_at""",  # noqa: S608 - the columns stand above
                [company],
            ).fetchall()
        ]
        if not reads:
            rows = connection.execute("SELECT company FROM current_snapshot ORDER BY company").fetchall()
            known = [name for (name,) in rows]
            raise ConfigurationError(
                f"There is no company '{shown(company)}' in the published file"
                f"{meant(company, known)}; there are: {', '.join(known)}."
            )
        queries.create(connection, *_MACROS)
        yield Source(connection, published, company, reads[-1], _base(reads, since))


def _base(reads: list[Read], since: date | None) -> Read | None:
    if since is None:
        return reads[-2] if len(reads) > 1 else None
    before = [read for read in reads[:-1] if read.at < datetime.combine(since, time())]
    if not before:
        raise ConfigurationError(
            f"There is no snapshot before {since} to compare with; the first is of {reads[0].at:%Y-%m-%d}."
        )
    return before[-1]


@contextmanager
def _opened(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with reading(published) as connection:
        connection.execute("SET enable_progress_bar = false")  # what is printed is the report's path
        yield connection
