"""Takes a night's snapshots into the warehouse: stage, merge, transform, compare, judge.

One snapshot is one transaction: the warehouse holds all of it, its tables and its findings, or nothing.
So a run that dies leaves nothing to repair, and a rebuild repeats exactly what the nights did.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

from pipedrive_graph.config.policy import Policies
from pipedrive_graph.decisions.replay import Decisions
from pipedrive_graph.decisions.rosters import Rosters
from pipedrive_graph.errors import RuleError, WarehouseError
from pipedrive_graph.findings import fingerprints
from pipedrive_graph.findings.counts import tally
from pipedrive_graph.findings.lifecycle import judge
from pipedrive_graph.peers import tables as peers
from pipedrive_graph.warehouse import database, history, ingest, policy_tables, user_addresses
from pipedrive_graph.warehouse.ingest import Pending
from pipedrive_graph.warehouse.sql_project import Models
from pipedrive_graph.warehouse.transform import finish, transform


@dataclass(slots=True)
class Builder:
    """Takes snapshots into an open warehouse.

    Attributes:
        broken: why a rule could not be run, in one of the batches at least, by its qualified name.
        broken_of: the same by company.
    """

    connection: duckdb.DuckDBPyConnection
    models: Models
    policies: Policies
    rosters: Rosters
    decisions: Decisions
    broken: dict[str, str] = field(default_factory=dict)
    broken_of: dict[str, dict[str, str]] = field(default_factory=dict)

    def advance(self, batch: list[Pending]) -> dict[str, int]:
        """Take a batch of snapshots, one per company, into the history, and bring everything up to date.

        Returns:
            How often each rule fires for the companies of the batch, by its qualified name.
        """
        accepted = [snapshot for snapshot in batch if snapshot.manifest.accepted]
        if accepted:
            ingest.load(self.connection, accepted)
            with database.transaction(self.connection):
                fingerprints.take_over(self.connection, self.models)
                # which permissions are sensitive decides which answers are held back
                policy_tables.write(self.connection, self.policies)
            ingest.stage(self.connection, self.models, accepted)
        broken = dict(self.models.broken)
        self.broken |= broken
        for snapshot in accepted:
            self.broken_of.setdefault(snapshot.landing.company, {}).update(broken)
        while True:
            try:
                with database.transaction(self.connection):
                    ingest.register(self.connection, batch)
                    return self._take(accepted, broken) if accepted else {}
            except RuleError as error:
                # an error spoils the transaction, so all of it is done again without that rule
                broken[error.rule] = self.broken[error.rule] = str(error)
                if len(batch) > 1:
                    break
                self.broken_of.setdefault(batch[0].landing.company, {})[error.rule] = str(error)
        # what the rows of one company have broken is run for the others, as it was in their nights
        half = len(batch) // 2
        first, second = self.advance(batch[:half]), self.advance(batch[half:])
        return {name: first.get(name, 0) + second.get(name, 0) for name in first | second}

    def _take(self, batch: list[Pending], broken: dict[str, str]) -> dict[str, int]:
        history.merge(self.connection, self.models)
        lost = history.differences(self.connection)
        if lost:
            company, table, count = lost[0]
            raise WarehouseError(
                f"{count} rows of '{company}' did not reach the history of {table}; nothing was changed."
            )
        user_addresses.write(self.connection)
        self.rosters.write(self.connection)
        models = self.models.without(broken)
        transform(self.connection, models)
        peers.fill(self.connection, self.models)
        fired = judge(self.connection, models, broken=broken)
        self.decisions.settle()
        tally(self.connection, models)
        for snapshot in batch:
            self.decisions.replay(snapshot.landing.company, snapshot.manifest.snapshot_id)
        finish(self.connection)
        return fired
