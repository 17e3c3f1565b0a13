"""Several runs of a company, with only the rules that matter for changes by Pipedrive."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from installation import MODELS, CommandResult, Installation, rebuild
from published import query

from pipedrive_graph.config.company import Collect
from pipedrive_graph.simulator.model import Company
from pipedrive_graph.simulator.server import Simulator
from pipedrive_graph.warehouse.sql_project import Models

EVENT = "vendor_change"

CONCERNED = {
    EVENT, "admin_granted", "mass_change", "missing_permission", "permission_set_changed",
    "sensitive_permission", "sensitive_permission_granted", "unexplained_permission",
}  # fmt: skip


def concerned() -> Models:
    """The rules that such a change affects; a run with all rules takes twice as long."""
    others = [rule for rule in MODELS.of("rules") if rule.name not in CONCERNED]
    return MODELS.without([rule.qualified for rule in others])


@dataclass
class Nights:
    """A company and its runs."""

    installation: Installation
    simulator: Simulator
    plan: Collect | None = None
    number: int = 0

    @property
    def company(self) -> Company:
        return self.simulator.company

    @property
    def event(self) -> tuple[str, str, None]:
        """The finding about a change by Pipedrive."""
        return (EVENT, str(self.company.id), None)

    @property
    def ordinary(self) -> list[int]:
        """Active users without admin rights."""
        people = self.company.users.values()
        return [user.id for user in people if user.active and user.created and not user.admin_apps]

    def next_day(self) -> None:
        self.number += 1
        moment = f"2026-11-{self.number:02d}T02:00:00+00:00"
        self.installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = moment

    def sync(self) -> CommandResult:
        """Run a night with the command `sync`."""
        self.next_day()
        return self.installation.command("sync", "--json")

    def night(self) -> set[tuple[Any, ...]]:
        """Run a night; return the open findings: rule, subject and object."""
        self.next_day()
        self.installation.night(plan=self.plan)
        return {*self.query("SELECT rule, subject_id, object FROM findings WHERE status = 'open'")}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return query(self.installation.published, sql)

    def rebuilds_the_same(self) -> None:
        """Compare the result of a rebuild with the result of the nights."""
        found = "finding_id, rule, subject_id, object, first_seen, last_seen, status, title, evidence"
        tables = {
            "findings": found,
            "vendor_changes": "*",
            "user_permissions_history": "*",
            "user_permissions": "*",
            "access_changes": "*",
        }
        read = [f"SELECT {columns} FROM {table} ORDER BY ALL" for table, columns in tables.items()]  # noqa: S608
        before = [self.query(sql) for sql in read]
        rebuild(self.installation.settings, self.installation.models)
        assert [self.query(sql) for sql in read] == before

    def evidence(self) -> dict[str, Any]:
        ((found,),) = self.query("SELECT evidence FROM findings WHERE rule = 'vendor_change'")
        evidence: dict[str, Any] = json.loads(found)
        return evidence
