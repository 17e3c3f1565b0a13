"""Loads the configuration for a command that runs unattended: a mistake in them is also sent as an alert."""

from __future__ import annotations

from collections.abc import Sequence

from pipedrive_graph.alerts import send
from pipedrive_graph.builder import configuration as config
from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.cli.runner import say
from pipedrive_graph.config.known import known_names, known_settings
from pipedrive_graph.errors import ConfigurationError


def load_configuration() -> Configuration:
    """Load the configuration.

    Raises:
        ConfigurationError: if they cannot be used; the alert about it is sent by then.
    """
    try:
        return config.load()
    except ConfigurationError as error:
        report(Configuration(known_settings()), error)
        raise


def known_companies(chosen: Sequence[str]) -> list[str | None]:
    """The companies about which a mistake in the settings is reported; one that is None where none is known.

    Args:
        chosen: those that were asked for; where none was, all.
    """
    known = known_names()
    return [*(name for name in known if not chosen or name in chosen)] or [None]


def report(configuration: Configuration, error: ConfigurationError) -> None:
    """Send an alert about a mistake, and say on stderr what could not be sent."""
    outcomes = send.misconfigured(configuration.settings, configuration.alerts_file, error, on_wait=say)
    for sentence in send.problems(outcomes):
        say(f"Warning: {sentence}")
