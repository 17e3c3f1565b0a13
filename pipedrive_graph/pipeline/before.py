"""The steps before companies are collected: check files, finish a `forget`, upgrade an old warehouse."""

from __future__ import annotations

from collections.abc import Callable

from pipedrive_graph.builder import build
from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.config import ownership
from pipedrive_graph.config.email_domains import public_providers
from pipedrive_graph.forget.stage import resume
from pipedrive_graph.reports.access import page

Warn = Callable[[str], None]


def check(configuration: Configuration) -> None:
    """Check the files that a run needs, before anything is requested.

    Raises:
        ConfigurationError: if findings.toml, the folder of custom rules, waivers.toml or alerts.toml cannot
            be used.
        ModelError: if a file of sql/ cannot be used.
    """
    _ = configuration.models, configuration.waivers, configuration.alerts


def warm_up() -> None:
    """Do slow one-time work of later steps while the process waits for responses."""
    page.prepare()
    public_providers()


def prepare(configuration: Configuration, *, on_warning: Warn) -> None:
    """Finish an interrupted `forget`, and take over the warehouse of an earlier version.

    Raises:
        LandingError: if this user cannot access a file or folder of all companies.
        PipedriveGraphError: if it fails; everything stays as it was.
    """
    settings = configuration.settings
    ownership.check(settings, [])
    finished = resume(settings, on_wait=on_warning)
    if finished:
        on_warning(finished)
    build.take_over(settings, configuration.models, configuration.policies, on_message=on_warning)
