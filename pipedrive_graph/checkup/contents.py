"""Reads the tables of the warehouse and of the published file in full, and compares them, for `verify`."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from pipedrive_graph.builder.unpublished import is_published
from pipedrive_graph.checkup.check import Check, State, warning
from pipedrive_graph.common.text import counted
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import LandingError, WarehouseError
from pipedrive_graph.landing import Landing
from pipedrive_graph.warehouse.database import attached, is_written, obstacle, rows

_AGAIN = "the next sync publishes it again."

_DICTIONARY = "SELECT 1 FROM duckdb_views() WHERE database_name = 'held' AND view_name = 'data_dictionary'"
"""Every published file has this view, which describes its tables."""

Digests = dict[str, tuple[int, int]]
"""For each table, by schema and name: the number of rows, and the sum of their hashes."""


def published(home: Home) -> Iterator[Check]:
    """Whether the published file can be opened, and has the tables of a published file.

    Raises:
        WarehouseError: if it cannot be opened, or lacks a table.
    """
    file = home.published
    if not file.exists():
        yield Check("database", f"{file} (nothing published yet)")
        return
    reason = "it is a folder" if file.is_dir() else obstacle(file)
    if reason is None:
        try:
            with attached(file) as connection:
                rows(connection, "SELECT company, snapshot_id FROM held.current_snapshot")
                if not rows(connection, _DICTIONARY):
                    reason = "it has no data_dictionary"
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
    if reason is not None:
        raise WarehouseError(f"Cannot read {file} ({reason}); {_AGAIN}")
    yield Check("database", f"{file} opens")


def shown(home: Home, company: Company) -> Iterator[Check]:
    """Whether the published file shows the newest accepted snapshot of a company."""
    try:
        newest = Landing(home.storage).of(company.name).latest(accepted=True)
    except LandingError:
        return  # the check of the landing reports this
    if newest and home.published.is_file() and not is_published(newest, home.published):
        text = f"{home.published} does not show the newest snapshot {newest.snapshot_id}; {_AGAIN}"
        yield warning("published", text, company=company.name)
    elif newest and home.published.is_file():
        yield Check("published", f"published: snapshot {newest.snapshot_id}", company=company.name)


def tables(home: Home) -> Iterator[Check]:
    """Whether all tables can be read in full, and the published tables equal those of the warehouse.

    DuckDB stores a checksum of each block, and compares it when the block is read.

    Raises:
        WarehouseError: if a table cannot be read, or a copy differs.
    """
    digests: list[Digests] = []
    for file in (home.warehouse, home.published):
        if not file.is_file():
            return
        try:
            with attached(file) as connection:
                digests.append(_digests(connection))
        except duckdb.Error as error:
            if is_written(error):
                text = f"{file} was not read: another process writes it"
                yield Check("tables", text, State.WARNING)
                return
            raise WarehouseError(
                f"Cannot read all of {file} ({str(error).splitlines()[0]}); "
                + (_AGAIN if file == home.published else "`pipedrive-graph rebuild` rebuilds it.")
            ) from error
    warehouse, copies = digests
    different = sorted(name for name in warehouse.keys() & copies.keys() if warehouse[name] != copies[name])
    if different:
        raise WarehouseError(
            f"{home.published} differs from the warehouse ({different[0].partition('.')[2]} differs"
            f"{f', and {len(different) - 1} more' if len(different) > 1 else ''}); {_AGAIN}"
        )
    read = counted(len(warehouse) + len(copies), "table")
    same = counted(len(warehouse.keys() & copies.keys()), "table")
    yield Check("tables", f"{read} read in full; {same} of the published file equal the warehouse's")


def _digests(connection: duckdb.DuckDBPyConnection) -> Digests:
    names = rows(
        connection,
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'held' ORDER BY ALL",
    )
    digests: Digests = {}
    for schema, table in names:
        name = f'"{schema}"."{table}"'
        ((count, total),) = rows(
            connection,
            f"SELECT count(*), coalesce(sum(hash(t)), 0) FROM held.{name} AS t",  # noqa: S608 - own names
        )
        digests[f"{schema}.{table}"] = (int(count), int(total))
    return digests
