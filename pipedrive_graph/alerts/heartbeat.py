"""Calls the address of a monitor after a run that is complete; where the calls stop, the monitor alerts.

A GET without a body, as Healthchecks, Uptime Kuma, Cronitor and others take it. Nothing about the company is
sent, and a run that is not complete sends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipedrive_graph.alerts import due
from pipedrive_graph.alerts.channels import Patience, call
from pipedrive_graph.alerts.sender import Outcome
from pipedrive_graph.config.alert_channels import Channel
from pipedrive_graph.errors import AlertError, NoSpaceError, WarehouseError
from pipedrive_graph.landing import Manifest


def send(
    heartbeats: Sequence[Channel],
    published: Path,
    company: str,
    manifest: Manifest | None,
    *,
    patience: Patience | None = None,
) -> list[Outcome]:
    """Call heartbeats, if the run is complete: all is read, published, and every rule ran.

    Args:
        heartbeats: those of the company.
        published: the published file.
        company: its name in the settings.
        manifest: the snapshot of the run; None where it has none.
        patience: how long to wait for a receiver that does not answer.

    Returns:
        What came of each heartbeat.
    """
    if not heartbeats or manifest is None:
        return []
    try:
        shown = due.look(published, company)
    except (WarehouseError, NoSpaceError):
        return []  # the run says so itself
    is_complete = (
        shown is not None
        and shown.snapshot_id == manifest.snapshot_id
        and shown.status == "complete"
        and not shown.broken
    )
    return [_call(heartbeat, patience) for heartbeat in heartbeats] if is_complete else []


def _call(heartbeat: Channel, patience: Patience | None) -> Outcome:
    try:
        said = call(heartbeat, patience)
    except AlertError as error:
        return Outcome(heartbeat.name, problem=f"The heartbeat '{heartbeat.name}' was not delivered: {error}")
    return Outcome(heartbeat.name, said=said)
