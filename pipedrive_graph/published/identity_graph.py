"""The published tables as pandas data frames, for notebooks and scripts: `pipedrive_graph.open()`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import numpy as np
import pandas as pd

from pipedrive_graph.common.pasted import shown
from pipedrive_graph.common.text import one_of
from pipedrive_graph.config import settings
from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.published.connection import connect
from pipedrive_graph.published.sql_errors import sentence
from pipedrive_graph.warehouse.database import quoted, rows

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}

_TEXTS = {"VARCHAR", "JSON"}

_TEXT = pd.Series(["text"]).dtype
"""The type of texts in this version of pandas."""

_EXACT = 2**53
"""Up to this number, a float holds every integer exactly; DuckDB returns sums as floats."""

_TABLES = """
    SELECT table_name, comment FROM duckdb_tables() WHERE database_name = current_database()
    UNION ALL
    SELECT view_name, comment FROM duckdb_views()
    WHERE database_name = current_database() AND NOT internal
    ORDER BY ALL"""


class IdentityGraph:
    """The published file, open for reading. Use it in a `with` block, or call `close`.

    Every table is also an attribute: `graph.users` is `graph.table("users")`. A column has its declared type,
    whatever it contains: integers are `Int64` and booleans are `boolean`, with `NA` for unknown values; a
    list is a list. An open graph keeps showing the file that was published when it was opened.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name.startswith("_"):  # Python itself looks up such names
            raise AttributeError(name)
        known = self._names()
        if name not in known:
            raise AttributeError(f"There is no table '{name}'{one_of(name, known)}")
        return self.table(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._names()})

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def tables(self) -> pd.DataFrame:
        """List the tables: one row per table, with `table_name` and `comment`."""
        return self.query(_TABLES)

    def table(self, name: str) -> pd.DataFrame:
        """Return all rows of a table, such as `users`.

        Raises:
            WarehouseError: if the table does not exist; the message suggests similar names.
        """
        known = self._names()
        if name not in known:
            raise WarehouseError(f"There is no table '{name}'{one_of(name, known)}")
        return self.query(f'FROM "{name}"')

    def who_can(self, permission: str) -> pd.DataFrame:
        """Return the users who hold a permission now, and what gives it to them.

        Raises:
            WarehouseError: if the permission does not exist; the message suggests similar names.
        """
        return self.query("FROM who_can(?)", permission)

    def why(self, person: str | int, permission: str) -> pd.DataFrame:
        """Explain why a user, given by e-mail address or id, holds a permission or does not hold it.

        Raises:
            WarehouseError: if the user or permission does not exist; the message suggests similar names.
        """
        return self.query("FROM why(?, ?)", str(person), permission)

    def access_of(self, person: str | int) -> pd.DataFrame:
        """Return everything that a user has; the user is given by e-mail address or id.

        Raises:
            WarehouseError: if the user does not exist; the message suggests similar names.
        """
        return self.query("FROM access_of(?)", str(person))

    def access_at(self, moment: str | date | datetime) -> pd.DataFrame:
        """Return who held what at a moment in UTC. A date means the first moment of that day.

        Raises:
            WarehouseError: if the moment is not a time, or nothing is known about it.
        """
        if isinstance(moment, datetime) and moment.tzinfo:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        return self.query("FROM access_at(?)", str(moment))

    def query(self, sql: str, *parameters: object, **named: object) -> pd.DataFrame:
        """Run a query and return its rows.

        Args:
            sql: the query.
            parameters: the values of the `?` in the query.
            named: or the values of `$name` in the query.

        Raises:
            WarehouseError: if DuckDB rejects the query; the message has its reason.
        """
        try:
            result = self._connection.execute(sql, named or parameters or None)
            return _frame(result)
        except duckdb.Error as error:
            raise WarehouseError(sentence(error)) from error

    def _names(self) -> list[str]:
        return [str(name) for name, _ in rows(self._connection, _TABLES)]


def open_published(path: str | Path | None = None, *, company: str | None = None) -> IdentityGraph:
    """Open a published file, read-only.

    Args:
        path: the file; by default, the one that `sync` publishes with the settings of this environment.
        company: show only this company, in tables and macros; by default, all companies.

    Raises:
        ConfigurationError: if no path is given and the settings cannot be used.
        WarehouseError: if the file or the company does not exist, or the file is not a published one.
    """
    connection = connect(Path(path) if path else settings.load().published)
    try:
        if company is not None:
            _show_only(connection, company)
    except BaseException:
        connection.close()
        raise
    return IdentityGraph(connection)


def _show_only(connection: duckdb.DuckDBPyConnection, company: str) -> None:
    """Hide the tables behind temporary views of one company, which DuckDB resolves first."""
    known = [str(name) for (name,) in rows(connection, "SELECT company FROM current_snapshot ORDER BY ALL")]
    if company not in known:
        raise WarehouseError(f"There is no company '{shown(company)}'{one_of(company, known)}")
    for database, table in rows(
        connection,
        """
        SELECT database_name, table_name FROM duckdb_columns()
        WHERE column_name = 'company' AND NOT internal""",
    ):
        connection.execute(
            f'CREATE TEMP VIEW "{table}" AS'
            f' FROM "{database}".main."{table}" WHERE company = {quoted(company)}'
        )


def _frame(result: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Return the rows of a result, each column with its declared type."""
    described = result.description or []
    columns = result.fetchnumpy()
    return pd.DataFrame(
        {
            name: _column(values, str(column[1]))
            for (name, values), column in zip(columns.items(), described, strict=True)
        }
    )


def _column(values: Any, type_: str) -> Any:
    unknown = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    mask = np.zeros(len(values), dtype=bool) if unknown is None else unknown
    plain = np.ma.getdata(values)
    if type_ == "HUGEINT" and (np.abs(plain[~mask]) <= _EXACT).all():
        plain, type_ = np.where(mask, 0, plain), "BIGINT"
    if type_ in _INTEGERS:
        return pd.array(pd.arrays.IntegerArray(plain.astype(np.int64), mask))
    if type_ == "BOOLEAN":
        return pd.array(pd.arrays.BooleanArray(plain.astype(bool), mask))
    if plain.dtype.kind == "O":
        cells = [None if gone else _listed(value) for value, gone in zip(plain, mask, strict=True)]
        return pd.Series(cells, dtype=_TEXT if type_ in _TEXTS else object)
    nothing = np.datetime64("NaT") if plain.dtype.kind == "M" else np.nan
    return plain if unknown is None else values.filled(nothing)


def _listed(value: Any) -> Any:
    """Return lists as lists; DuckDB returns arrays, which have no truth value."""
    return value.tolist() if isinstance(value, np.ndarray) else value
