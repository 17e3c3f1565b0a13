"""Deletes all data of a company that is no longer in the settings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipedrive_graph.common.text import counted, printable
from pipedrive_graph.config.company import COMPANIES_FILE
from pipedrive_graph.config.home import Home
from pipedrive_graph.config.settings import COMPANY_VARIABLE
from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.forget import seal
from pipedrive_graph.forget.asking import rows_of
from pipedrive_graph.forget.change import Change, Forgetting, Item, Runs
from pipedrive_graph.forget.written import mentions
from pipedrive_graph.landing import Landing
from pipedrive_graph.landing.tombstones import FORGOTTEN, Kind


@dataclass(frozen=True)
class WholeCompany(Forgetting):
    """Deletes everything of one company.

    Attributes:
        configured: the names of the companies in the settings.
        rosters: the rosters that the settings name.
    """

    configured: Collection[str]
    rosters: tuple[Path, ...]
    kind: ClassVar[Kind] = "company"

    def change(self, home: Home, company: str) -> Change:
        """Plan the change of the company.

        Raises:
            ConfigurationError: if the settings still name it.
        """
        if company in self.configured:
            file = home.folder / COMPANIES_FILE
            place = file if file.exists() else f"The variable {COMPANY_VARIABLE}"
            raise ConfigurationError(
                f"{place} still names the company '{company}': the next sync would collect it again."
                " Remove it there first, then try again."
            )
        change = Change(company, whole=True)
        landing = Landing(home.storage).of(company)
        change.dropped = {*landing.snapshot_ids()}
        for path in _paths(home, company):
            change.note("remove", _kind(path, home), _below(path, home), "everything in it")
        if company in _published(home) and not change.counts:
            change.note("remove", "database", home.published.name, "its rows")
        change.counts["snapshot removed"] = len(change.dropped)
        change.counts["journal entry removed"] = Journal.of(home, company).mark().lines
        return change

    @property
    def runs(self) -> Runs:
        """The company's runs."""
        return Runs(company=self.companies[0])

    def others(self, home: Home) -> Iterator[Item]:
        """The lines in files of settings that name the company: from now on, sync refuses them."""
        for company in self.companies:
            yield from mentions(home, self.rosters, (f'"{company}"', f"'{company}'", f"[{company}]"))

    def removed(self, home: Home) -> Iterable[str]:
        """Its tokens, its reports, its record of alerts and its record of runs.

        The list of tombstones is replaced.
        """
        for company in self.companies:
            yield from (f"{folder}/{company}.json" for folder in ("tokens", "alerts", "runs"))
            yield f"reports/{company}"
        yield f"landing/{FORGOTTEN}"


def with_data(home: Home) -> list[str]:
    """The companies with any stored data, whether or not they are in the settings."""
    names = {*Landing(home.storage).companies(), *_published(home)}
    for folder, ending in (("journal", ".ndjson"), ("tokens", ".json")):
        names |= {path.name.removesuffix(ending) for path in (home.folder / folder).glob(f"[!.]*{ending}")}
    return sorted(names)


def not_collected(home: Home, configured: Collection[str]) -> list[str]:
    """The companies that have snapshots but are not among the configured ones."""
    landing = Landing(home.storage)
    return [name for name in landing.companies() if name not in configured and landing.of(name).digests()]


def advice(company: str) -> str:
    """A sentence about a company that is no longer collected, with the command that deletes it."""
    return (
        f"'{printable(company)}' is no longer in {COMPANIES_FILE} and is not collected; its data stays"
        f" published. `pipedrive-graph forget --company {printable(company)}` deletes it."
    )


def _paths(home: Home, company: str) -> list[Path]:
    journal = [home.journal / name for name in seal.names(company)]
    paths = [
        home.landing / company,
        *journal,
        home.reports / company,
        *(home.folder / folder / f"{company}.json" for folder in ("alerts", "runs", "tokens")),
    ]
    return [path for path in paths if path.exists()]


def _kind(path: Path, home: Home) -> str:
    kinds = {
        "landing": "landing",
        "journal": "journal",
        "reports": "report",
        "alerts": "alert state",
        "runs": "record of runs",
        "tokens": "token",
    }
    return kinds[path.relative_to(home.folder).parts[0]]


def _below(path: Path, home: Home) -> str:
    text = path.relative_to(home.folder).as_posix()
    if path.parent == home.landing:
        snapshots = sum(folder.is_dir() for folder in path.iterdir())
        return f"{text} ({counted(snapshots, 'snapshot')})"
    return text


def _published(home: Home) -> set[str]:
    """The companies in the published file; none if it cannot be read."""
    return {name for (name,) in rows_of(home.published, "SELECT DISTINCT company FROM held.snapshots")}
