"""Chooses the channels while alerts.toml cannot be used: the last that worked, else those that can be read.

When alerts.toml can be read and all its variables are set, it is copied to `alerts/last_alerts.toml` in the
home folder, below a line with its sha256. So a secret that was pasted in place of a variable's name is not
copied. The fallback channels get alerts about the run but no findings: only the broken file says which
channels may receive those.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pipedrive_graph.common import files, locks
from pipedrive_graph.config import alerts_file
from pipedrive_graph.config.alert_channels import Alerts, Channel, Event
from pipedrive_graph.config.alerts_file import AlertsFile
from pipedrive_graph.errors import AlertError, ConfigurationError

_BEGINNING = "# sha256: "


def current(alerts_file: AlertsFile, home: Path) -> tuple[Alerts, ConfigurationError | None]:
    """The alerts that alerts.toml configures; if it cannot be used, fallback channels, and why it cannot.

    Args:
        alerts_file: the file as it was read; if it can be used, it is copied.
        home: the home folder, which holds the copy.

    Raises:
        LandingError: if the copy cannot be written.
    """
    alerts = alerts_file.alerts
    if alerts_file.problem is not None:
        return _restricted(_last(home) or alerts), alerts_file.problem
    if all(map(_has_secret, (*alerts.channels, *alerts.heartbeats))):
        _keep(alerts_file.text, home)
    return alerts, None


def exists(home: Path) -> bool:
    """Whether alerts.toml was copied."""
    return _path(home).exists()


def check(home: Path) -> None:
    """Check the copy against its sha256.

    Raises:
        AlertError: if it is damaged.
    """
    if exists(home) and _copied(home) is None:
        raise AlertError(f"{_path(home)} is damaged; the next run that sends alerts replaces it.")


def _has_secret(channel: Channel) -> bool:
    """Whether the variable that a channel names is set; true if it names none."""
    try:
        channel.secret()
    except AlertError:
        return False
    return True


def _keep(text: str | None, home: Path) -> None:
    """Copy alerts.toml if it has changed; remove the copy if the file does not exist."""
    path = _path(home)
    if text is None:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
    elif _copied(home) != text:
        # runs of several companies may write this file at the same time
        with locks.lock(path.with_name(".last_alerts.lock"), doing="sending alerts", on_wait=lambda _: None):
            sha256 = hashlib.sha256(text.encode()).hexdigest()
            files.write_atomically(path, f"{_BEGINNING}{sha256}\n{text}".encode())


def _last(home: Path) -> Alerts | None:
    """The last alerts.toml that could be used; None if none ever could."""
    text = _copied(home)
    try:
        return None if text is None else alerts_file.parse(text, _path(home), companies=None)
    except ConfigurationError:
        return None


def _copied(home: Path) -> str | None:
    """The copied text; None if there is none, or it is damaged."""
    try:
        first, _, text = _path(home).read_bytes().decode().partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    intact = first == f"{_BEGINNING}{hashlib.sha256(text.encode()).hexdigest()}"
    return text if intact else None


def _restricted(alerts: Alerts) -> Alerts:
    return replace(alerts, channels=tuple(map(_without_findings, alerts.channels)))


def _without_findings(channel: Channel) -> Channel:
    return replace(channel, on=tuple(event for event in channel.on if event is not Event.NEW_FINDINGS))


def _path(home: Path) -> Path:
    return home / "alerts" / "last_alerts.toml"
