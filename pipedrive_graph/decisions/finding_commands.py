"""Acknowledges and waives findings: writes the decision to the journal, applies it, and publishes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date

import duckdb

from pipedrive_graph.config import ownership
from pipedrive_graph.config.company import check_known
from pipedrive_graph.config.home import Home
from pipedrive_graph.config.waivers import Waiver, Waivers
from pipedrive_graph.decisions.finding_handlers import ACKNOWLEDGED
from pipedrive_graph.decisions.losses import advised
from pipedrive_graph.decisions.replay import Decisions
from pipedrive_graph.decisions.review_handlers import decisions_in
from pipedrive_graph.decisions.selection import DecidableFinding, check_event, check_waivable, find
from pipedrive_graph.errors import DecisionError, WarehouseError
from pipedrive_graph.warehouse import database, tables
from pipedrive_graph.warehouse.publish import publish as publish_file
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models

OnWait = Callable[[str], None]
"""Called once with a sentence when another process holds the lock of the warehouse."""

AddWaiver = Callable[[str, Waiver, str], Waivers]
"""Adds a waiver of a company to waivers.toml, below the title of its finding; returns all waivers."""

_WRITTEN = "The decision is in the journal, and shows after the next sync."


def acknowledge(
    home: Home,
    models: Models,
    companies: Sequence[str],
    beginning: str,
    *,
    note: str,
    by: str,
    on_wait: OnWait,
) -> DecidableFinding:
    """Acknowledge an event, and publish.

    Args:
        home: the home folder.
        models: the files of sql/; the rules say which findings are events.
        companies: the names of the companies in the settings.
        beginning: the beginning of the finding's id.
        note: the result of the investigation, or an empty text.
        by: the person who acknowledges.
        on_wait: called once when another process holds the lock of the warehouse.

    Raises:
        DecisionError: if the finding does not exist, or is not an open event.
    """
    with _about(home, models, companies, beginning, on_wait) as (decisions, finding):
        check_event(models, finding)
        decisions.decide(finding.company, ACKNOWLEDGED, finding_id=finding.finding_id, note=note, by=by)
    return finding


def waive(
    home: Home,
    models: Models,
    companies: Sequence[str],
    add: AddWaiver,
    beginning: str,
    *,
    reason: str,
    owner: str,
    expires: date,
    on_wait: OnWait,
) -> DecidableFinding:
    """Write a waiver of one finding into waivers.toml, and publish.

    Args:
        home: the home folder.
        models: the files of sql/; the rules say which parts of their evidence may not grow.
        companies: the names of the companies in the settings.
        add: adds the waiver to waivers.toml.
        beginning: the beginning of the finding's id.
        reason: why the finding is accepted.
        owner: the person who is responsible for the waiver.
        expires: the last day of the waiver.
        on_wait: called once when another process holds the lock of the warehouse.

    Raises:
        ConfigurationError: if waivers.toml cannot be used.
        DecisionError: if the finding does not exist, or is resolved.
    """
    with _about(home, models, companies, beginning, on_wait) as (decisions, finding):
        check_waivable(finding)
        waiver = Waiver(finding.rule, finding.subject_id, finding.object, reason, owner, expires)
        decisions.record_waivers(finding.company, add(finding.company, waiver, finding.title))
    return finding


@contextmanager
def opened(
    home: Home, models: Models, companies: Sequence[str], *, on_wait: OnWait, nothing: str
) -> Iterator[Decisions]:
    """Open the warehouse for decisions, and publish the result.

    Args:
        home: the home folder.
        models: the files of sql/.
        companies: the names of the companies in the settings.
        on_wait: called once when another process holds the lock of the warehouse.
        nothing: the error's message if the warehouse does not exist yet.

    Raises:
        DecisionError: if the warehouse does not exist yet.
        WarehouseError: if another version made it, or the result cannot be published.
    """
    if not home.warehouse.exists():
        raise DecisionError(nothing)
    ownership.check(home, companies)
    with advised(home), database.writer(home.warehouse, on_wait=on_wait) as connection:
        tables.create(connection)
        _check(connection, models)
        yield decisions_in(connection, models, home)
        try:
            publish_file(connection, models, home.publication)
        except WarehouseError as error:
            raise WarehouseError(f"{error} {_WRITTEN}") from error


def _check(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Refuse a warehouse that lacks a table of this version; otherwise only publishing would fail."""
    existing = {
        str(name)
        for (name,) in database.rows(
            connection,
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_catalog = current_catalog() AND table_schema = 'main'",
        )
    }
    missing = sorted({m.name for m in models.of("main", Kind.TABLE, Kind.VIEW)} - existing)
    if missing:
        raise WarehouseError(
            f"The warehouse was made by another version (the table {missing[0]} is missing); run sync first."
        )


@contextmanager
def _about(
    home: Home, models: Models, companies: Sequence[str], beginning: str, on_wait: OnWait
) -> Iterator[tuple[Decisions, DecidableFinding]]:
    """Open the warehouse for a decision about a finding, and publish the result."""
    nothing = "No findings exist yet; run sync first."
    with opened(home, models, companies, on_wait=on_wait, nothing=nothing) as decisions:
        finding = find(decisions.connection, beginning)
        check_known(
            finding.company, companies
        )  # the warehouse may hold companies that the settings do not list
        with database.transaction(decisions.connection):
            decisions.catch_up(finding.company)
            yield decisions, finding
