"""What a `forget` does to one company: what goes, and how what is left is rewritten."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from pipedrive_graph.config.settings import Settings
from pipedrive_graph.decisions.journal import Entry
from pipedrive_graph.landing import Manifest
from pipedrive_graph.landing.tombstones import Kind

Action = Literal["remove", "rewrite", "keep", "edit"]
"""What is done with an item: `keep` says why it stays, and `edit` is left to a person."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a `forget` removes or rewrites, or that it leaves, and says so.

    Attributes:
        company: whose it is; None where it is of all.
        action: what is done.
        kind: what it is, such as `snapshot` or `journal entry`.
        path: where it lies, below the home folder.
        text: what it is, for a person.
    """

    company: str | None
    action: Action
    kind: str
    path: str
    text: str

    def as_json(self) -> dict[str, str | None]:
        """The object that `--json` prints."""
        return {
            "company": self.company,
            "action": self.action,
            "kind": self.kind,
            "path": self.path,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A snapshot without what is to go.

    Attributes:
        contents: the files that are other than before, by name.
        manifest: with the new files and counts; its `previous` and `journal` are set later.
    """

    contents: dict[str, bytes]
    manifest: Manifest


@dataclass(slots=True)
class Change:
    """What is done to one company.

    Attributes:
        company: its name.
        whole: whether all of the company goes, and nothing is sealed again.
        dropped: names of the folders of its landing that go.
        missing: snapshots that are gone already, each with the digest of its manifest, as far as known.
        entries: the lines of its journal that stay, as they are to be; None where the journal stays.
        rewrite: makes a snapshot as it is to be; None of one that stays as it is.
        lists: new contents of the rosters and reviews beside the journal, by their path below the journal.
        items: what is removed, rewritten or left, for the operator.
        counts: the same in numbers, for the tombstone.
    """

    company: str
    whole: bool = False
    dropped: set[str] = field(default_factory=set)
    missing: dict[str, str] = field(default_factory=dict)
    entries: list[Entry] | None = None
    rewrite: Callable[[Manifest], Rewritten | None] | None = None
    lists: dict[str, bytes] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def note(self, action: Action, kind: str, path: str, text: str) -> None:
        """Add an item, and count what is removed or rewritten."""
        self.items.append(Item(self.company, action, kind, path, text))
        if action in {"remove", "rewrite"}:
            name = f"{kind} {action}d" if action == "remove" else f"{kind} rewritten"
            self.counts[name] = self.counts.get(name, 0) + 1


@dataclass(frozen=True, slots=True)
class Runs:
    """Which runs and events of Dagster name what is forgotten: those that any of the three names.

    Attributes:
        company: the company that they are about.
        before: when they began before this time.
        texts: what they hold.
    """

    company: str | None = None
    before: datetime | None = None
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Forgetting:
    """One way of choosing what goes: by age, by person, by company.

    Attributes:
        companies: of these companies.
        kind: for the tombstone.
    """

    companies: tuple[str, ...]
    kind: ClassVar[Kind]

    def change(self, settings: Settings, company: str) -> Change:
        """What is done to a company.

        Raises:
            PipedriveGraphError: if that is refused.
        """
        raise NotImplementedError

    def names(self, text: str) -> bool:
        """Whether a text names who is forgotten."""
        return False

    @property
    def runs(self) -> Runs:
        """Which of Dagster's runs go with it."""
        return Runs()

    def check(self, settings: Settings) -> None:
        """Look, when all is done, whether something is left.

        Raises:
            LandingError: naming what is left.
        """

    def others(self, settings: Settings) -> Iterator[Item]:
        """What else is removed or left, that is of no company alone."""
        yield from ()

    def removed(self, settings: Settings) -> Iterable[str]:
        """Further paths in the home that are removed."""
        return ()
