"""Carries over the record of sent alerts, so that a `forget` does not send old findings again.

After a `forget`, an open finding may have a later `opened_at`: that of the oldest snapshot that is left.
Without this module, it would count as new.
"""

from __future__ import annotations

from collections.abc import Callable

from pipedrive_graph.alerts import state
from pipedrive_graph.alerts.due import Published, opened_at, read_published
from pipedrive_graph.alerts.state import SentFinding
from pipedrive_graph.builder.unpublished import published_snapshots, unpublished
from pipedrive_graph.common import files
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.forget.change import Change
from pipedrive_graph.landing import Landing


def carry_over(home: Home, staged: Home, change: Change, names: Callable[[str], bool]) -> None:
    """Write the record of sent alerts about a company for the home after the `forget`.

    Args:
        home: the current home.
        staged: the staged home.
        change: the change of the company.
        names: whether a text names the deleted person; queued notes that do are dropped.

    Raises:
        AlertError: if the file is damaged.
        WarehouseError: if a published file cannot be read.
        LandingError: if the file cannot be written.
    """
    company = change.company
    if not state.exists(home, company):
        return
    before, after = (_open(read_published(each.published, company)) for each in (home, staged))
    record = state.read(home, company)
    for memory in record.channels.values():
        memory.findings = {
            finding_id: _known(memory.findings.get(finding_id), before.get(finding_id), now)
            for finding_id, now in after.items()
            if finding_id in memory.findings or finding_id not in before
        }
        memory.waiting = [note for note in memory.waiting if not names(note.text) and not names(note.short)]
    content = record.sealed().model_dump_json(indent=1).encode()
    files.write_atomically(state.file_of(staged, company), content)


def _open(published: Published | None) -> dict[str, SentFinding]:
    """The open findings, by id."""
    return {
        listed.values["finding_id"]: SentFinding(
            opened_at=opened_at(listed.values), severity=listed.values["severity"]
        )
        for listed in (published.findings if published else [])
    }


def _known(sent: SentFinding | None, before: SentFinding | None, now: SentFinding) -> SentFinding:
    """The record of a finding after the `forget`; changes that were not sent yet stay due."""
    if sent is None or before is None:
        return now
    return SentFinding(
        opened_at=now.opened_at if sent.opened_at == before.opened_at else sent.opened_at,
        severity=sent.severity if before.severity == now.severity else now.severity,
    )


def refuse_unpublished(home: Home, company: str) -> None:
    """Refuse while the newest snapshot is not published: its new findings would not be recognised as new.

    Raises:
        WarehouseError: if it is not published; names the command to run first.
    """
    shown = published_snapshots(home.published)
    newest = unpublished(Landing(home.storage).of(company), shown)
    if newest is not None:
        raise WarehouseError(
            f"Snapshot {newest.snapshot_id} of '{company}' is not published yet: run sync, or"
            " `pipedrive-graph rebuild`, then try again. Nothing was removed."
        )
