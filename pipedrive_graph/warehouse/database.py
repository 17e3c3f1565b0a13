"""Opens the warehouse: one writer at a time, by a lock that the kernel keeps; every connection in UTC."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from pipedrive_graph.common import denials, files, interrupted, locks
from pipedrive_graph.errors import NoSpaceError, PipedriveGraphError, UnusableError, WarehouseError

STORAGE_VERSION = "v1.5.0"
"""The file format of what is written, so that DuckDB 1.5 and 2.0 both open it."""

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,  # nothing is ever fetched
    "autoload_known_extensions": False,
}


MEMORY = 3_000_000_000
"""Bytes that DuckDB may take, where the machine has so many: a million users do with it."""

_BLOCK = 2**18
"""Bytes of a block of a DuckDB file."""

_SMALL, _LOOSE = 128, 0.25
"""So many blocks are left alone; of more, this share may be free."""

_NEVER = "1TB"
"""So much a transaction never writes: a checkpoint comes where one is asked for."""

_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


_DAMAGED = ("Could not read enough bytes", "Corrupt database file", "checksum does not match")
"""What DuckDB says of a block that is missing or damaged: blocks are read when they are needed only."""


@contextmanager
def writer(
    path: Path, *, wait: Callable[[str], None] | None = None, logged: bool = True
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse for writing; another process that writes is waited for.

    Args:
        path: the warehouse's file, made if it is not there.
        wait: told once whom we wait for; without it, a busy warehouse is an error.
        logged: as `attach` takes it.

    Raises:
        BusyError: if another process writes and `wait` is not given.
        NoSpaceError: if the disk is full.
        WarehouseError: if the file cannot be opened as a warehouse, or the memory does not suffice.
    """
    with lock(path, wait=wait), files.private_files(), _opened(path, logged=logged) as connection:
        yield connection


def compact(path: Path, *, wait: Callable[[str], None]) -> str | None:
    """Write the warehouse anew if much of its file is free.

    What a night replaces leaves its blocks behind, and DuckDB gives back none but the last ones of a file.

    Args:
        path: the warehouse's file.
        wait: told once whom we wait for.

    Returns:
        A sentence where that could not be done, as for lack of space, or because somebody reads the file:
        then all stays as it was.
    """
    if path.stat().st_size <= _SMALL * _BLOCK:
        return None  # without opening it
    temporary = files.temporary_for(path)
    with lock(path, wait=wait), files.private_files():
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
            # what a night has found is committed by now, and this is no reason not to publish it
            reason = str(error.__cause__ or error).splitlines()[0]
            return f"{path} could not be made smaller ({reason}); it is whole, and stays as it is."
        finally:
            remove(temporary)
    return None


@contextmanager
def lock(path: Path, *, wait: Callable[[str], None] | None = None, finishing: bool = False) -> Iterator[None]:
    """Keep every other writer away from the warehouse, without opening it.

    Args:
        path: the warehouse's file.
        wait: called once when another process holds the lock; without it, a busy warehouse is an error.
        finishing: whether it is held to finish a `forget`; everybody else is refused while one is unfinished.

    Raises:
        BusyError: if another process writes.
        LandingError: if a `forget` was interrupted.
    """
    with locks.lock(path.with_name(f".{path.name}.lock"), doing="writing the warehouse", on_wait=wait):
        if not finishing:
            interrupted.refuse(path.parent)
        yield


@contextmanager
def attached(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Attach a database read-only, as `held`; whatever was put in its place since is seen.

    Raises:
        duckdb.Error: if it cannot be read, or another process writes it (see `is_written`).
        LandingError: if this user may not read it, which says nothing about what it holds.
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
    """Why a database that is there cannot be opened; None where it can, or another process writes it.

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
    """All or nothing: what happens inside is committed at the end, or undone by an error."""
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
        # a rule may ask for a permission that a company does not know: to the macros that is no mistake
        connection.execute("SET VARIABLE rules_ask = TRUE")
        _bound_memory(connection, path)
        yield connection
    except duckdb.Error as error:
        if files.is_full(error):
            raise files.no_space(path) from error
        if isinstance(error, duckdb.OutOfMemoryException):
            raise WarehouseError(
                f"The memory does not suffice ({str(error).splitlines()[0]}); {path} is as it was."
            ) from error
        if is_damaged(error):
            raise UnusableError(f"Cannot read {path} ({str(error).splitlines()[0]}).") from error
        raise
    finally:
        connection.close()


def _cannot_open(path: Path, error: duckdb.Error) -> PipedriveGraphError:
    """The error for a warehouse that cannot be opened: by this user, for another program, or at all."""
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
    """Attach a file that is to be written, made if it is not there.

    Args:
        connection: to which it is attached.
        path: the file.
        name: what it is called in SQL.
        logged: whether what is committed survives a crash. Without a log, a file is whole after a
            CHECKPOINT only, and faster to write: for one that is thrown away if it is not finished.
    """
    recovery = "" if logged else ", RECOVERY_MODE 'no_wal_writes'"
    connection.execute(f"ATTACH {quoted(path)} AS {name} (STORAGE_VERSION '{STORAGE_VERSION}'{recovery})")


def _bound_memory(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Take no more memory than is needed: what goes beyond is put into files beside the warehouse."""
    number, unit = str(rows(connection, "SELECT current_setting('memory_limit')")[0][0]).split()
    if float(number) * _UNITS.get(unit, 1) > MEMORY:
        connection.execute(f"SET memory_limit = '{MEMORY}B'")
    connection.execute(f"SET temp_directory = {quoted(f'{path}.tmp')}")


def put_in_place(temporary: Path, path: Path) -> None:
    """Give a finished database its name, in place of the one that has it."""
    _wal(path).unlink(missing_ok=True)  # what the replaced file has left behind would spoil the new
    files.put_in_place(temporary, path)


def remove(path: Path) -> None:
    """Remove a database and its write-ahead log, as far as they are there."""
    for file in (path, _wal(path)):
        file.unlink(missing_ok=True)


def _wal(path: Path) -> Path:
    """The write-ahead log beside a database."""
    return path.with_name(f"{path.name}.wal")


def quoted(value: object) -> str:
    """`value` as a text in SQL, for the places that take no parameter."""
    return "'" + str(value).replace("'", "''") + "'"


def literal(path: str) -> str:
    """Return a path for a function of DuckDB that takes a pattern: `*`, `?` and `[` mean themselves."""
    return re.sub(r"[*?\[]", r"[\g<0>]", path)


def is_interrupt(error: Exception) -> bool:
    """Whether an error is DuckDB's way of passing Ctrl-C on; it has two."""
    return isinstance(error, duckdb.InterruptException) or (
        isinstance(error, RuntimeError) and str(error) == "Query interrupted"
    )


def is_damaged(error: duckdb.Error) -> bool:
    """Whether an error says that a block of the database is missing or damaged."""
    return isinstance(error, duckdb.FatalException) or any(words in str(error) for words in _DAMAGED)


def is_from_outside(error: duckdb.Error) -> bool:
    """Whether an error says nothing against the query that met it: Ctrl-C, a full disk or full memory."""
    return is_interrupt(error) or files.is_full(error) or isinstance(error, duckdb.OutOfMemoryException)


def rows(connection: duckdb.DuckDBPyConnection, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run a query and fetch all of it: DuckDB 2.0 blocks a connection whose result is half read."""
    return connection.execute(query, parameters or None).fetchall()
