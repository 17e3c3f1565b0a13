"""Selects a company's data from before a time: snapshots, and journal lines that are no longer needed.

The newest accepted snapshot stays, however old it is, because it is the current state. Journal lines about
remaining snapshots stay. Of the older lines, the newest waivers and the newest roster stay, and a review with
its decisions stays if it is open, was decided later, or has an unresolved finding.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime

from pipedrive_graph.config.home import Home
from pipedrive_graph.decisions import rosters
from pipedrive_graph.decisions.finding_handlers import ACKNOWLEDGED, WAIVERS
from pipedrive_graph.decisions.journal import Entry, Journal
from pipedrive_graph.decisions.replay import placed
from pipedrive_graph.decisions.review_handlers import DECIDED, OPENED, recall
from pipedrive_graph.forget.change import Change
from pipedrive_graph.landing import Landing
from pipedrive_graph.landing.records import SNAPSHOT_ID


def older(home: Home, company: str, before: datetime, *, needed: Collection[str] = ()) -> Change:
    """Plan which old data is removed, and which stays.

    Args:
        home: the home folder.
        company: its name.
        before: snapshots that began before this time are removed (UTC, timezone-aware).
        needed: the ids of decided reviews that must stay.

    Raises:
        LandingError: if a manifest or the journal is damaged.
    """
    change = Change(company)
    landing = Landing(home.storage).of(company)
    newest = landing.latest(accepted=True)
    counted = landing.digests()
    aside = landing.set_aside_digests()
    for snapshot_id in landing.snapshot_ids():
        started_at = started(snapshot_id)
        if started_at is None or started_at >= before:
            continue
        path = f"landing/{company}/{snapshot_id}"
        if newest and snapshot_id == newest.snapshot_id:
            text = f"the newest accepted snapshot, of {started_at:%Y-%m-%d}, stays: it is the current state"
            change.note("keep", "snapshot", path, text)
            continue
        change.dropped.add(snapshot_id)
        kind = "snapshot" if snapshot_id in counted else "unfinished snapshot"
        kind = "snapshot that was set aside" if snapshot_id in aside else kind
        change.note("remove", kind, path, f"{kind} of {started_at:%Y-%m-%d %H:%M} UTC")
    if change.dropped:
        _choose_entries(home, change, {*counted} - change.dropped, {*needed})
    return change


def started(snapshot_id: str) -> datetime | None:
    """The start of a snapshot, from its id; None if a folder is not a snapshot."""
    try:
        return datetime.strptime(snapshot_id, SNAPSHOT_ID).replace(tzinfo=UTC)
    except ValueError:
        return None


def _choose_entries(home: Home, change: Change, remaining: set[str], needed: set[str]) -> None:
    """Select the journal lines that stay; an old line that stays applies from the first snapshot on."""
    company = change.company
    journal = Journal.of(home, company)
    written = journal.lines()
    lines = placed(written, Landing(home.storage).of(company).before_set_aside())
    old = [line for line in lines if line.snapshot_id not in remaining]
    newest = {line.kind: line.number for line in old}
    reviews = _reviews(home, company, lines, {line.number for line in old}) | needed
    stays = []
    for line, as_written in zip(lines, written, strict=True):
        review = line.content.get("review_id")
        if line.kind in {OPENED, DECIDED}:
            keep = review in reviews
        elif line.snapshot_id in remaining:
            keep = True
        elif line.kind == rosters.KIND:
            keep = newest[line.kind] == line.number and line.content.get("sha256") is not None
        else:
            keep = line.kind != ACKNOWLEDGED and (line.kind != WAIVERS or newest[line.kind] == line.number)
        if not keep:
            text = f"line {line.number}, {line.kind}, of {line.at:%Y-%m-%d}"
            change.note("remove", "journal entry", f"journal/{journal.path.name}", text)
        elif line.snapshot_id in remaining:
            gone = as_written.snapshot_id in change.dropped
            stays.append(line if gone else as_written)
        else:
            stays.append(replace(line, snapshot_id=None))
    change.entries = stays
    removed = {line.number for line in written} - {line.number for line in stays}
    for line in written:
        if line.number in removed and line.kind == OPENED:
            path = f"journal/{company}.reviews/{line.content['review_id']}.json.gz"
            change.note("remove", "review", path, f"the decided review of {line.at:%Y-%m-%d}")


def _reviews(home: Home, company: str, lines: list[Entry], old: set[int]) -> set[str]:
    """The reviews that stay: open ones, and those with a recent journal line."""
    lost = Journal.of(home, company).lost()
    decided: dict[str, set[str]] = {}
    for line in lines:
        if line.kind == DECIDED:
            rows = {decision["row_id"] for decision in line.content["decisions"]}
            decided.setdefault(line.content["review_id"], set()).update(rows)
    stays = {
        line.content["review_id"]
        for line in lines
        if line.kind in {OPENED, DECIDED} and line.number not in old
    }
    for line in lines:
        known_by = line.content.get("review_id")
        if line.kind != OPENED or known_by in stays or line.content["sha256"] in lost:
            continue
        items = recall(home, company, str(known_by), line.content["sha256"]).items
        if {item.row_id for item in items} - decided.get(str(known_by), set()):
            stays.add(str(known_by))
    return stays
