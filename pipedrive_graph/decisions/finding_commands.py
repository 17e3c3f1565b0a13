"""Takes a decision about a finding into the warehouse and the journal, and publishes what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import duckdb

from pipedrive_graph.config import ownership, waivers
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.config.waivers import Waiver
from pipedrive_graph.decisions.finding_handlers import ACKNOWLEDGED
from pipedrive_graph.decisions.losses import advised
from pipedrive_graph.decisions.replay import Decisions
from pipedrive_graph.decisions.review_handlers import decisions_in
from pipedrive_graph.decisions.selection import Found, check_event, check_waivable, find
from pipedrive_graph.errors import DecisionError, WarehouseError
from pipedrive_graph.warehouse import database, tables
from pipedrive_graph.warehouse.publish import publish as publish_file
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models

Tell = Callable[[str], None]

_WRITTEN = "What was decided is written down, and shows after the next sync."


def acknowledge(
    settings: Settings, models: Models, beginning: str, *, note: str, by: str, tell: Tell
) -> Found:
    """Note that somebody has looked into an event, and publish.

    Args:
        settings: where everything lies.
        models: the rules say what is an event.
        beginning: of the finding's id.
        note: what came of it, or nothing.
        by: who says so.
        tell: told whom we wait for.

    Raises:
        DecisionError: if there is no such finding, or it is no event that is open.
    """
    with _about(settings, models, beginning, tell) as (decisions, found):
        check_event(models, found)
        decisions.decide(found.company, ACKNOWLEDGED, finding_id=found.finding_id, note=note, by=by)
    return found


def waive(
    settings: Settings,
    models: Models,
    rules: waivers.Rules,
    beginning: str,
    *,
    reason: str,
    owner: str,
    expires: date,
    tell: Tell,
) -> Found:
    """Write a waiver of one finding into waivers.toml, and publish.

    Args:
        settings: where everything lies.
        models: the rules say what of their evidence may not grow.
        rules: returns the names of the rules, which waivers.toml may name.
        beginning: of the finding's id.
        reason: why it is accepted.
        owner: who answers for it.
        expires: the last day on which it holds.
        tell: told whom we wait for.

    Raises:
        ConfigurationError: if waivers.toml cannot be used.
        DecisionError: if there is no such finding, or it is resolved.
    """
    with _about(settings, models, beginning, tell) as (decisions, found):
        check_waivable(found)
        waiver = Waiver(found.rule, found.subject_id, found.object, reason, owner, expires)
        written = waivers.add(settings, rules, found.company, waiver, title=found.title)
        decisions.read(found.company, written)
    return found


@contextmanager
def opened(settings: Settings, models: Models, *, tell: Tell, nothing: str) -> Iterator[Decisions]:
    """Open the warehouse to decide something, and publish what comes of it.

    Args:
        settings: where everything lies.
        models: the files of sql/.
        tell: told whom we wait for.
        nothing: what to say where there is no warehouse yet.

    Raises:
        DecisionError: if there is no warehouse yet.
        WarehouseError: if another version made it, or what was decided cannot be published.
    """
    if not settings.warehouse.exists():
        raise DecisionError(nothing)
    ownership.check(settings, [company.name for company in settings.companies])
    with advised(settings), database.writer(settings.warehouse, on_wait=tell) as connection:
        tables.create(connection)
        _check(connection, models)
        yield decisions_in(connection, models, settings)
        try:
            publish_file(connection, models, settings.publication)
        except WarehouseError as error:
            raise WarehouseError(f"{error} {_WRITTEN}") from error


def _check(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Refuse a warehouse that lacks a table of this version: it would be found out only when published."""
    made = {
        str(name)
        for (name,) in database.rows(
            connection,
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_catalog = current_catalog() AND table_schema = 'main'",
        )
    }
    missing = sorted({m.name for m in models.of("main", Kind.TABLE, Kind.VIEW)} - made)
    if missing:
        raise WarehouseError(
            f"The warehouse was made by another version (it has no {missing[0]}); run sync first."
        )


@contextmanager
def _about(
    settings: Settings, models: Models, beginning: str, tell: Tell
) -> Iterator[tuple[Decisions, Found]]:
    """Decide about a finding in the warehouse, and publish what comes of it."""
    nothing = "There are no findings yet; run sync first."
    with opened(settings, models, tell=tell, nothing=nothing) as decisions:
        found = find(decisions.connection, beginning)
        settings.company(found.company)  # a warehouse may know of more than the settings do
        with database.transaction(decisions.connection):
            decisions.catch_up(found.company)
            yield decisions, found
