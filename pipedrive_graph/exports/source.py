"""What an export reads: the published file, read-only, as tables and as streams of rows in a fixed order."""

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
"""Tables without which a published file is another version's."""

_BATCH = 10_000

_MEMORY = "1GB"
"""What sorting a large table may take; DuckDB puts the rest into files."""


@dataclass(frozen=True, slots=True)
class Table:
    """A published table: its name, and its columns with their types."""

    name: str
    columns: dict[str, str]

    @property
    def order(self) -> str:
        """What its rows are sorted by: all columns, whatever is selected of them."""
        return ", ".join(f'"{self.name}"."{column}" NULLS LAST' for column in self.columns)

    def as_texts(self) -> str:
        """Its columns as expressions that give texts: lists, objects and JSON as JSON."""
        return ", ".join(_as_text(column, kind) for column, kind in self.columns.items())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The snapshot of a company that the published file shows."""

    company: str
    snapshot_id: str
    as_of: datetime
    status: str
    company_id: int | None


class Source:
    """The published file, as far as it is to be exported.

    Attributes:
        companies: the companies that are exported; empty for all.
        snapshots: the snapshots that are shown, by company.
        tables: the tables to export, sorted by name.
        own_rules: the folder of the installation's own rules; it need not be there.
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
        found = _tables(connection)
        self._known = {table.name: table for table in found}
        if not self._known.keys() >= NEEDED:
            raise WarehouseError(
                "The published file is of another version of pipedrive-graph; run sync first."
            )
        self.tables = _chosen(found, tables)
        self.snapshots = self._snapshots()

    def query(self, table: str, select: str = "*", *, where: str = "TRUE", order: str = "ALL") -> str:
        """A SELECT on a table: the rows of the companies, in an order that is always the same.

        Args:
            table: its name.
            select: expressions, as SQL.
            where: which rows, as SQL.
            order: columns to sort by, as SQL.
        """
        if self.companies and "company" in self._known[table].columns:
            where = f"({where}) AND company IN ({', '.join(map(quoted, self.companies))})"
        return f'SELECT {select} FROM "{table}" WHERE {where} ORDER BY {order}'

    def stream(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, a batch at a time: a large table does not get into memory."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("SET TimeZone = 'UTC'")
            cursor.execute(query)
            while batch := cursor.fetchmany(_BATCH):
                yield from batch
        finally:
            cursor.close()

    def count(self, table: str) -> int:
        """How many rows of a table are exported."""
        (number,) = rows(self._connection, f"SELECT count(*) FROM ({self.query(table, '1', order='1')})")[0]
        return int(number)

    def copy(self, query: str, file: Path, options: str) -> int:
        """Have DuckDB write a query's rows into a file, and return how many they are."""
        (number,) = rows(self._connection, f"COPY ({query}) TO {quoted(file)} ({options})")[0]
        return int(number)

    def _snapshots(self) -> dict[str, Snapshot]:
        found = rows(
            self._connection,
            "SELECT company, snapshot_id, as_of, status, company_id FROM current_snapshot ORDER BY company",
        )
        snapshots = {row[0]: Snapshot(*row) for row in found}
        for company in self.companies:
            if company not in snapshots:
                raise ConfigurationError(
                    f"There is no company '{shown(company)}' in the published file"
                    f"{meant(company, snapshots)}; there is: {', '.join(snapshots) or 'none'}."
                )
        return {
            name: found for name, found in snapshots.items() if not self.companies or name in self.companies
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
    """Do something with each item of a stream, and return how many there were."""
    number = 0
    for item in items:
        use(item)
        number += 1
    return number


def nested(kind: str) -> bool:
    """Whether a column of that type holds lists, objects or JSON."""
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")) or kind == "JSON"


def _as_text(column: str, kind: str) -> str:
    value = f'to_json("{column}")' if nested(kind) else f'"{column}"'
    return f'CAST({value} AS VARCHAR) AS "{column}"'


def _tables(connection: duckdb.DuckDBPyConnection) -> list[Table]:
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows(
        connection,
        """
        SELECT table_name, column_name, data_type
        FROM duckdb_columns()
        SEMI JOIN duckdb_tables() USING (database_name, schema_name, table_name)
        ORDER BY table_name, column_index""",
    ):
        found.setdefault(table, {})[column] = kind
    return [Table(name, columns) for name, columns in found.items()]


def _chosen(found: list[Table], names: Sequence[str]) -> list[Table]:
    """The tables that were asked for; all, where none was."""
    known = [table.name for table in found]
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"There is no table '{shown(name)}' in the published file{meant(name, known)}; there are: "
                f"{', '.join(known)}."
            )
    return [table for table in found if not names or table.name in names]
