"""Turns committed snapshots into the published graph: stage, merge, transform, judge, publish.

One snapshot is one transaction: the warehouse holds all of it, its tables and its findings, or nothing.
So a run that dies leaves nothing to repair, and `rebuild` repeats exactly what the nights did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest

import duckdb

from pipedrive_graph import files
from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.findings.lifecycle import judge
from pipedrive_graph.landing import Landing
from pipedrive_graph.settings import Settings
from pipedrive_graph.warehouse import database, history, ingest, tables
from pipedrive_graph.warehouse.ingest import Pending
from pipedrive_graph.warehouse.models import Models
from pipedrive_graph.warehouse.publish import publish as publish_file
from pipedrive_graph.warehouse.transform import counts, transform

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """What a build has done.

    Attributes:
        snapshots: ids of the snapshots taken.
        rows: rows of the companies concerned, by qualified table; of a rule, what fires.
        types: columns and their types, by qualified table.
        unreadable: a line for each value of the last snapshot that could not be read.
    """

    snapshots: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    types: dict[str, dict[str, str]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


def build(settings: Settings, models: Models, company: str, *, tell: Tell) -> Built:
    """Take a company's new snapshots into the warehouse, one after the other.

    Raises:
        LandingError: if a snapshot is damaged.
        WarehouseError: if a check fails; the warehouse is as it was before that snapshot.
    """
    with database.writer(settings.warehouse, wait=tell) as connection:
        tables.create(connection)
        taken: list[str] = []
        counted: dict[str, int] = {}
        for snapshot in ingest.pending(connection, Landing(settings.landing).of(company)):
            counted = _advance(connection, models, [snapshot]) or counted
            taken.append(snapshot.manifest.snapshot_id)
        return Built(taken, counted, _types(connection), _unreadable(connection, company))


def publish(settings: Settings, models: Models, *, tell: Tell) -> dict[str, int]:
    """Write the published file from the warehouse.

    Returns:
        Rows by table.

    Raises:
        WarehouseError: if a check fails; what was published before stays.
    """
    with database.writer(settings.warehouse, wait=tell) as connection:
        return publish_file(connection, models, settings.published)


def rebuild(settings: Settings, models: Models, *, tell: Tell) -> Built:
    """Make the warehouse anew from the landing, and publish it.

    All companies advance together: first everybody's first snapshot, then everybody's second.

    Raises:
        LandingError: if a snapshot is damaged; the warehouse stays as it was.
        WarehouseError: if a check fails; the warehouse stays as it was.
    """
    landing = Landing(settings.landing)
    temporary = settings.warehouse.with_name(f"{settings.warehouse.name}.rebuild")
    with database.lock(settings.warehouse, wait=tell):
        database.remove(temporary)
        try:
            with database.writer(temporary, wait=tell) as connection:
                tables.create(connection)
                chains = [ingest.pending(connection, landing.of(name)) for name in landing.companies()]
                built = Built()
                for round_ in zip_longest(*chains):
                    batch = [snapshot for snapshot in round_ if snapshot]
                    _advance(connection, models, batch)
                    built.snapshots.extend(snapshot.manifest.snapshot_id for snapshot in batch)
                if not built.snapshots:
                    raise WarehouseError(
                        f"There are no snapshots in {settings.landing}; nothing to rebuild from."
                    )
                connection.execute("CHECKPOINT")
                published = publish_file(connection, models, settings.published)
            database.wal(settings.warehouse).unlink(missing_ok=True)
            files.put_in_place(temporary, settings.warehouse)
        finally:
            database.remove(temporary)
    return Built(built.snapshots, published)


def _advance(connection: duckdb.DuckDBPyConnection, models: Models, batch: list[Pending]) -> dict[str, int]:
    """Take a batch of snapshots, one per company, into the history, and bring everything up to date."""
    accepted = [snapshot for snapshot in batch if snapshot.manifest.accepted]
    if accepted:
        ingest.stage(connection, models, accepted)
    with database.transaction(connection):
        ingest.register(connection, batch)
        if not accepted:
            return {}
        history.merge(connection)
        lost = history.differences(connection)
        if lost:
            company, table, count = lost[0]
            raise WarehouseError(
                f"{count} rows of '{company}' did not reach the history of {table}; nothing was changed."
            )
        transform(connection, models)
        fired = judge(connection, models)
        return counts(connection, models) | fired


def _types(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    types: dict[str, dict[str, str]] = {}
    for table, column, type_ in database.rows(
        connection,
        """
        SELECT schema_name || '.' || table_name, column_name, data_type
        FROM duckdb_columns()
        WHERE database_name = 'warehouse'
        ORDER BY ALL""",
    ):
        types.setdefault(table, {})[column] = type_
    return types


def _unreadable(connection: duckdb.DuckDBPyConnection, company: str) -> list[str]:
    found = database.rows(
        connection,
        """
        SELECT endpoint, subject_id, field, value
        FROM history.unreadable_values WHERE company = ? ORDER BY ALL""",
        company,
    )
    return [f"{endpoint}, {subject}: {field} is '{value}'" for endpoint, subject, field, value in found]
