"""Deletes by age: `forget --before DATE`, and the setting `retention_days`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from pipedrive_graph.common import clock
from pipedrive_graph.common.text import counted
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.home import Home
from pipedrive_graph.config.policy import Policies
from pipedrive_graph.errors import BusyError
from pipedrive_graph.forget import run
from pipedrive_graph.forget.alerting import refuse_unpublished
from pipedrive_graph.forget.asking import rows_of
from pipedrive_graph.forget.change import Change, Forgetting, Runs
from pipedrive_graph.forget.older import older, started
from pipedrive_graph.forget.stage import OnWait
from pipedrive_graph.landing import Landing
from pipedrive_graph.landing.tombstones import Kind
from pipedrive_graph.reviews.recommendations import STILL_PRESENT
from pipedrive_graph.warehouse.sql_project import Models

SLACK = timedelta(days=1)
"""Data is removed this long after `retention_days`, so that tables are rebuilt once a day at most."""


@dataclass(frozen=True)
class Older(Forgetting):
    """Deletes snapshots that began before a time.

    Attributes:
        before: the time (UTC, timezone-aware).
        all_companies: whether these are all companies that have data.
    """

    before: datetime
    all_companies: bool = False
    kind: ClassVar[Kind] = "before"

    @property
    def runs(self) -> Runs:
        """The older runs, if all companies are selected: a run can cover several companies."""
        return Runs(before=self.before) if self.all_companies else Runs()

    def change(self, home: Home, company: str) -> Change:
        """Plan the change of a company."""
        change = older(home, company, self.before, needed=_needed(home, company))
        if change.counts:
            refuse_unpublished(home, company)
            for finding_id, rule in _events(home, company, change.dropped):
                text = f"the open event {finding_id} ({rule}) is removed with the snapshots that show it"
                change.note("remove", "open event", home.warehouse.name, text)
        return change


def apply_retention(
    home: Home, models: Models, policies: Policies, companies: Sequence[Company], *, on_wait: OnWait
) -> str | None:
    """Remove data of companies that is older than their `retention_days`.

    Args:
        home: the home folder.
        models: the files of sql/ and the custom rules.
        policies: the policies of findings.toml.
        companies: companies with the same `retention_days`, so that one rebuild suffices.
        on_wait: called once when another process holds a lock.

    Returns:
        A sentence about what was done, or why it was postponed; None if there was nothing to do.

    Raises:
        PipedriveGraphError: if it failed; everything is as it was.
    """
    (days,) = {company.retention_days for company in companies}
    if days is None:
        return None
    limit = clock.now() - timedelta(days=days)
    names = tuple(company.name for company in companies if _holds_older(home, company.name, limit - SLACK))
    if not names:
        return None
    forgetting = Older(names, limit)
    try:
        done = run.carry_out(
            home, models, policies, forgetting, reason=f"retention_days = {days}", on_wait=on_wait
        )
    except BusyError as error:
        return f"Data older than retention_days = {days} is removed by the next sync: {error}"
    removed = sum(item.action == "remove" and item.kind == "snapshot" for item in done.items)
    return (
        f"Removed {counted(removed, 'snapshot')} older than retention_days = {days}, and rebuilt warehouse,"
        " published file and reports."
    )


def _holds_older(home: Home, company: str, limit: datetime) -> bool:
    """Whether a company has snapshots from before a time, apart from the newest accepted one."""
    landing = Landing(home.storage).of(company)
    newest = landing.latest(accepted=True)
    times = [
        started(snapshot_id)
        for snapshot_id in landing.snapshot_ids()
        if newest is None or snapshot_id != newest.snapshot_id
    ]
    return any(time is not None and time < limit for time in times)


def _needed(home: Home, company: str) -> set[str]:
    """The reviews that unresolved findings refer to."""
    query = (
        "SELECT evidence FROM held.history.findings WHERE company = ? AND rule = ? AND status <> 'resolved'"
    )
    rows = rows_of(home.warehouse, query, company, STILL_PRESENT)
    return {str(json.loads(evidence).get("review_id")) for (evidence,) in rows}


def _events(home: Home, company: str, dropped: set[str]) -> list[tuple[str, str]]:
    """Unresolved events that will disappear: an event needs the two snapshots around it."""
    landing = Landing(home.storage).of(company)
    accepted = [manifest.snapshot_id for manifest in landing.newest_first() if manifest.accepted]
    oldest = min({*accepted} - dropped)
    query = (
        "SELECT finding_id, rule FROM held.history.findings"
        " WHERE company = ? AND status <> 'resolved' AND snapshot_id <= ? ORDER BY ALL"
    )
    return [(finding_id, rule) for finding_id, rule in rows_of(home.warehouse, query, company, oldest)]
