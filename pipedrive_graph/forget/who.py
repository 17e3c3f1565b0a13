"""Identifies the person to delete: the person's ids, and the names and addresses that only this person has.

A name or an address that another user shares is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipedrive_graph.common import addresses
from pipedrive_graph.landing import CompanyLanding
from pipedrive_graph.pipedrive.models import read_id

_OF_USERS = {"users.ndjson.gz", "users.id.ndjson.gz", "users.me.ndjson.gz"}
"""The files of a snapshot that hold records of users."""

REMOVED = "[removed]"
"""Replaces the person's name in a text."""

_LEAST_DIGITS = 5
"""Shorter ids are not searched for in texts, because they are often other numbers."""


@dataclass(frozen=True)
class Person:
    """A person in one company.

    Attributes:
        ids: the ids of the person's accounts.
        texts: the names and addresses that only this person has, as they were received.
    """

    ids: frozenset[int]
    texts: frozenset[str]

    @property
    def known(self) -> bool:
        """Whether there is anything to search for."""
        return bool(self.ids or self.texts)

    @property
    def long_ids(self) -> list[int]:
        """The ids that can be searched for in texts."""
        return [each for each in sorted(self.ids) if len(str(each)) >= _LEAST_DIGITS]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds the person in a text."""
        texts = sorted(self.texts, key=len, reverse=True)
        parts = [rf"(?<!\w){re.escape(text)}(?!\w)" for text in texts]
        parts += [rf"(?<!\d){each}(?!\d)" for each in self.long_ids]
        # without anything to search for, the pattern matches nothing
        return re.compile("|".join(parts) or r"(?!)", re.IGNORECASE)

    def is_id(self, value: object) -> bool:
        """Whether a value is one of the ids, as a number or as digits."""
        try:
            return read_id(value) in self.ids
        except ValueError:
            return False

    def is_in(self, text: str) -> bool:
        """Whether a text names the person."""
        return self.pattern.search(text) is not None

    def without(self, text: str) -> str:
        """The text with the person's names and ids replaced."""
        return self.pattern.sub(REMOVED, text)

    def united(self, other: Person) -> Person:
        """The ids and texts of both."""
        return Person(self.ids | other.ids, self.texts | other.texts)


NOBODY = Person(frozenset(), frozenset())


def find(landing: CompanyLanding, who: str) -> Person:
    """Find a person by an id or an address, in every snapshot of a company.

    Args:
        landing: the company's snapshots.
        who: the value of --person.

    Raises:
        LandingError: if a snapshot is damaged.
    """
    wanted = addresses.comparable(who)
    ids: set[int] = set() if wanted else {read_id(who.strip())}
    for record in _records(landing) if wanted else ():
        if addresses.comparable(_text(record.get("email"))) == wanted:
            ids.add(_id(record))
    own = {text for record in _records(landing) if _id(record) in ids for text in _texts(record)}
    own |= {who.strip()} if wanted else set()
    by_form = {text.casefold(): text for text in own}
    for record in _records(landing) if own else ():
        if _id(record) not in ids:
            for text in _texts(record):
                by_form.pop(text.casefold(), None)
    return Person(frozenset(ids), frozenset(by_form.values()))


def _records(landing: CompanyLanding) -> Iterator[dict[str, Any]]:
    """Every record of a user in every snapshot, including snapshots that were set aside."""
    for manifest in landing.every():
        for file in manifest.files:
            if file.rows and file.name in _OF_USERS:
                for line in landing.answers(manifest, file):
                    answer = line["answer"]
                    data = answer.get("data") if isinstance(answer, dict) else None
                    for record in data if isinstance(data, list) else [data]:
                        if isinstance(record, dict) and _id(record):
                            yield record


def _texts(record: dict[str, Any]) -> Iterator[str]:
    """The identifying texts of a user's record: address, phone number, and a name of more than one word.

    A name of one word, such as `Sales`, may also be that of a team or a role.
    """
    name, email, phone = (_text(record.get(key)) for key in ("name", "email", "phone"))
    if name and (" " in name or not name.isascii()):
        yield name
    if email:
        yield email
    if phone and sum(letter.isdigit() for letter in phone) >= _LEAST_DIGITS:
        yield phone


def _id(record: dict[str, Any]) -> int:
    try:
        return read_id(record.get("id"))
    except ValueError:
        return 0


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def escaped(text: str) -> str:
    """A text as JSON escapes it."""
    return json.dumps(text)[1:-1]
