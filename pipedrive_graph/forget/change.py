"""The change that a `forget` makes to one company: what is removed, and how the rest is rewritten."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from pipedrive_graph.config.home import Home
from pipedrive_graph.decisions.journal import Entry
from pipedrive_graph.landing import Manifest
from pipedrive_graph.landing.tombstones import Kind

Action = Literal["remove", "rewrite", "keep", "edit"]
"""The action on an item: a `keep` item explains why it stays; an `edit` item has to be edited by a person."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a `forget` removes, rewrites or leaves.

    Attributes:
        company: its company; None if it belongs to all companies.
        action: the action on it.
        kind: its kind, such as `snapshot` or `journal entry`.
        path: its path below the home folder.
        text: a description for people.
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
    """A snapshot without the deleted data.

    Attributes:
        contents: the contents of the changed files, by name.
        manifest: the manifest with the new files and counts; its `previous` and `journal` are set later.
    """

    contents: dict[str, bytes]
    manifest: Manifest


@dataclass(slots=True)
class Change:
    """The change of one company.

    Attributes:
        company: its name.
        whole: whether the whole company is deleted.
        dropped: the names of the snapshot folders to delete.
        missing: snapshots that are already missing, with the digests of their manifests as far as known.
        entries: the journal lines that stay, in their new form; None if the journal does not change.
        rewrite: returns a snapshot's new form, or None if it does not change.
        lists: the new contents of rosters and reviews, by their path below the journal.
        items: what is removed, rewritten or left, for the operator.
        counts: the number of removed and rewritten items by kind, for the tombstone.
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
    """Selects the runs and events of Dagster to delete: those that match one of the three.

    Attributes:
        company: runs about this company.
        before: runs that began before this time.
        texts: runs that contain one of these texts.
    """

    company: str | None = None
    before: datetime | None = None
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Forgetting:
    """Selects what to delete: by age, by person, or by company.

    Attributes:
        companies: the companies that are changed.
        kind: the kind of deletion, for the tombstone.
    """

    companies: tuple[str, ...]
    kind: ClassVar[Kind]

    def change(self, home: Home, company: str) -> Change:
        """Plan the change of a company.

        Raises:
            PipedriveGraphError: if the change is refused.
        """
        raise NotImplementedError

    def names(self, text: str) -> bool:
        """Whether a text names the person to delete."""
        return False

    @property
    def runs(self) -> Runs:
        """The runs of Dagster to delete."""
        return Runs()

    def check(self, home: Home) -> None:
        """Check at the end that nothing is left.

        Raises:
            LandingError: if something is left; names it.
        """

    def others(self, home: Home) -> Iterator[Item]:
        """Further items, which do not belong to a single company."""
        yield from ()

    def removed(self, home: Home) -> Iterable[str]:
        """Further paths in the home to remove."""
        return ()
