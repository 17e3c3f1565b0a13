"""Deletes a person from all snapshots, the journal, rosters, reviews and the record of alerts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import filterfalse
from pathlib import Path
from typing import ClassVar

from pipedrive_graph.common import addresses
from pipedrive_graph.common.pasted import shown
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import ConfigurationError, LandingError
from pipedrive_graph.forget import search, written
from pipedrive_graph.forget.answers import rewriting
from pipedrive_graph.forget.change import Change, Forgetting, Item, Runs
from pipedrive_graph.forget.entries import rewrite_entries
from pipedrive_graph.forget.who import NOBODY, Person, find
from pipedrive_graph.landing import CompanyLanding, Landing
from pipedrive_graph.landing.tombstones import Kind
from pipedrive_graph.runs import record


@dataclass(frozen=True)
class OnePerson(Forgetting):
    """Deletes a person.

    Attributes:
        who: an e-mail address, or the id of a user.
        all_companies: whether these are all companies that have data.
        rosters: the rosters that the settings name.
    """

    who: str
    all_companies: bool
    rosters: tuple[Path, ...] = ()
    kind: ClassVar[Kind] = "person"
    _found: dict[str, Person] = field(default_factory=dict, init=False, repr=False, compare=False)

    def change(self, home: Home, company: str) -> Change:
        """Plan the change of a company.

        Raises:
            ConfigurationError: if Pipedrive still lists the person.
            LandingError: if a snapshot or the journal is damaged.
        """
        change = Change(company)
        landing = Landing(home.storage).of(company)
        person = self._found[company] = find(landing, self.who)
        self._refuse_listed(landing, person)
        rewrite = rewriting(landing, person)
        for manifest in landing.every():
            if new := rewrite(manifest):
                text = ", ".join(sorted(new.contents)) or "its manifest"
                change.note("rewrite", "snapshot", f"landing/{company}/{manifest.snapshot_id}", text)
        change.rewrite = rewrite
        for snapshot_id in filterfalse(landing.sealed, landing.snapshot_ids()):
            folder = landing.storage.workspace(snapshot_id)
            if any(search.names(path, person) for path in folder.iterdir() if path.is_file()):
                change.dropped.add(snapshot_id)
                path = f"landing/{company}/{snapshot_id}"
                change.note(
                    "remove", "unfinished snapshot", path, "it names the person; the next sync starts over"
                )
        rewrite_entries(home, change, person)
        if not change.counts and any(self._held(home, person, company)):
            # only derived files name the person: they are rebuilt
            change.note("rewrite", "snapshot", f"landing/{company}", "the chain is sealed again")
        return change

    def names(self, text: str) -> bool:
        """Whether a text names the person."""
        return self._person.is_in(text)

    @property
    def runs(self) -> Runs:
        """The runs that name the person."""
        person = self._person
        return Runs(texts=(*sorted(person.texts), *map(str, person.long_ids)))

    def others(self, home: Home) -> Iterator[Item]:
        """The files of people that name the person."""
        person = self._person
        if not person.known:
            return
        lines = list(written.matching(home, self.rosters, person.is_in))
        yield from lines
        named = {home.folder / item.path for item in lines}
        for path in search.held(home, person, self.companies, all_companies=self.all_companies):
            if path not in named and not search.is_own(home, path):
                below = path.relative_to(home.folder).as_posix()
                yield Item(None, "edit", "file", below, "it names the person; change or remove it yourself")

    def removed(self, home: Home) -> Iterator[str]:
        """The run records whose messages name the person; the next run writes them again."""
        for company, person in self._found.items():
            path = record.path_of(home, company)
            if path.is_file() and search.names(path, person):
                yield path.relative_to(home.folder).as_posix()

    def check(self, home: Home) -> None:
        """Search the home at the end.

        Raises:
            LandingError: if files that this program writes still name the person; lists them.
        """
        naming = search.held(home, self._person, self.companies, all_companies=self.all_companies)
        left = [path for path in naming if search.is_own(home, path)]
        if left:
            raise LandingError(
                f"The person is still named in {', '.join(map(str, left))}: another process wrote there"
                " meanwhile, or this is a bug. Run forget again; if that does not help, report it."
            )

    @property
    def _person(self) -> Person:
        """The person in all companies."""
        united = NOBODY
        for person in self._found.values():
            united = united.united(person)
        return united

    def _held(self, home: Home, person: Person, company: str) -> Iterator[Path]:
        naming = search.held(home, person, (company,), all_companies=False)
        return (path for path in naming if search.is_own(home, path))

    def _refuse_listed(self, landing: CompanyLanding, person: Person) -> None:
        newest = landing.latest(accepted=True)
        listed = person.ids & {*landing.known(newest).users} if newest else set()
        if newest and listed:
            raise ConfigurationError(
                f"'{shown(self.who)}' is user {min(listed)} of '{landing.company}', and Pipedrive still"
                f" lists this user (snapshot {newest.snapshot_id}; it also lists deactivated users): the next"
                " sync would collect them again. Delete the user in Pipedrive, run sync, then try again."
            )


def checked(
    who: str, companies: tuple[str, ...], *, all_companies: bool, rosters: tuple[Path, ...]
) -> OnePerson:
    """Make the deletion of a person from the value of --person.

    Raises:
        ConfigurationError: if it is neither an e-mail address nor an id in one company.
    """
    who = who.strip()
    if addresses.is_address(who):
        return OnePerson(companies, who, all_companies, rosters)
    if not who.isascii() or not who.isdigit() or int(who) >= 2**63:
        raise ConfigurationError("--person must be an e-mail address, or the id of a user with --company.")
    if all_companies and len(companies) > 1:
        raise ConfigurationError(
            "--person with an id needs --company NAME: an id is only unique in one company."
        )
    return OnePerson(companies, who, all_companies, rosters)
