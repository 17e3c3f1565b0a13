"""Checks the warehouse and the published file, without writing to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from pipedrive_graph.checkup.check import Check, State, warning
from pipedrive_graph.common.text import counted
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.home import Home
from pipedrive_graph.decisions.losses import advised, losses, raise_for
from pipedrive_graph.errors import LandingError, OtherVersionError, UnusableError, WarehouseError
from pipedrive_graph.landing import Landing
from pipedrive_graph.warehouse import ingest, tables
from pipedrive_graph.warehouse.database import attached, is_written, obstacle


def published(home: Home) -> Iterator[Check]:
    """Whether anything is published. A damaged file is a warning: the next sync publishes it again."""
    file = home.published
    if file.is_dir():
        raise WarehouseError(f"Cannot write {file}: it is a folder; move it away.")
    try:
        reason = obstacle(file) if file.exists() else None
    except LandingError as error:  # not readable for this user
        yield warning("database", f"{error} The next sync publishes it again.")
        return
    if reason is None:
        yield Check("database", f"{file} ({'published' if file.exists() else 'nothing published yet'})")
    else:
        yield warning("database", f"Cannot open {file} ({reason}); the next sync publishes it again.")


def warehouse(home: Home) -> Iterator[Check]:
    """Whether the warehouse can be used; no result if there is none."""
    file = home.warehouse
    if not file.exists():
        return
    if file.is_dir():
        raise WarehouseError(f"Cannot open {file}: it is a folder; move it away, then try again.")
    with advised(home):
        reason = obstacle(file)
        if reason is not None:
            raise UnusableError(f"Cannot open {file} ({reason}).")
        try:
            lacking = tables.check(file)
        except duckdb.Error:
            yield Check("warehouse", f"{file} (another process writes it)", State.WARNING)
        except OtherVersionError as error:
            if losses(home) != []:
                raise
            yield warning("warehouse", f"{error} The next sync rebuilds it from {_landed(home)}.")
        else:
            yield _usable(file, lacking)


def _usable(file: Path, lacking: list[str]) -> Check:
    if not lacking:
        return Check("warehouse", f"{file}")
    more = f" and {len(lacking) - 2} more" if len(lacking) > 2 else ""
    return warning(
        "warehouse",
        f"{file} was made by an earlier version: the next sync adds the missing parts"
        f" ({', '.join(lacking[:2])}{more}) and keeps everything in it.",
    )


def _landed(home: Home) -> str:
    """The sources of a rebuild, in words."""
    landing = Landing(home.storage)
    snapshots = sum(len(landing.of(name).digests()) for name in landing.companies())
    return f"{counted(snapshots, 'snapshot')} and the journal, and loses nothing"


def history(home: Home, company: Company) -> Iterator[Check]:
    """Whether the landing and the journal hold everything that the warehouse was built from."""
    if _is_written(home):
        return
    raise_for(home, company.name, losses(home, company.name))
    if home.warehouse.is_file():
        with advised(home):
            ingest.pending(Landing(home.storage).of(company.name), taken(home, company.name))
    yield from ()


def _is_written(home: Home) -> bool:
    """Whether another process is writing the warehouse, so that it cannot be read."""
    try:
        with attached(home.warehouse):
            return False
    except duckdb.Error as error:
        return is_written(error)


def taken(home: Home, company: str) -> list[str]:
    """The digests of the company's snapshots in the warehouse; none if it cannot be read."""
    if not home.warehouse.is_file():
        return []
    try:
        with attached(home.warehouse) as connection:
            connection.execute("USE held")
            return ingest.taken(connection, company)
    except duckdb.Error:
        return []
