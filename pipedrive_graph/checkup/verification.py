"""Runs the checks of `verify`: whether every stored file and table is intact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipedrive_graph.checkup import contents, databases, forgotten, integrity, storage
from pipedrive_graph.checkup.check import Check, Checks, all_checked, checked
from pipedrive_graph.config.alerts_file import AlertsFile
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.home import Home

NOT_CHECKED = (
    "not checked: the contents of reports and exports, OAuth tokens, Dagster's own files, the metrics file,"
    " and the files that people write (`pipedrive-graph doctor` checks those)"
)

_QUICK = "; with --quick also the contents of files and the rows of tables"


def verify(
    home: Home, alerts: AlertsFile, companies: Sequence[Company], *, quick: bool = False
) -> Iterator[Check]:
    """Yield the results of each check; all damage is a fault.

    Args:
        home: the home folder.
        alerts: alerts.toml as it was read.
        companies: the companies whose data is checked.
        quick: whether to compare only sizes and chains, without reading files and tables in full.
    """
    of_all: Checks = {
        "forget": lambda: forgotten.forget(home, finished_by_sync=False),
        "forgotten": lambda: forgotten.deleted(home),
        "warehouse": lambda: databases.warehouse(home),
        "database": lambda: contents.published(home),
        "output": lambda: storage.output(home),
        "exports": lambda: storage.exports(home),
        **({} if quick else {"tables": lambda: contents.tables(home)}),
    }
    for name, check in of_all.items():
        yield from checked(name, check)
    for company in companies:
        of_one: Checks = {
            "landing": lambda: integrity.landing(home, company, quick=quick),  # noqa: B023
            "history": lambda: databases.history(home, company),  # noqa: B023 - called in this round
            "journal": lambda: integrity.journal(home, company),  # noqa: B023
            "published": lambda: contents.shown(home, company),  # noqa: B023
            "alerts": lambda: integrity.alerts(home, alerts, company),  # noqa: B023
            "runs": lambda: integrity.runs(home, company),  # noqa: B023
        }
        yield from all_checked(of_one, company.name)
    yield Check("scope", NOT_CHECKED + (_QUICK if quick else ""))
