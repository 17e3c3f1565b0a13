"""Checks the landing, the journal and the record of sent alerts of one company."""

from __future__ import annotations

from collections.abc import Iterator

from pipedrive_graph.alerts import state
from pipedrive_graph.checkup.check import Check, fault, undelivered, warning
from pipedrive_graph.checkup.databases import taken
from pipedrive_graph.collect.clock_check import refuse_later_snapshots
from pipedrive_graph.collect.derived import recall
from pipedrive_graph.common.text import counted
from pipedrive_graph.config.alerts_file import AlertsFile
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.home import Home
from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.decisions.losses import dated_ahead
from pipedrive_graph.errors import AlertError, ClockError, LandingError
from pipedrive_graph.landing import Landing


def landing(home: Home, company: Company, *, thorough: bool) -> Iterator[Check]:
    """Whether the chain of snapshots is intact, and all files exist with their size.

    The next sync reads the snapshots that are not in the warehouse yet, so their sha256 is compared. A
    damaged older snapshot is a warning: only a rebuild would fail.
    """
    snapshots = Landing(home.storage).of(company.name)
    try:
        refuse_later_snapshots(snapshots)
    except ClockError as error:
        yield fault("clock", error, company=company.name)
    for folder, problem in snapshots.drafts()[1]:
        text = f"The unfinished snapshot in {folder} will be set aside: {problem}. The next sync starts over."
        yield warning("landing", text, company=company.name)
    damages: list[str] = []
    recall(snapshots, on_warning=damages.append)
    for damage in damages:
        yield warning("landing", damage, company=company.name)
    chain = snapshots.chain()
    built = set(taken(home, company.name))
    damaged = 0
    for manifest, digest in chain:
        if digest not in built and manifest.accepted:
            snapshots.verify(manifest, answers_only=True)
            continue
        try:
            snapshots.verify(manifest, quick=not thorough, answers_only=True)
        except LandingError as error:
            damaged += 1
            yield warning("landing", f"{error} Until then, a rebuild fails.", company=company.name)
    if chain and not damaged:
        how = "sha256 compared" if thorough else "sizes compared"
        text = f"landing: {counted(len(chain), 'snapshot')}, {how}"
        yield Check("landing", text, company=company.name)


def journal(home: Home, company: Company) -> Iterator[Check]:
    """Whether the journal can be read; no result if there is none."""
    entries = Journal.of(home, company.name)
    count = len(entries.lines())
    if problem := dated_ahead(home, company.name):
        yield warning("journal", problem, company=company.name)
    if count:
        text = f"journal: {counted(count, 'entry', 'entries')} in {entries.path}"
        yield Check("journal", text, company=company.name)


def alerts_state(home: Home, alerts: AlertsFile, company: Company) -> Iterator[Check]:
    """Whether the record of sent alerts can be read; without it, no alerts are sent."""
    try:
        state.read(home, company.name)
    except AlertError as error:
        result = undelivered if alerts.channels_of(company.name) else warning
        yield result("alerts", error, company=company.name)
