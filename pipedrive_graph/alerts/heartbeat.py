"""Calls the address of a monitor after a run that is complete; where the calls stop, the monitor alerts.

A GET without a body, as Healthchecks, Uptime Kuma, Cronitor and others take it. Nothing about the company is
sent, and a run that is not complete sends nothing.
"""

from __future__ import annotations

from pipedrive_graph.alerts import due, file
from pipedrive_graph.alerts.channels import Patience, call
from pipedrive_graph.alerts.sender import Outcome
from pipedrive_graph.alerts.settings import Channel
from pipedrive_graph.errors import AlertError, NoSpaceError, WarehouseError
from pipedrive_graph.landing import Manifest
from pipedrive_graph.settings import Settings


def send(
    settings: Settings, company: str, manifest: Manifest | None, *, patience: Patience | None = None
) -> list[Outcome]:
    """Call each heartbeat of a company, if the run is complete: all is read, published, and every rule ran.

    Args:
        settings: alerts.toml lies in their home folder.
        company: its name in the settings.
        manifest: the snapshot of the run; None where it has none.
        patience: how long to wait for a receiver that does not answer.

    Returns:
        What came of each heartbeat.

    Raises:
        ConfigurationError: if alerts.toml cannot be used.
    """
    heartbeats = file.load(settings).heartbeats_of(company)
    if not heartbeats or manifest is None:
        return []
    try:
        published = due.look(settings.published, company)
    except (WarehouseError, NoSpaceError):
        return []  # the run says so itself
    is_complete = (
        published is not None
        and published.snapshot_id == manifest.snapshot_id
        and published.status == "complete"
        and not published.broken
    )
    return [_call(heartbeat, patience) for heartbeat in heartbeats] if is_complete else []


def _call(heartbeat: Channel, patience: Patience | None) -> Outcome:
    try:
        said = call(heartbeat, patience)
    except AlertError as error:
        return Outcome(heartbeat.name, problem=f"The heartbeat '{heartbeat.name}' was not delivered: {error}")
    return Outcome(heartbeat.name, said=said)
