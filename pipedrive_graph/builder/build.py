"""Builds the warehouse and the published graph, from pending snapshots or (`rebuild`) from all snapshots."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import zip_longest

import duckdb

from pipedrive_graph.builder.batch import BatchWork
from pipedrive_graph.builder.built import Batch, Built, left_out, unreadable
from pipedrive_graph.builder.process_snapshot import SnapshotProcessor
from pipedrive_graph.common import files
from pipedrive_graph.common.pasted import shown
from pipedrive_graph.common.timed import timed
from pipedrive_graph.config import leftovers, ownership
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.home import Home
from pipedrive_graph.config.policy import Policies
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


def build_batch(
    home: Home,
    models: Models,
    policies: Policies,
    waivers: Waivers,
    companies: Sequence[Company],
    *,
    on_wait: Callback,
) -> Batch:
    """Add the new snapshots of these companies to the warehouse, and remove old temporary files.

    One transaction holds at most one snapshot of each company. An error in one company's snapshots, journal
    or roster affects only that company.

    Args:
        home: the home folder.
        models: the models of sql/ and the custom rules.
        policies: the policies of findings.toml.
        waivers: the waivers of waivers.toml.
        companies: the companies to build.
        on_wait: called once when another process holds the lock.

    Raises:
        BusyError: if another process writes for too long.
        NoSpaceError: if the disk is full.
        WarehouseError: if the warehouse cannot be used, or there is not enough memory.
    """
    with losses.advised(home), database.writer(home.warehouse, on_wait=on_wait) as connection:
        names = [company.name for company in companies]
        leftovers.remove(home, names)
        leftovers.close_folders(home, names)
        tables.create(connection)
        decisions = decisions_in(connection, models, home)
        work = BatchWork(home, connection, decisions, waivers)
        for company in companies:
            work.prepare(company)
        processor = SnapshotProcessor(connection, models, policies, work.rosters, decisions)
        fired: dict[str, int] = {}
        for batch in _batches(list(work.pending.values())):
            fired = work.process(processor, batch) or fired
        for name in names:
            work.finish(name)
        built = {
            name: Built(
                snapshots=work.taken[name],
                unreadable=unreadable(connection, name),
                left_out=left_out(connection, name),
                broken=sorted(processor.broken_of.get(name, {}).values()),
                unusable=work.rosters.problems_of(name),
                waivers=notices(connection, name) if work.taken[name] else [],
            )
            for name in names
            if name not in work.failed
        }
    failed = {company: losses.with_advice(home, error) for company, error in work.failed.items()}
    has_grown = any(work.taken.values())
    loose = database.compact(home.warehouse, on_wait=on_wait) if has_grown else None
    return Batch(built, failed, fired, loose)


def take_over(home: Home, models: Models, policies: Policies, *, on_message: Callback) -> None:
    """Rebuild the warehouse before a run if another version made it.

    If the rebuild would lose data, the warehouse stays as it is, and the build reports the problem.

    Raises:
        PipedriveGraphError: as `rebuild` does.
    """
    if not home.warehouse.is_file():
        return
    try:
        tables.check(home.warehouse)
    except duckdb.Error:
        return  # damaged, or another process writes it
    except OtherVersionError as error:
        if losses.losses(home) == []:
            on_message(f"{error} It is rebuilt from the landing and the journal.")
            rebuild(home, models, policies, on_wait=on_message)


def publish(home: Home, models: Models, *, on_wait: Callback) -> dict[str, int]:
    """Write the published file from the warehouse.

    Returns:
        Rows by table.

    Raises:
        WarehouseError: if a check fails; the published file is unchanged.
    """
    with losses.advised(home), database.writer(home.warehouse, on_wait=on_wait) as connection:
        return publish_file(connection, models, home.publication)


def rebuild(
    home: Home,
    models: Models,
    policies: Policies,
    *,
    on_wait: Callback,
    accept_loss: bool = False,
    without: Collection[str] = (),
) -> Built:
    """Build a new warehouse from the landing and the journals, and publish it.

    Snapshots are processed in rounds: the first snapshot of every company, then the second of every company.

    Args:
        home: the home folder.
        models: the models of sql/ and the custom rules.
        policies: the policies of findings.toml.
        on_wait: called once when another process holds the lock.
        accept_loss: continue even if the warehouse holds data that the landing and the journals lack.
        without: ids of snapshots to set aside first, such as snapshots taken with a wrong clock.

    Raises:
        ConfigurationError: if a snapshot in `without` does not exist, or no snapshot would be
            left.
        LossError: if data would be lost and `accept_loss` is false.
        LandingError: if a snapshot is damaged, or a journal is incomplete and `accept_loss` is false; the
            warehouse is unchanged.
        WarehouseError: if a check fails; the warehouse is unchanged.
    """
    landing = Landing(home.storage)
    ownership.check(home, landing.companies())
    temporary = files.temporary_for(home.warehouse)
    with database.lock(home.warehouse, on_wait=on_wait):
        _set_aside(landing, without)
        if accept_loss:
            losses.accept(home)
        else:
            losses.refuse_to_rebuild(home)
        people = rosters.recorded(home, landing.companies())
        database.remove(temporary)
        try:
            with database.writer(temporary, on_wait=on_wait, logged=False) as connection:
                tables.create(connection)
                chains = [ingest.pending(landing.of(name), []) for name in landing.companies()]
                built = Built()
                decisions = decisions_in(connection, models, home)
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
                        f"There are no snapshots in {home.landing}; nothing to rebuild from."
                    )
                connection.execute("CHECKPOINT")
                published = publish_file(connection, models, home.publication)
            database.put_in_place(temporary, home.warehouse)
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
