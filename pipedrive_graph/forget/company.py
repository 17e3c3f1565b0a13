"""Forgetting a company: everything that is kept of it, as long as the settings no longer name it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipedrive_graph.common.text import counted, printable
from pipedrive_graph.config.company import COMPANIES_FILE
from pipedrive_graph.config.settings import COMPANY_VARIABLE, Settings
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
    """Forget everything of one company."""

    kind: ClassVar[Kind] = "company"

    def change(self, settings: Settings, company: str) -> Change:
        """What is done to the company.

        Raises:
            ConfigurationError: if the settings still name it.
        """
        if any(each.name == company for each in settings.companies):
            file = settings.home / COMPANIES_FILE
            place = file if file.exists() else f"The variable {COMPANY_VARIABLE}"
            raise ConfigurationError(
                f"{place} still names the company '{company}': the next sync would collect it again. Take it"
                " out there first, then try again."
            )
        change = Change(company, whole=True)
        landing = Landing(settings.storage).of(company)
        change.dropped = {*landing.snapshot_ids()}
        for path in _paths(settings, company):
            change.note("remove", _kind(path, settings), _below(path, settings), "all of it")
        if company in _published(settings) and not change.counts:
            change.note("remove", "database", settings.published.name, "its rows")
        change.counts["snapshot removed"] = len(change.dropped)
        change.counts["journal entry removed"] = Journal.of(settings, company).mark().lines
        return change

    @property
    def runs(self) -> Runs:
        """The company's runs."""
        return Runs(company=self.companies[0])

    def others(self, settings: Settings) -> Iterator[Item]:
        """Lines of the files that people write which name the company: sync refuses them now."""
        for company in self.companies:
            yield from mentions(settings, (f'"{company}"', f"'{company}'", f"[{company}]"))

    def removed(self, settings: Settings) -> Iterable[str]:
        """Its tokens, the state of its alerts and the record of its runs.

        The list of companies that are gone is exchanged.
        """
        for company in self.companies:
            yield from (f"{folder}/{company}.json" for folder in ("tokens", "alerts", "runs"))
            yield f"reports/{company}"
        yield f"landing/{FORGOTTEN}"


def with_data(settings: Settings) -> list[str]:
    """The companies of which anything is kept, in the settings or not."""
    names = {*Landing(settings.storage).companies(), *_published(settings)}
    for folder, ending in (("journal", ".ndjson"), ("tokens", ".json")):
        names |= {path.name.removesuffix(ending) for path in (settings.home / folder).glob(f"[!.]*{ending}")}
    return sorted(names)


def not_collected(settings: Settings) -> list[str]:
    """The companies of which snapshots are kept, and that companies.toml no longer names.

    Without that file nothing is known about it: a variable names one company, and another process another.
    """
    if not settings.listed:
        return []
    named = {company.name for company in settings.companies}
    landing = Landing(settings.storage)
    return [name for name in landing.companies() if name not in named and landing.of(name).digests()]


def advice(company: str) -> str:
    """What to do about a company that is no longer collected."""
    return (
        f"'{printable(company)}' is no longer in {COMPANIES_FILE} and is not collected; what is known"
        f" about it stays published. `pipedrive-graph forget --company {printable(company)}` deletes it."
    )


def _paths(settings: Settings, company: str) -> list[Path]:
    journal = [settings.journal / name for name in seal.names(company)]
    paths = [
        settings.landing / company,
        *journal,
        settings.reports / company,
        *(settings.home / folder / f"{company}.json" for folder in ("alerts", "runs", "tokens")),
    ]
    return [path for path in paths if path.exists()]


def _kind(path: Path, settings: Settings) -> str:
    kinds = {
        "landing": "landing",
        "journal": "journal",
        "reports": "report",
        "alerts": "alert state",
        "runs": "record of runs",
        "tokens": "token",
    }
    return kinds[path.relative_to(settings.home).parts[0]]


def _below(path: Path, settings: Settings) -> str:
    text = path.relative_to(settings.home).as_posix()
    if path.parent == settings.landing:
        snapshots = sum(folder.is_dir() for folder in path.iterdir())
        return f"{text} ({counted(snapshots, 'snapshot')})"
    return text


def _published(settings: Settings) -> set[str]:
    """The companies that the published file shows; none where it cannot be read."""
    return {name for (name,) in rows_of(settings.published, "SELECT DISTINCT company FROM held.snapshots")}
