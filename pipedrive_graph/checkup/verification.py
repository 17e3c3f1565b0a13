"""Runs the checks of `verify`: whether every stored file and table is intact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipedrive_graph.checkup import contents, databases, forgotten, integrity, storage
from pipedrive_graph.checkup.check import Check, Checks, all_checked, checked
from pipedrive_graph.config.alerts_file import AlertsFile
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import Settings

NOT_CHECKED = (
    "not checked: the contents of reports and exports, OAuth tokens, Dagster's own files, the metrics file,"
    " and the files that people write (`pipedrive-graph doctor` checks those)"
)

_QUICK = "; with --quick also the contents of files and the rows of tables"


def verify(
    settings: Settings, alerts: AlertsFile, companies: Sequence[Company], *, quick: bool = False
) -> Iterator[Check]:
    """Yield the results of each check; all damage is a fault.

    Args:
        settings: the settings of the home.
        alerts: alerts.toml as it was read.
        companies: the companies whose data is checked.
        quick: whether to compare only sizes and chains, without reading files and tables in full.
    """
    of_all: Checks = {
        "forget": lambda: forgotten.forget(settings, finished_by_sync=False),
        "forgotten": lambda: forgotten.deleted(settings),
        "warehouse": lambda: databases.warehouse(settings),
        "database": lambda: contents.published(settings),
        "output": lambda: storage.output(settings),
        "exports": lambda: storage.exports(settings),
        **({} if quick else {"tables": lambda: contents.tables(settings)}),
    }
    for name, check in of_all.items():
        yield from checked(name, check)
    for company in companies:
        of_one: Checks = {
            "landing": lambda: integrity.landing(settings, company, quick=quick),  # noqa: B023
            "history": lambda: databases.history(settings, company),  # noqa: B023 - called in this round
            "journal": lambda: integrity.journal(settings, company),  # noqa: B023
            "published": lambda: contents.shown(settings, company),  # noqa: B023
            "alerts": lambda: integrity.alerts(settings, alerts, company),  # noqa: B023
            "runs": lambda: integrity.runs(settings, company),  # noqa: B023
        }
        yield from all_checked(of_one, company.name)
    yield Check("scope", NOT_CHECKED + (_QUICK if quick else ""))
