"""Opens the warehouse. A file lock admits one writer at a time; every connection uses UTC."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from pipedrive_graph.common import denials, files, interrupted, locks
from pipedrive_graph.errors import NoSpaceError, PipedriveGraphError, UnusableError, WarehouseError

STORAGE_VERSION = "v1.5.0"
"""The storage format of written files, which both DuckDB 1.5 and 2.0 can open."""

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,  # DuckDB downloads nothing
    "autoload_known_extensions": False,
}


MEMORY = 3_000_000_000
"""Upper limit of DuckDB's memory in bytes. It is enough for a million users."""

_BLOCK = 2**18
"""Size in bytes of a block of a DuckDB file."""

_SMALL, _LOOSE = 128, 0.25
"""A file of at most so many blocks is never compacted; a larger one is if more than this share is free."""

_NEVER = "1TB"
"""A checkpoint threshold that is never reached: checkpoints run only on request."""

_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


_DAMAGED = ("Could not read enough bytes", "Corrupt database file", "checksum does not match")
"""Error messages of DuckDB about a missing or damaged block. DuckDB reads a block only when it needs it."""


@contextmanager
def writer(
    path: Path, *, on_wait: Callable[[str], None] | None = None, logged: bool = True
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse for writing; wait while another process writes it.

    Args:
        path: the warehouse's file; it is created if it does not exist.
        on_wait: called once when another process holds the lock; without it, a busy warehouse is an error.
        logged: see `attach`.

    Raises:
        BusyError: if another process writes and `on_wait` is not given.
        NoSpaceError: if the disk is full.
        WarehouseError: if the file cannot be opened as a warehouse, or there is not enough memory.
    """
    with lock(path, on_wait=on_wait), files.private_files(), _opened(path, logged=logged) as connection:
        yield connection


def compact(path: Path, *, on_wait: Callable[[str], None]) -> str | None:
    """Rewrite the warehouse's file if much of it is free space.

    Replaced rows leave free blocks behind, and DuckDB truncates a file only at its end.

    Args:
        path: the warehouse's file.
        on_wait: called once when another process holds the lock.

    Returns:
        A warning if the file could not be rewritten, for example because the disk is full or another program
        reads the file. The warehouse is then unchanged.
    """
    if path.stat().st_size <= _SMALL * _BLOCK:
        return None  # small enough: do not even open it
    temporary = files.temporary_for(path)
    with lock(path, on_wait=on_wait), files.private_files():
        try:
            remove(temporary)
            with _opened(path, logged=True) as connection:
                connection.execute("CHECKPOINT")
                ((blocks, free),) = rows(
                    connection,
                    "SELECT total_blocks, free_blocks FROM pragma_database_size() "
                    "WHERE database_name = 'warehouse'",
                )
                if blocks <= _SMALL or free <= _LOOSE * blocks:
                    return None
                attach(connection, temporary, "compacted", logged=False)
                connection.execute("COPY FROM DATABASE warehouse TO compacted")
                connection.execute("CHECKPOINT compacted")
                connection.execute("DETACH compacted")
            put_in_place(temporary, path)
        except duckdb.InterruptException:
            raise
        except (OSError, duckdb.Error, NoSpaceError, WarehouseError) as error:
            # the snapshots are committed already; a file that stays large must not stop publishing
            reason = str(error.__cause__ or error).splitlines()[0]
            return f"{path} could not be made smaller ({reason}); it is complete and unchanged."
        finally:
            remove(temporary)
    return None


@contextmanager
def lock(
    path: Path, *, on_wait: Callable[[str], None] | None = None, finishing: bool = False
) -> Iterator[None]:
    """Hold the writer's lock of the warehouse without opening its file.

    Args:
        path: the warehouse's file.
        on_wait: called once when another process holds the lock; without it, a busy warehouse is an error.
        finishing: whether the caller finishes an interrupted `forget`; all other callers are refused until
            it is finished.

    Raises:
        BusyError: if another process writes.
        LandingError: if a `forget` was interrupted.
    """
    with locks.lock(path.with_name(f".{path.name}.lock"), doing="writing the warehouse", on_wait=on_wait):
        if not finishing:
            interrupted.refuse(path.parent)
        yield


@contextmanager
def attached(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Attach a database read-only as `held`, on a new connection, so that a replaced file is seen.

    Raises:
        duckdb.Error: if it cannot be read, or another process writes it (see `is_written`).
        LandingError: if this user lacks permission to read it; its content may be fine.
    """
    with duckdb.connect(config=CONFIG) as connection:
        try:
            connection.execute(f"ATTACH {quoted(path)} AS held (READ_ONLY)")
        except duckdb.Error as error:
            if forbidden := denials.forbidden(path, error):
                raise forbidden from error
            raise
        yield connection


def is_written(error: duckdb.Error) -> bool:
    """Whether a database could not be opened because another process writes it."""
    return "Could not set lock" in str(error)


def obstacle(path: Path) -> str | None:
    """Why an existing database cannot be opened; None if it can, or if another process writes it.

    Raises:
        LandingError: if this user may not read it.
    """
    try:
        with attached(path):
            return None
    except duckdb.Error as error:
        return None if is_written(error) else str(error).splitlines()[0]


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Run the block in one transaction: commit at the end, roll back on an error."""
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


@contextmanager
def _opened(path: Path, *, logged: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(config=CONFIG)
    if not logged:
        connection.execute(f"SET checkpoint_threshold = '{_NEVER}'")
    try:
        try:
            attach(connection, path, "warehouse", logged=logged)
        except duckdb.Error as error:
            if files.is_full(error):
                raise
            raise _cannot_open(path, error) from error
        connection.execute("USE warehouse")
        connection.execute("SET TimeZone = 'UTC'")
        # rules may ask for a permission that a company does not have; the macros must not raise an error then
        connection.execute("SET VARIABLE rules_ask = TRUE")
        _bound_memory(connection, path)
        yield connection
    except duckdb.Error as error:
        if files.is_full(error):
            raise files.no_space(path) from error
        if isinstance(error, duckdb.OutOfMemoryException):
            raise WarehouseError(
                f"There is not enough memory ({str(error).splitlines()[0]}); {path} is unchanged."
            ) from error
        if is_damaged(error):
            raise UnusableError(f"Cannot read {path} ({str(error).splitlines()[0]}).") from error
        raise
    finally:
        connection.close()


def _cannot_open(path: Path, error: duckdb.Error) -> PipedriveGraphError:
    """The error for a warehouse that cannot be opened: no permission, open elsewhere, or damaged."""
    reason = str(error).splitlines()[0]
    if path.is_dir():
        return WarehouseError(f"Cannot open {path}: it is a folder; move it away, then try again.")
    if is_written(error):
        return WarehouseError(f"Another program has {path} open ({reason}); close it there, then try again.")
    if path.exists() and not files.may(path, os.R_OK | os.W_OK):
        return files.cannot_write(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    if forbidden := denials.forbidden(path, error):
        return forbidden
    return UnusableError(f"Cannot open {path} ({reason}).")


def attach(connection: duckdb.DuckDBPyConnection, path: Path, name: str, *, logged: bool = True) -> None:
    """Attach a database file for writing; it is created if it does not exist.

    Args:
        connection: the connection that gets the database.
        path: the file.
        name: the name of the database in SQL.
        logged: whether to keep a write-ahead log, so that commits survive a crash. Without it, writing is
            faster, but the file is complete only after a CHECKPOINT; use that for temporary files.
    """
    recovery = "" if logged else ", RECOVERY_MODE 'no_wal_writes'"
    connection.execute(f"ATTACH {quoted(path)} AS {name} (STORAGE_VERSION '{STORAGE_VERSION}'{recovery})")


def _bound_memory(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Limit DuckDB's memory; what exceeds the limit spills into files beside the warehouse."""
    number, unit = str(rows(connection, "SELECT current_setting('memory_limit')")[0][0]).split()
    if float(number) * _UNITS.get(unit, 1) > MEMORY:
        connection.execute(f"SET memory_limit = '{MEMORY}B'")
    connection.execute(f"SET temp_directory = {quoted(f'{path}.tmp')}")


def put_in_place(temporary: Path, path: Path) -> None:
    """Move a finished database to `path`, replacing the file there."""
    _wal(path).unlink(missing_ok=True)  # the log of the replaced file would corrupt the new one
    files.put_in_place(temporary, path)


def remove(path: Path) -> None:
    """Remove a database and its write-ahead log if they exist."""
    for file in (path, _wal(path)):
        file.unlink(missing_ok=True)


def _wal(path: Path) -> Path:
    """The write-ahead log beside a database."""
    return path.with_name(f"{path.name}.wal")


def quoted(value: object) -> str:
    """`value` as an SQL string literal, for statements that accept no parameters."""
    return "'" + str(value).replace("'", "''") + "'"


def literal(path: str) -> str:
    """Escape `*`, `?` and `[` in a path for DuckDB functions that take a glob pattern."""
    return re.sub(r"[*?\[]", r"[\g<0>]", path)


def is_interrupt(error: Exception) -> bool:
    """Whether an error means that Ctrl-C interrupted DuckDB, which reports it in two ways."""
    return isinstance(error, duckdb.InterruptException) or (
        isinstance(error, RuntimeError) and str(error) == "Query interrupted"
    )


def is_damaged(error: duckdb.Error) -> bool:
    """Whether an error means that a block of the database is missing or damaged."""
    return isinstance(error, duckdb.FatalException) or any(words in str(error) for words in _DAMAGED)


def is_from_outside(error: duckdb.Error) -> bool:
    """Whether an error is not the query's fault: Ctrl-C, a full disk or too little memory."""
    return is_interrupt(error) or files.is_full(error) or isinstance(error, duckdb.OutOfMemoryException)


def insert_rows(
    connection: duckdb.DuckDBPyConnection, table: str, values: Sequence[Sequence[object]]
) -> None:
    """Insert rows, with values in the order of the table's columns.

    A column is one parameter, which is faster than a statement per row.
    """
    if values:
        columns = [list(column) for column in zip(*values, strict=True)]
        connection.execute(f"INSERT INTO {table} SELECT {', '.join('unnest(?)' for _ in columns)}", columns)


def rows(connection: duckdb.DuckDBPyConnection, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run a query and fetch all rows; DuckDB 2.0 blocks a connection with a partly read result."""
    return connection.execute(query, parameters or None).fetchall()
