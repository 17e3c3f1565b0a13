"""Gives the published tables as pandas frames, for notebooks and scripts."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pandas as pd

from pipedrive_graph import settings
from pipedrive_graph.errors import WarehouseError


class IdentityGraph:
    """The published file, open for reading; used within `with`, or until `close`.

    Who has it open keeps the night that was published when it was opened.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def tables(self) -> pd.DataFrame:
        """One row per table: `table_name`, `comment`."""
        return self.query("SELECT table_name, comment FROM duckdb_tables() ORDER BY table_name")

    def table(self, name: str) -> pd.DataFrame:
        """All rows of a table, such as `users`.

        Raises:
            WarehouseError: if there is no such table.
        """
        known = list(self.tables()["table_name"])
        if name not in known:
            raise WarehouseError(f"There is no table '{name}'; there are: {', '.join(known)}.")
        return self.query(f'FROM "{name}"')

    def query(self, sql: str, *parameters: object) -> pd.DataFrame:
        """What a query returns; `?` in it stand for `parameters`.

        Raises:
            WarehouseError: if DuckDB refuses the query, with its reason.
        """
        try:
            return self._connection.execute(sql, parameters or None).df()
        except duckdb.Error as error:
            raise WarehouseError(str(error).strip()) from error


def open_published(path: str | Path | None = None) -> IdentityGraph:
    """Open a published file, read-only.

    Args:
        path: the file; by default the one that `sync` publishes with the settings of this environment.

    Raises:
        ConfigurationError: if no path is given and the settings cannot be used.
        WarehouseError: if there is no such file, or it is no published one.
    """
    file = Path(path) if path else settings.load().published
    if not file.exists():
        raise WarehouseError(f"Nothing is published at {file} yet; run sync first.")
    try:
        return IdentityGraph(duckdb.connect(str(file), read_only=True))
    except duckdb.Error as error:
        raise WarehouseError(f"Cannot open {file}: {str(error).splitlines()[0]}") from error
