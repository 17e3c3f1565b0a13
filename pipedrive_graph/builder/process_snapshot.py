"""Processes a batch of snapshots: stage, merge into the history, transform, compare peers, run the rules.

A batch is one transaction: the warehouse holds all of its tables and findings, or none of them. So an aborted
run leaves nothing to repair, and a rebuild gives the same rows as the runs did.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

from pipedrive_graph.config.policy import Policies
from pipedrive_graph.decisions.replay import Decisions
from pipedrive_graph.decisions.rosters import Rosters
from pipedrive_graph.errors import RuleError, WarehouseError
from pipedrive_graph.findings import fingerprints, rules_table
from pipedrive_graph.findings.counts import write_counts
from pipedrive_graph.findings.lifecycle import update_findings
from pipedrive_graph.peers import tables as peers
from pipedrive_graph.warehouse import database, history, ingest, policy_tables, user_addresses
from pipedrive_graph.warehouse.ingest import Pending
from pipedrive_graph.warehouse.sql_project import Models
from pipedrive_graph.warehouse.transform import finish, transform


@dataclass(slots=True)
class SnapshotProcessor:
    """Adds snapshots to an open warehouse.

    Attributes:
        broken: why a rule could not be run in at least one batch, by its qualified name.
        broken_of: the same for each company.
    """

    connection: duckdb.DuckDBPyConnection
    models: Models
    policies: Policies
    rosters: Rosters
    decisions: Decisions
    broken: dict[str, str] = field(default_factory=dict)
    broken_of: dict[str, dict[str, str]] = field(default_factory=dict)

    def process(self, batch: list[Pending]) -> dict[str, int]:
        """Add a batch of snapshots, one per company, to the history, and update all tables and findings.

        Returns:
            How many findings each rule has for the companies of the batch, by its qualified name.
        """
        accepted = [snapshot for snapshot in batch if snapshot.manifest.accepted]
        if accepted:
            ingest.load(self.connection, accepted)
            with database.transaction(self.connection):
                fingerprints.take_over(self.connection, self.models)
                # must precede staging, which never holds back a granted sensitive permission
                policy_tables.write(self.connection, self.policies)
                rules_table.write(self.connection, self.models)
            ingest.stage(self.connection, self.models, accepted)
        broken = dict(self.models.broken)
        self.broken |= broken
        for snapshot in accepted:
            self.broken_of.setdefault(snapshot.landing.company, {}).update(broken)
        while True:
            try:
                with database.transaction(self.connection):
                    ingest.register(self.connection, batch)
                    return self._process(accepted, broken) if accepted else {}
            except RuleError as error:
                # the error aborted the transaction, so repeat all of it without that rule
                broken[error.rule] = self.broken[error.rule] = str(error)
                if len(batch) > 1:
                    break
                self.broken_of.setdefault(batch[0].landing.company, {})[error.rule] = str(error)
        # a rule that fails on the rows of one company must still run for the others, so process the halves
        half = len(batch) // 2
        first, second = self.process(batch[:half]), self.process(batch[half:])
        return {name: first.get(name, 0) + second.get(name, 0) for name in first | second}

    def _process(self, batch: list[Pending], broken: dict[str, str]) -> dict[str, int]:
        history.merge(self.connection, self.models)
        lost = history.differences(self.connection)
        if lost:
            company, table, count = lost[0]
            raise WarehouseError(
                f"{count} rows of '{company}' are missing in the history of {table}; nothing was changed."
            )
        user_addresses.write(self.connection)
        self.rosters.write(self.connection, self.models)
        models = self.models.without(broken)
        transform(self.connection, models)
        peers.write_comparisons(self.connection, self.models)
        fired = update_findings(self.connection, models, broken=broken)
        self.decisions.settle()
        write_counts(self.connection, models)
        for snapshot in batch:
            self.decisions.replay(snapshot.landing.company, snapshot.manifest.snapshot_id)
        finish(self.connection)
        return fired
