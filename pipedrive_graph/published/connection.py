"""Opens the published file for reading; an error says in one sentence why it cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from pipedrive_graph.common import denials, files
from pipedrive_graph.errors import WarehouseError

Config = dict[str, str | bool | int | float | list[str]]


_kept: dict[Path, tuple[os.stat_result, duckdb.DuckDBPyConnection]] = {}
"""Published files that are kept open, each with its file status and its connection."""


@contextmanager
def kept_open(published: Path) -> Iterator[None]:
    """Keep a published file open, because opening it costs far more than the queries about a small company.

    Readers inside the block share the open database, and see a file that is published in the meantime. If the
    file cannot be opened, nothing is kept open, and the next reader gets the error.
    """
    is_outermost = published not in _kept
    with suppress(OSError, WarehouseError):
        if is_outermost:
            _kept[published] = (published.stat(), connect(published))
    try:
        yield
    finally:
        if is_outermost:
            _close(published)


def _close(published: Path) -> None:
    """Close a published file that was kept open."""
    _, connection = _kept.pop(published, (None, None))
    if connection is not None:
        connection.close()


def _is_replaced(published: Path) -> bool:
    """Whether the open file was replaced; DuckDB would still show the old one."""
    return published in _kept and not os.path.samestat(_kept[published][0], published.stat())


def connect(published: Path, *, config: Config | None = None) -> duckdb.DuckDBPyConnection:
    """Open a published file, read-only.

    Args:
        published: the path of the file.
        config: settings of DuckDB.

    Raises:
        WarehouseError: if nothing is published yet, or the file is not a database.
    """
    if not published.exists():
        raise WarehouseError(f"Nothing is published at {published} yet; run sync first.")
    if _is_replaced(published):
        _close(published)
    try:
        return duckdb.connect(str(published), read_only=True, config=config or {})
    except duckdb.Error as error:
        raise cannot_read(published, error) from error


@contextmanager
def reading(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Read a published file with built-in queries: if one fails, the file is the cause.

    Args:
        published: the path of the file.

    Raises:
        KeyboardInterrupt: if a query was interrupted.
        NoSpaceError: if the disk is full, at the file or at DuckDB's temporary folder.
        WarehouseError: if nothing is published yet, another version published it, or it cannot be read.
    """
    try:
        with connect(published) as connection:
            yield connection
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise WarehouseError(
            f"{published} was published by another version of pipedrive-graph; run sync first."
        ) from error
    except duckdb.Error as error:
        if files.is_full(error):
            raise files.no_space(published) from error
        raise cannot_read(published, error) from error


def cannot_read(published: Path, error: duckdb.Error) -> WarehouseError:
    """Return the error for a published file that DuckDB cannot read; it can always be published again."""
    if os.access(published.parent, os.X_OK, effective_ids=True) and not os.access(
        published, os.R_OK, effective_ids=True
    ):
        return WarehouseError(f"Cannot read {published}: it {files.ownership(published)}.")
    if forbidden := denials.forbidden(published, error):
        return WarehouseError(str(forbidden))
    return WarehouseError(
        f"Cannot read {published} ({str(error).splitlines()[0]}); if it is damaged, run sync:"
        " it is published again."
    )
