"""Runs the checks of `doctor`: first the installation, then each company."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.checkup import api, configuration, databases, forgotten, snapshots, storage
from pipedrive_graph.checkup.check import Check, Checks, all_checked, checked
from pipedrive_graph.config.company import Company


def examine(
    loaded: Configuration, companies: Sequence[Company], *, thorough: bool = False
) -> Iterator[Check]:
    """Yield the results of each check.

    Args:
        loaded: the configuration files of the home folder.
        companies: the companies that the next sync will collect.
        thorough: whether to read every file of every snapshot, and compare its sha256.
    """
    settings = loaded.settings
    of_all: Checks = {
        "home": lambda: storage.folder(settings),
        "forget": lambda: forgotten.forget(settings, finished_by_sync=True),
        "files": lambda: storage.files_of(settings, companies),
        "output": lambda: storage.output(settings),
        "space": lambda: storage.space(settings),
        "database": lambda: databases.published(settings),
        "warehouse": lambda: databases.warehouse(settings),
        "collected": lambda: forgotten.uncollected(settings, settings.names),
        "rules": lambda: configuration.rules(loaded),
        "waivers": lambda: configuration.waivers_file(loaded),
        "alerts": lambda: configuration.alerts(loaded.alerts, settings.folder),
        "reviews": lambda: configuration.owners_of_roles(loaded),
    }
    for name, check in of_all.items():
        if name == "collected" and not settings.listed:
            continue  # a variable names one company, and other processes may have another
        yield from checked(name, check)
    for company in companies:
        of_one: Checks = {
            "history": lambda: databases.history(settings, company),  # noqa: B023 - called in this round
            "landing": lambda: snapshots.landing(settings, company, thorough=thorough),  # noqa: B023
            "journal": lambda: snapshots.journal(settings, company),  # noqa: B023
            "alerts": lambda: snapshots.alerts_state(settings, loaded.alerts_file, company),  # noqa: B023
            "secrets": lambda: configuration.secrets_of(company),  # noqa: B023
            "roster": lambda: configuration.roster_of(company),  # noqa: B023
            "pipedrive": lambda: iter(api.answers(settings, company)),  # noqa: B023
        }
        yield from all_checked(of_one, company.name)
