"""Opens the published file for those who read it, and says in one sentence why it cannot be read."""

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
"""Published files that are kept open: which file each was, and the connection that keeps it."""


@contextmanager
def kept_open(published: Path) -> Iterator[None]:
    """Keep a published file open: to open it costs far more than what a small company is asked.

    Whoever opens the file inside the block shares its database, and sees what is put in place meanwhile.
    Where the file cannot be opened, nothing is kept, and whoever reads it says why.
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
    """Keep a published file open no longer."""
    _, connection = _kept.pop(published, (None, None))
    if connection is not None:
        connection.close()


def _is_replaced(published: Path) -> bool:
    """Whether another file was put in place of the one that is kept open: DuckDB would show the old one."""
    return published in _kept and not os.path.samestat(_kept[published][0], published.stat())


def connect(published: Path, *, config: Config | None = None) -> duckdb.DuckDBPyConnection:
    """Open a published file, read-only.

    Args:
        published: its path.
        config: settings of DuckDB.

    Raises:
        WarehouseError: if nothing is published yet, or the file is no database.
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
    """Read a published file with queries of our own: where one fails, the file is the reason.

    Args:
        published: its path.

    Raises:
        KeyboardInterrupt: if a query was interrupted.
        NoSpaceError: if the disk is full, beside the file or where DuckDB puts what memory cannot hold.
        WarehouseError: if nothing is published yet, by another version, or what cannot be read.
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
    """The sentence for a published file in which DuckDB cannot read; it can always be made again."""
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
