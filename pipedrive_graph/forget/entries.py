"""Removes a person from a company's journal, and from the rosters and reviews that it names.

A line that only concerns the person, such as an acknowledgement of a finding about them, is removed. Other
lines keep what concerns other people. A review keeps its id, so that its files can still be imported.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pipedrive_graph.common import addresses
from pipedrive_graph.config.home import Home
from pipedrive_graph.config.roster import Row
from pipedrive_graph.decisions import review_handlers as reviews
from pipedrive_graph.decisions import rosters
from pipedrive_graph.decisions.finding_handlers import ACKNOWLEDGED
from pipedrive_graph.decisions.journal import Entry, Journal
from pipedrive_graph.decisions.review_handlers import DECIDED, OPENED
from pipedrive_graph.forget.asking import rows_of
from pipedrive_graph.forget.change import Change
from pipedrive_graph.forget.scrub import GONE, scrubbed
from pipedrive_graph.forget.who import Person
from pipedrive_graph.reviews.items import Population


@dataclass(slots=True)
class _Rewriting:
    """Rewrites the lines of one journal.

    Attributes:
        about: the ids of the findings about the person.
        lost: the digests of rosters and reviews whose loss was accepted.
        populations: the new digest of each review's population, by the old digest.
    """

    home: Home
    change: Change
    person: Person
    about: set[str]
    lost: set[str]
    populations: dict[str, str] = field(default_factory=dict)

    def content(self, line: Entry) -> dict[str, Any] | None:
        """The content of a line without the person; None if the line is removed."""
        content = dict(line.content)
        if line.kind == ACKNOWLEDGED and content.get("finding_id") in self.about:
            return None
        if line.kind == rosters.KIND and content.get("sha256") and content["sha256"] not in self.lost:
            return {**content, "sha256": self._roster(content["sha256"])}
        if line.kind == OPENED and content["sha256"] not in self.lost:
            content["sha256"] = self._population(content["review_id"], content["sha256"])
        if line.kind == DECIDED:
            content["sha256"] = self.populations.get(content["sha256"], content["sha256"])
            own = {f"user-{user}" for user in self.person.ids}
            content["decisions"] = [each for each in content["decisions"] if each["row_id"] not in own]
        new = scrubbed(content, self.person)
        return None if new is GONE else dict(new)

    def _roster(self, digest: str) -> str:
        roster = rosters.stored(self.home, self.change.company, digest)
        rows = [
            _row(row, self.person) for row in (roster.rows if roster else ()) if not _names(row, self.person)
        ]
        content = json.dumps([asdict(row) for row in rows], ensure_ascii=False).encode()
        new = hashlib.sha256(content).hexdigest()
        if new != digest:
            self._keep("roster", f"{self.change.company}.rosters/{new}.json.gz", content)
        return new

    def _population(self, review_id: str, digest: str) -> str:
        population = reviews.recall(self.home, self.change.company, review_id, digest)
        items = [item for item in population.items if item.user_id not in self.person.ids]
        document = population.model_dump(mode="json")
        document["items"] = [item.model_dump(mode="json") for item in items]
        content = Population.model_validate(scrubbed(document, self.person)).written()
        new = hashlib.sha256(content).hexdigest()
        self.populations[digest] = new
        if new != digest:
            self._keep("review", f"{self.change.company}.reviews/{review_id}.json.gz", content)
        return new

    def _keep(self, kind: str, path: str, content: bytes) -> None:
        if path not in self.change.lists:
            self.change.lists[path] = gzip.compress(content, mtime=0)
            self.change.note("rewrite", kind, f"journal/{path}", "without the person")


def rewrite_entries(home: Home, change: Change, person: Person) -> None:
    """Set the journal lines that stay, in their new form.

    Raises:
        LandingError: if the journal, a roster or a review is damaged.
    """
    journal = Journal.of(home, change.company)
    lines = journal.lines()
    rewriting = _Rewriting(home, change, person, _about(home, change.company, person), journal.lost())
    entries = []
    for line in lines:
        content = rewriting.content(line)
        path, text = f"journal/{journal.path.name}", f"line {line.number}, {line.kind}, of {line.at:%Y-%m-%d}"
        if content is None:
            change.note("remove", "journal entry", path, text)
            continue
        if content != line.content:
            change.note("rewrite", "journal entry", path, text)
        entries.append(replace(line, content=content))
    if [line.content for line in entries] != [line.content for line in lines]:
        change.entries = entries


def _about(home: Home, company: str, person: Person) -> set[str]:
    """The ids of the findings about the person; none if the warehouse cannot be read."""
    rows = rows_of(
        home.warehouse,
        "SELECT finding_id FROM held.history.findings"
        " WHERE company = ? AND subject_kind = 'user' AND list_contains(?, subject_id)",
        company,
        [str(user) for user in person.ids],
    )
    return {finding_id for (finding_id,) in rows}


def _names(row: Row, person: Person) -> bool:
    """Whether a row of a roster is about the person."""
    own = {addresses.comparable(text) for text in person.texts} - {None}
    return row.email is not None and row.email in own


def _row(row: Row, person: Person) -> Row:
    """The row of another person, without mentions of the person."""

    def other(text: str | None) -> str | None:
        return None if text and person.is_in(text) else text

    return replace(
        row,
        email=other(row.email),
        manager=other(row.manager),
        expected_role=other(row.expected_role),
        problem=person.without(row.problem) if row.problem else row.problem,
    )
