"""Reads the published file for exports: tables, and streams of rows in a deterministic order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipedrive_graph.common.pasted import shown
from pipedrive_graph.common.text import meant
from pipedrive_graph.errors import ConfigurationError, WarehouseError
from pipedrive_graph.published.connection import reading
from pipedrive_graph.warehouse.database import CONFIG, quoted, rows

NEEDED = {"current_snapshot", "nodes", "edges", "findings", "toxic_combinations"}
"""The tables that every format requires; a published file without them is from another version."""

_OTHER_VERSION = "The published file is of another version of pipedrive-graph; run sync first."

_BATCH = 10_000

_MEMORY = "1GB"
"""The memory limit for sorting large tables; DuckDB spills the rest to disk."""


@dataclass(frozen=True, slots=True)
class Table:
    """A published table: its name, and its columns with their types."""

    name: str
    columns: dict[str, str]

    @property
    def order(self) -> str:
        """The ORDER BY list: all columns, even if only some are selected."""
        return ", ".join(f'"{self.name}"."{column}" NULLS LAST' for column in self.columns)

    def as_texts(self) -> str:
        """Its columns as text expressions; lists, objects and JSON become JSON."""
        return ", ".join(_as_text(column, kind) for column, kind in self.columns.items())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The published snapshot of a company."""

    company: str
    snapshot_id: str
    as_of: datetime
    status: str
    company_id: int | None


class Source:
    """The exported part of the published file.

    Attributes:
        companies: the companies to export; empty for all.
        snapshots: the published snapshots, by company.
        tables: the tables to export, sorted by name.
        own_rules: the folder of custom rules, which may not exist.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        companies: Sequence[str] = (),
        tables: Sequence[str] = (),
        own_rules: Path | None = None,
    ) -> None:
        self._connection = connection
        self.companies = companies
        self.own_rules = own_rules
        published = _tables(connection)
        self._known = {table.name: table for table in published}
        if not self._known.keys() >= NEEDED:
            raise WarehouseError(_OTHER_VERSION)
        self.tables = _chosen(published, tables)
        self.snapshots = self._snapshots()

    def query(self, table: str, select: str = "*", *, where: str = "TRUE", order: str = "ALL") -> str:
        """A SELECT for the rows of the companies in a table, in a deterministic order.

        Args:
            table: the name of the table.
            select: the SELECT list, as SQL.
            where: a condition, as SQL.
            order: the ORDER BY list, as SQL.

        Raises:
            WarehouseError: if the published file of another version does not have the table.
        """
        if table not in self._known:
            raise WarehouseError(_OTHER_VERSION)
        if self.companies and "company" in self._known[table].columns:
            where = f"({where}) AND company IN ({', '.join(map(quoted, self.companies))})"
        return f'SELECT {select} FROM "{table}" WHERE {where} ORDER BY {order}'

    def stream(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, fetched in batches so that a large table need not fit into memory."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("SET TimeZone = 'UTC'")
            cursor.execute(query)
            while batch := cursor.fetchmany(_BATCH):
                yield from batch
        finally:
            cursor.close()

    def count(self, table: str) -> int:
        """The number of exported rows of a table."""
        (number,) = rows(self._connection, f"SELECT count(*) FROM ({self.query(table, '1', order='1')})")[0]
        return int(number)

    def copy(self, query: str, file: Path, options: str) -> int:
        """Let DuckDB write the rows of a query to a file, and return their number."""
        (number,) = rows(self._connection, f"COPY ({query}) TO {quoted(file)} ({options})")[0]
        return int(number)

    def _snapshots(self) -> dict[str, Snapshot]:
        records = rows(
            self._connection,
            "SELECT company, snapshot_id, as_of, status, company_id FROM current_snapshot ORDER BY company",
        )
        snapshots = {row[0]: Snapshot(*row) for row in records}
        for company in self.companies:
            if company not in snapshots:
                raise ConfigurationError(
                    f"There is no company '{shown(company)}' in the published file"
                    f"{meant(company, snapshots)}; there is: {', '.join(snapshots) or 'none'}."
                )
        return {
            name: snapshot
            for name, snapshot in snapshots.items()
            if not self.companies or name in self.companies
        }


@contextmanager
def opened(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published file, read-only.

    Raises:
        WarehouseError: if nothing is published yet, or the file cannot be opened.
    """
    with reading(published) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, value in {**CONFIG, "memory_limit": _MEMORY}.items():
            connection.execute(f"SET {name} = {quoted(value)}")
        yield connection


def counted(items: Iterable[Any], use: Callable[[Any], object]) -> int:
    """Call `use` with each item of a stream, and return the number of items."""
    number = 0
    for item in items:
        use(item)
        number += 1
    return number


def nested(kind: str) -> bool:
    """Whether a column type holds lists, objects or JSON."""
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")) or kind == "JSON"


def _as_text(column: str, kind: str) -> str:
    value = f'to_json("{column}")' if nested(kind) else f'"{column}"'
    return f'CAST({value} AS VARCHAR) AS "{column}"'


def _tables(connection: duckdb.DuckDBPyConnection) -> list[Table]:
    tables: dict[str, dict[str, str]] = {}
    for table, column, kind in rows(
        connection,
        """
        SELECT table_name, column_name, data_type
        FROM duckdb_columns()
        SEMI JOIN duckdb_tables() USING (database_name, schema_name, table_name)
        ORDER BY table_name, column_index""",
    ):
        tables.setdefault(table, {})[column] = kind
    return [Table(name, columns) for name, columns in tables.items()]


def _chosen(tables: list[Table], names: Sequence[str]) -> list[Table]:
    """The tables with these names; without names, all tables."""
    known = [table.name for table in tables]
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"There is no table '{shown(name)}' in the published file{meant(name, known)}; there are: "
                f"{', '.join(known)}."
            )
    return [table for table in tables if not names or table.name in names]
