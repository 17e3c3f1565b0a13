"""Loads the configuration of commands that run unattended; a mistake in it is also sent as an alert."""

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
        ConfigurationError: if it cannot be used; the alert about that was sent before.
    """
    try:
        return config.load()
    except ConfigurationError as error:
        report(Configuration(known_settings()), error)
        raise


def known_companies(chosen: Sequence[str]) -> list[str | None]:
    """The companies to report a mistake in the settings for; `[None]` if no company is known.

    Args:
        chosen: the companies that the user chose; empty for all.
    """
    known = known_names()
    return [*(name for name in known if not chosen or name in chosen)] or [None]


def report(configuration: Configuration, error: ConfigurationError) -> None:
    """Send an alert about a mistake, and print deliveries that failed to stderr."""
    settings = configuration.settings
    outcomes = send.misconfigured(
        settings, configuration.alerts_file, error, companies=settings.names, on_wait=say
    )
    for sentence in send.problems(outcomes):
        say(f"Warning: {sentence}")
