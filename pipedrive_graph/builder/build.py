"""Builds the warehouse and the published graph, from pending snapshots or (`rebuild`) from all snapshots."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

import duckdb

from pipedrive_graph.builder.batch import BatchWork
from pipedrive_graph.builder.built import Batch, Built, left_out, unreadable
from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.builder.process_snapshot import SnapshotProcessor
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

Callback = Callable[[str], None]
"""A function that receives a sentence for the user."""

_BATCH_USERS = 250_000
"""How many users a batch may have at most; a company with more is a batch of its own."""


def build(settings: Settings, models: Models, company: str, *, on_wait: Callback) -> Built:
    """Add one company's new snapshots to the warehouse, as `build_batch` does for several companies.

    Raises:
        PipedriveGraphError: if a snapshot cannot be added; the warehouse is as it was before that snapshot.
    """
    configuration = Configuration(settings)
    batch = build_batch(
        settings, models, configuration.policies, configuration.waivers, [company], on_wait=on_wait
    )
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
    on_wait: Callback,
) -> Batch:
    """Add the new snapshots of several companies to the warehouse, and remove old temporary files.

    One transaction holds at most one snapshot of each company. An error in one company's snapshots, journal
    or roster affects only that company.

    Args:
        settings: the paths of the home folder.
        models: the models of sql/ and the custom rules.
        policies: the policies of findings.toml.
        waivers: the waivers of waivers.toml.
        companies: the companies' names in the settings.
        on_wait: called once when another process holds the lock.

    Raises:
        BusyError: if another process writes for too long.
        NoSpaceError: if the disk is full.
        WarehouseError: if the warehouse cannot be used, or there is not enough memory.
    """
    with losses.advised(settings), database.writer(settings.warehouse, on_wait=on_wait) as connection:
        leftovers.remove(settings, companies)
        leftovers.close_folders(settings, companies)
        tables.create(connection)
        decisions = decisions_in(connection, models, settings)
        work = BatchWork(settings, connection, decisions, waivers)
        for company in companies:
            work.prepare(company)
        processor = SnapshotProcessor(connection, models, policies, work.rosters, decisions)
        fired: dict[str, int] = {}
        for batch in _batches(list(work.pending.values())):
            fired = work.process(processor, batch) or fired
        for company in companies:
            work.finish(company)
        built = {
            company: Built(
                snapshots=work.taken[company],
                unreadable=unreadable(connection, company),
                left_out=left_out(connection, company),
                broken=sorted(processor.broken_of.get(company, {}).values()),
                unusable=work.rosters.problems_of(company),
                waivers=notices(connection, company) if work.taken[company] else [],
            )
            for company in companies
            if company not in work.failed
        }
    failed = {company: losses.with_advice(settings, error) for company, error in work.failed.items()}
    has_grown = any(work.taken.values())
    loose = database.compact(settings.warehouse, on_wait=on_wait) if has_grown else None
    return Batch(built, failed, fired, loose)


def take_over(settings: Settings, models: Models, policies: Policies, *, on_message: Callback) -> None:
    """Rebuild the warehouse before a run if another version made it.

    If the rebuild would lose data, the warehouse stays as it is, and the build reports the problem.

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
            on_message(f"{error} It is rebuilt from the landing and the journal.")
            rebuild(settings, models, on_wait=on_message, policies=policies)


def publish(settings: Settings, models: Models, *, on_wait: Callback) -> dict[str, int]:
    """Write the published file from the warehouse.

    Returns:
        Rows by table.

    Raises:
        WarehouseError: if a check fails; the published file is unchanged.
    """
    with losses.advised(settings), database.writer(settings.warehouse, on_wait=on_wait) as connection:
        return publish_file(connection, models, settings.publication)


def rebuild(
    settings: Settings,
    models: Models,
    *,
    on_wait: Callback,
    policies: Policies | None = None,
    accept_loss: bool = False,
    without: Collection[str] = (),
) -> Built:
    """Build a new warehouse from the landing and the journals, and publish it.

    Snapshots are processed in rounds: the first snapshot of every company, then the second of every company.

    Args:
        settings: the paths of the home folder.
        models: the models of sql/ and the custom rules.
        on_wait: called once when another process holds the lock.
        policies: the policies of findings.toml; by default, the file is read.
        accept_loss: continue even if the warehouse holds data that the landing and the journals lack.
        without: ids of snapshots to set aside first, such as snapshots taken with a wrong clock.

    Raises:
        ConfigurationError: if a snapshot in `without` does not exist, no snapshot would be left, or
            findings.toml cannot be used.
        LossError: if data would be lost and `accept_loss` is false.
        LandingError: if a snapshot is damaged, or a journal is incomplete and `accept_loss` is false; the
            warehouse is unchanged.
        WarehouseError: if a check fails; the warehouse is unchanged.
    """
    landing = Landing(settings.storage)
    policies = policies or policy.load(settings)
    ownership.check(settings, landing.companies())
    temporary = files.temporary_for(settings.warehouse)
    with database.lock(settings.warehouse, on_wait=on_wait):
        _set_aside(landing, without)
        if accept_loss:
            losses.accept(settings)
        else:
            losses.refuse_to_rebuild(settings)
        people = rosters.recorded(settings, landing.companies())
        database.remove(temporary)
        try:
            with database.writer(temporary, on_wait=on_wait, logged=False) as connection:
                tables.create(connection)
                chains = [ingest.pending(landing.of(name), []) for name in landing.companies()]
                built = Built()
                decisions = decisions_in(connection, models, settings)
                for chain in chains:
                    for company in {snapshot.landing.company for snapshot in chain}:
                        decisions.replay(company, None)
                processor = SnapshotProcessor(connection, models, policies, people, decisions)
                unwritten = 0
                for batch in _batches(chains):
                    with timed(
                        _log, f"Building {len(batch)} snapshots from {batch[0].manifest.snapshot_id} on"
                    ):
                        processor.process(batch)
                    built.snapshots.extend(snapshot.manifest.snapshot_id for snapshot in batch)
                    unwritten += sum(snapshot.manifest.users or 0 for snapshot in batch)
                    if unwritten >= _BATCH_USERS:
                        # until a checkpoint, all replaced rows stay in memory
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
    return Built(built.snapshots, published, broken=sorted(processor.broken.values()))


def _set_aside(landing: Landing, snapshot_ids: Collection[str]) -> None:
    """Set snapshots of any company aside.

    Raises:
        ConfigurationError: if a snapshot does not exist, or no snapshot would be left.
    """
    if not snapshot_ids:
        return
    existing = {name: landing.of(name).digests().keys() for name in landing.companies()}
    for snapshot_id in snapshot_ids:
        if not any(snapshot_id in ids for ids in existing.values()):
            raise ConfigurationError(f"There is no snapshot '{shown(snapshot_id)}' in {landing.path}.")
    if not any(ids - {*snapshot_ids} for ids in existing.values()):
        raise ConfigurationError(
            "Without these snapshots, there is nothing to build from; move the home folder away instead, and"
            " the next sync starts a new history."
        )
    for name, ids in existing.items():
        if chosen := sorted(ids & {*snapshot_ids}):
            landing.of(name).set_aside(chosen)


def _batches(chains: list[list[Pending]]) -> Iterator[list[Pending]]:
    """Batches of at most one snapshot per company: all first snapshots, then all second ones.

    A batch has at most `_BATCH_USERS` users, so that it fits into memory. A snapshot is never split.
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
