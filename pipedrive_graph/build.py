"""Turns committed snapshots into the published graph: those of tonight, or all of them anew."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest

import duckdb

from pipedrive_graph import files, leftovers, losses, ownership
from pipedrive_graph.advance import Builder
from pipedrive_graph.errors import ConfigurationError, OtherVersionError, WarehouseError
from pipedrive_graph.findings import policy, rosters, waivers
from pipedrive_graph.findings.decisions import notices
from pipedrive_graph.landing import Landing
from pipedrive_graph.pasted import shown
from pipedrive_graph.reviews.journal import decisions_in
from pipedrive_graph.settings import Settings
from pipedrive_graph.text import counted
from pipedrive_graph.timed import timed
from pipedrive_graph.warehouse import database, ingest, tables
from pipedrive_graph.warehouse.ingest import Pending
from pipedrive_graph.warehouse.models import Models
from pipedrive_graph.warehouse.previews import Preview, previews
from pipedrive_graph.warehouse.publish import publish as publish_file

_log = logging.getLogger(__name__)

Tell = Callable[[str], None]

_BATCH_USERS = 250_000
"""Users whose answers are taken in one transaction; a larger company is a batch of its own."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build has done.

    Attributes:
        snapshots: ids of the snapshots taken.
        rows: rows of the companies concerned, by qualified table; of a rule, what fires.
        types: columns and their types, by qualified table.
        unreadable: a line for each value of the last snapshot that could not be read.
        left_out: a sentence, where the last answers about users leave out permissions that they had before.
        broken: a sentence for each rule that could not be run.
        unusable: a line for each row of the company's roster that is not used.
        waivers: a sentence for each waiver that has expired, or speaks of no finding.
        previews: the first rows of the tables that were asked for, by qualified table.
        loose: a sentence, where the warehouse's file should be smaller and could not be made so.
    """

    snapshots: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    types: dict[str, dict[str, str]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    left_out: str | None = None
    broken: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    waivers: list[str] = field(default_factory=list)
    previews: dict[str, Preview] = field(default_factory=dict)
    loose: str | None = None


def build(
    settings: Settings, models: Models, company: str, *, tell: Tell, preview: Collection[str] = ()
) -> Built:
    """Take a company's new snapshots into the warehouse, one after the other; remove old temporary files.

    Args:
        settings: where everything lies.
        models: the files of sql/.
        company: its name in the settings.
        tell: told whom we wait for.
        preview: tables whose first rows are to be taken as well.

    Raises:
        ConfigurationError: if findings.toml, waivers.toml or a roster cannot be used.
        LandingError: if a snapshot or the journal is damaged.
        WarehouseError: if a check fails; the warehouse is as it was before that snapshot.
    """
    policies = policy.load(settings)
    people = rosters.load(one for one in settings.companies if one.name == company)
    accepted = waivers.load(settings)
    with losses.advised(settings), database.writer(settings.warehouse, wait=tell) as connection:
        leftovers.remove(settings, company)
        leftovers.close_folders(settings, company)
        tables.create(connection)
        decisions = decisions_in(connection, models, settings)
        with database.transaction(connection):
            # what was decided since the last night was decided about what that night found
            decisions.catch_up(company)
            is_new = decisions.are_done(company)
            if is_new:
                decisions.read(company, accepted)
                rosters.keep(decisions, settings, people)
        builder = Builder(connection, models, policies, people, decisions)
        taken: list[str] = []
        counted: dict[str, int] = {}
        seen = ingest.taken(connection, company)
        for snapshot in ingest.pending(Landing(settings.landing).of(company), seen):
            with timed(
                _log, f"Building snapshot {snapshot.manifest.snapshot_id} of '{company}'", announced=True
            ):
                counted = builder.advance([snapshot]) or counted
            taken.append(snapshot.manifest.snapshot_id)
        if not is_new:  # the warehouse was lost: what is decided now comes after all that the journal says
            with database.transaction(connection):
                decisions.read(company, accepted)
                rosters.keep(decisions, settings, people)
        built = Built(
            taken,
            counted,
            _types(connection),
            _unreadable(connection, company),
            _left_out(connection, company),
            sorted(builder.broken.values()),
            people.problems,
            notices(connection, company) if counted else [],
            previews(connection, preview, company) if counted else {},
        )
    loose = database.compact(settings.warehouse, wait=tell) if taken else None
    return replace(built, loose=loose)


def take_over(settings: Settings, models: Models, *, tell: Tell) -> None:
    """Make the warehouse again where another version made it, before a company is read.

    Where that would lose something, it stays: the build says so.

    Raises:
        PipedriveGraphError: as `rebuild` does.
    """
    if not settings.warehouse.is_file():
        return
    try:
        tables.check(settings.warehouse)
    except duckdb.Error:
        return  # damaged, or another process writes it
    except OtherVersionError as error:
        if losses.losses(settings) == []:
            tell(f"{error} It is made again from the landing and the journal.")
            rebuild(settings, models, tell=tell)


def catch_up(settings: Settings, models: Models, company: str, *, tell: Tell) -> None:
    """Build and publish what was committed earlier, before a company is read again.

    Raises:
        PipedriveGraphError: as `build` and `publish` do.
    """
    build(settings, models, company, tell=tell)
    publish(settings, models, tell=tell)


def publish(settings: Settings, models: Models, *, tell: Tell) -> dict[str, int]:
    """Write the published file from the warehouse.

    Returns:
        Rows by table.

    Raises:
        WarehouseError: if a check fails; what was published before stays.
    """
    with losses.advised(settings), database.writer(settings.warehouse, wait=tell) as connection:
        return publish_file(connection, models, settings.published, settings.output)


def rebuild(
    settings: Settings,
    models: Models,
    *,
    tell: Tell,
    accept_loss: bool = False,
    without: Collection[str] = (),
) -> Built:
    """Make the warehouse from the landing and the journals, and publish it.

    Companies advance together: first everybody's first snapshot, then everybody's second.

    Args:
        settings: where everything lies.
        models: the files of sql/.
        tell: called once when another process holds the lock.
        accept_loss: go on although the warehouse holds what the landing and the journals do not.
        without: ids of snapshots to set aside first, such as those that were taken with a wrong clock.

    Raises:
        ConfigurationError: if there is no such snapshot, or nothing would be left.
        LossError: if something would be lost, and that was not accepted.
        ConfigurationError: if findings.toml cannot be used.
        LandingError: if a snapshot is damaged, or a journal is not whole and that was not accepted; the
            warehouse stays as it was.
        WarehouseError: if a check fails; the warehouse stays as it was.
    """
    landing, policies = Landing(settings.landing), policy.load(settings)
    ownership.check(settings, landing.companies())
    temporary = files.temporary_for(settings.warehouse)
    with database.lock(settings.warehouse, wait=tell):
        _set_aside(landing, without)
        if accept_loss:
            losses.accept(settings)
        else:
            losses.refuse_to_rebuild(settings)
        people = rosters.kept(settings, landing.companies())
        database.remove(temporary)
        try:
            with database.writer(temporary, wait=tell, logged=False) as connection:
                tables.create(connection)
                chains = [ingest.pending(landing.of(name), []) for name in landing.companies()]
                built = Built()
                decisions = decisions_in(connection, models, settings)
                for chain in chains:
                    for company in {snapshot.landing.company for snapshot in chain}:
                        decisions.replay(company, None)
                builder = Builder(connection, models, policies, people, decisions, counting=False)
                unwritten = 0
                for batch in _batches(chains):
                    with timed(
                        _log, f"Building {len(batch)} snapshots from {batch[0].manifest.snapshot_id} on"
                    ):
                        builder.advance(batch)
                    built.snapshots.extend(snapshot.manifest.snapshot_id for snapshot in batch)
                    unwritten += sum(snapshot.manifest.users or 0 for snapshot in batch)
                    if unwritten >= _BATCH_USERS:
                        # till then, all that the nights have replaced stays in memory
                        connection.execute("CHECKPOINT")
                        unwritten = 0
                if not built.snapshots:
                    raise WarehouseError(
                        f"There are no snapshots in {settings.landing}; nothing to rebuild from."
                    )
                connection.execute("CHECKPOINT")
                published = publish_file(connection, models, settings.published, settings.output)
            database.put_in_place(temporary, settings.warehouse)
        finally:
            database.remove(temporary)
    return Built(built.snapshots, published, broken=sorted(builder.broken.values()))


def _set_aside(landing: Landing, snapshot_ids: Collection[str]) -> None:
    """Set snapshots aside, whatever company they are of.

    Raises:
        ConfigurationError: if there is no such snapshot, or nothing would be left to build from.
    """
    if not snapshot_ids:
        return
    there = {name: landing.of(name).digests().keys() for name in landing.companies()}
    for snapshot_id in snapshot_ids:
        if not any(snapshot_id in ids for ids in there.values()):
            raise ConfigurationError(f"There is no snapshot '{shown(snapshot_id)}' in {landing.folder}.")
    if not any(ids - {*snapshot_ids} for ids in there.values()):
        raise ConfigurationError(
            "Without these snapshots there is nothing to build from: move the home folder away instead, and"
            " the next sync begins a new history."
        )
    for name, ids in there.items():
        if chosen := sorted(ids & {*snapshot_ids}):
            landing.of(name).set_aside(chosen)


def _batches(chains: list[list[Pending]]) -> Iterator[list[Pending]]:
    """Batches of at most one snapshot per company: everybody's first, then everybody's second.

    A batch is no larger than what fits into memory well; a company is never divided.
    """
    for round_ in zip_longest(*chains):
        batch: list[Pending] = []
        users = 0
        for snapshot in filter(None, round_):
            if batch and users + (snapshot.manifest.users or 0) > _BATCH_USERS:
                yield batch
                batch, users = [], 0
            batch.append(snapshot)
            users += snapshot.manifest.users or 0
        yield batch


def _types(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    types: dict[str, dict[str, str]] = {}
    for table, column, type_ in database.rows(
        connection,
        """
        SELECT schema_name || '.' || table_name, column_name, data_type
        FROM duckdb_columns()
        WHERE database_name = 'warehouse'
        ORDER BY schema_name, table_name, column_index""",
    ):
        types.setdefault(table, {})[column] = type_
    return types


def _unreadable(connection: duckdb.DuckDBPyConnection, company: str) -> list[str]:
    found = database.rows(
        connection,
        """
        SELECT endpoint, subject_id, field, value
        FROM history.unreadable_values WHERE company = ? ORDER BY ALL""",
        company,
    )
    return [
        f"{endpoint}{f', {subject}' if subject else ''}: {field} is '{value}'"
        for endpoint, subject, field, value in found
    ]


def _left_out(connection: duckdb.DuckDBPyConnection, company: str) -> str | None:
    ((values, users, permissions),) = database.rows(
        connection,
        """
        SELECT count(*), count(DISTINCT user_id), list(DISTINCT permission ORDER BY permission)
        FROM history.unanswered_permissions
        WHERE company = ? AND observed_at IS NOT NULL""",
        company,
    )
    if not values:
        return None
    more = f" and {len(permissions) - 3} others" if len(permissions) > 3 else ""
    return (
        f"The answers of Pipedrive leave out {counted(values, 'permission')} of {counted(users, 'user')} that"
        f" they had before: {', '.join(permissions[:3])}{more}. Each stays as last known; the table"
        " unanswered_permissions has them all."
    )
