"""Loads the settings for a command that runs unattended: a mistake in them is also sent as an alert."""

from __future__ import annotations

from pipedrive_graph import settings as settings_module
from pipedrive_graph.alerts import send
from pipedrive_graph.cli.frame import say
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.settings import Settings


def load_settings() -> Settings:
    """Load the settings.

    Raises:
        ConfigurationError: if they cannot be used; the alert about it is sent by then.
    """
    try:
        return settings_module.load()
    except ConfigurationError as error:
        from pipedrive_graph.orchestration.configuration import known_settings  # imports all of SQL

        report(known_settings(), error)
        raise


def report(settings: Settings, error: ConfigurationError) -> None:
    """Send an alert about a mistake, and say on stderr what could not be sent."""
    for sentence in send.problems(send.misconfigured(settings, error, wait=say)):
        say(f"Warning: {sentence}")
