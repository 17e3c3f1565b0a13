"""Turns committed snapshots into the published graph: those that are pending, or all of them again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

import duckdb

from pipedrive_graph.builder.batch import BatchWork
from pipedrive_graph.builder.built import Batch, Built, left_out, unreadable
from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.builder.process_snapshot import Builder
from pipedrive_graph.common import files
from pipedrive_graph.common.pasted import shown
from pipedrive_graph.common.timed import timed
from pipedrive_graph.config import leftovers, ownership, policy
from pipedrive_graph.config.policy import Policies
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.config.waivers import Waivers
from pipedrive_graph.decisions import losses, rosters
from pipedrive_graph.decisions.review_handlers import decisions_in
from pipedrive_graph.errors import ConfigurationError, OtherVersionError, WarehouseError
from pipedrive_graph.landing import Landing
from pipedrive_graph.published.waiver_notices import notices
from pipedrive_graph.warehouse import database, ingest, tables
from pipedrive_graph.warehouse.ingest import Pending
from pipedrive_graph.warehouse.publish import publish as publish_file
from pipedrive_graph.warehouse.sql_project import Models

_log = logging.getLogger(__name__)

Tell = Callable[[str], None]

_BATCH_USERS = 250_000
"""Users whose answers are taken in one transaction; a larger company is a batch of its own."""


def build(settings: Settings, models: Models, company: str, *, tell: Tell) -> Built:
    """Take one company's new snapshots into the warehouse, as `build_batch` does for several.

    Raises:
        PipedriveGraphError: why that could not be done; the warehouse is as it was before that snapshot.
    """
    configuration = Configuration(settings)
    batch = build_batch(settings, models, configuration.policies, configuration.waivers, [company], tell=tell)
    for error in batch.failed.values():
        raise error
    return replace(batch.built[company], fired=batch.fired, loose=batch.loose)


def build_batch(
    settings: Settings,
    models: Models,
    policies: Policies,
    waivers: Waivers,
    companies: Sequence[str],
    *,
    tell: Tell,
) -> Batch:
    """Take the new snapshots of companies into the warehouse together; remove old temporary files.

    One transaction holds at most one snapshot of each company. What is wrong with one company's snapshots,
    journal or roster keeps that company out, and no other.

    Args:
        settings: where everything lies.
        models: the files of sql/.
        policies: what findings.toml says.
        waivers: what waivers.toml says.
        companies: their names in the settings.
        tell: called once when another process holds the lock.

    Raises:
        BusyError: if another process writes for too long.
        NoSpaceError: if the disk is full.
        WarehouseError: if the warehouse cannot be used, or the memory does not suffice.
    """
    with losses.advised(settings), database.writer(settings.warehouse, on_wait=tell) as connection:
        leftovers.remove(settings, companies)
        leftovers.close_folders(settings, companies)
        tables.create(connection)
        decisions = decisions_in(connection, models, settings)
        work = BatchWork(settings, connection, decisions, waivers)
        for company in companies:
            work.prepare(company)
        builder = Builder(connection, models, policies, work.rosters, decisions)
        fired: dict[str, int] = {}
        for batch in _batches(list(work.pending.values())):
            fired = work.advance(builder, batch) or fired
        for company in companies:
            work.finish(company)
        built = {
            company: Built(
                snapshots=work.taken[company],
                unreadable=unreadable(connection, company),
                left_out=left_out(connection, company),
                broken=sorted(builder.broken_of.get(company, {}).values()),
                unusable=work.rosters.problems_of(company),
                waivers=notices(connection, company) if work.taken[company] else [],
            )
            for company in companies
            if company not in work.failed
        }
    failed = {company: losses.with_advice(settings, error) for company, error in work.failed.items()}
    took = any(work.taken.values())
    loose = database.compact(settings.warehouse, on_wait=tell) if took else None
    return Batch(built, failed, fired, loose)


def take_over(settings: Settings, models: Models, policies: Policies, *, tell: Tell) -> None:
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
            rebuild(settings, models, tell=tell, policies=policies)


def publish(settings: Settings, models: Models, *, tell: Tell) -> dict[str, int]:
    """Write the published file from the warehouse.

    Returns:
        Rows by table.

    Raises:
        WarehouseError: if a check fails; what was published before stays.
    """
    with losses.advised(settings), database.writer(settings.warehouse, on_wait=tell) as connection:
        return publish_file(connection, models, settings.publication)


def rebuild(
    settings: Settings,
    models: Models,
    *,
    tell: Tell,
    policies: Policies | None = None,
    accept_loss: bool = False,
    without: Collection[str] = (),
) -> Built:
    """Make the warehouse from the landing and the journals, and publish it.

    Companies advance together: first everybody's first snapshot, then everybody's second.

    Args:
        settings: where everything lies.
        models: the files of sql/.
        tell: called once when another process holds the lock.
        policies: what findings.toml says; by default, the file is read.
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
    landing = Landing(settings.storage)
    policies = policies or policy.load(settings)
    ownership.check(settings, landing.companies())
    temporary = files.temporary_for(settings.warehouse)
    with database.lock(settings.warehouse, on_wait=tell):
        _set_aside(landing, without)
        if accept_loss:
            losses.accept(settings)
        else:
            losses.refuse_to_rebuild(settings)
        people = rosters.kept(settings, landing.companies())
        database.remove(temporary)
        try:
            with database.writer(temporary, on_wait=tell, logged=False) as connection:
                tables.create(connection)
                chains = [ingest.pending(landing.of(name), []) for name in landing.companies()]
                built = Built()
                decisions = decisions_in(connection, models, settings)
                for chain in chains:
                    for company in {snapshot.landing.company for snapshot in chain}:
                        decisions.replay(company, None)
                builder = Builder(connection, models, policies, people, decisions)
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
                published = publish_file(connection, models, settings.publication)
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
            raise ConfigurationError(f"There is no snapshot '{shown(snapshot_id)}' in {landing.path}.")
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
