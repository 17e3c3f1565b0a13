"""Calls the address of a monitor after each complete run; when the calls stop, the monitor alerts.

The call is a GET without a body, which Healthchecks, Uptime Kuma, Cronitor and others accept. It sends
nothing about the company. A run that is not complete sends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipedrive_graph.alerts import due
from pipedrive_graph.alerts.channels import RetryPolicy, call
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
    policy: RetryPolicy | None = None,
) -> list[Outcome]:
    """Call the heartbeats if the run is complete: everything is read and published, and every rule ran.

    Args:
        heartbeats: the heartbeats of the company.
        published: the published file.
        company: its name in the settings.
        manifest: the snapshot of the run; None if it made none.
        policy: the retry policy.

    Returns:
        The outcome of each heartbeat.
    """
    if not heartbeats or manifest is None:
        return []
    try:
        shown = due.read_published(published, company)
    except (WarehouseError, NoSpaceError):
        return []  # the run reports this itself
    is_complete = (
        shown is not None
        and shown.snapshot_id == manifest.snapshot_id
        and shown.status == "complete"
        and not shown.broken
    )
    return [_call(heartbeat, policy) for heartbeat in heartbeats] if is_complete else []


def _call(heartbeat: Channel, policy: RetryPolicy | None) -> Outcome:
    try:
        reply = call(heartbeat, policy)
    except AlertError as error:
        return Outcome(heartbeat.name, problem=f"The heartbeat '{heartbeat.name}' was not delivered: {error}")
    return Outcome(heartbeat.name, reply=reply)
