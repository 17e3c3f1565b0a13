"""Who is to be forgotten: the ids of a person, and every name and address that is theirs alone.

A name or an address that somebody else has too, stays where it is about them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipedrive_graph import addresses
from pipedrive_graph.landing import CompanyLanding, Manifest
from pipedrive_graph.pipedrive.endpoints import Endpoint
from pipedrive_graph.pipedrive.records import read_id

REMOVED = "[removed]"
"""What stands where a text named the person."""

_LEAST_DIGITS = 5
"""A shorter id is too often another number to be looked for in texts."""


@dataclass(frozen=True)
class Person:
    """A person in one company.

    Attributes:
        ids: of the person's accounts.
        texts: names and addresses that are the person's alone, as they were received.
    """

    ids: frozenset[int]
    texts: frozenset[str]

    @property
    def known(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.ids or self.texts)

    @property
    def pattern(self) -> re.Pattern[str]:
        """Finds the person in a text."""
        ids = [str(each) for each in sorted(self.ids) if len(str(each)) >= _LEAST_DIGITS]
        whole = [rf"(?<!\d){each}(?!\d)" for each in ids]
        texts = [re.escape(text) for text in sorted(self.texts, key=len, reverse=True)]
        # nothing at all where there is nothing to look for
        return re.compile("|".join([*texts, *whole]) or r"(?!)", re.IGNORECASE)

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
        """A text that names the person no longer."""
        return self.pattern.sub(REMOVED, text)

    def united(self, other: Person) -> Person:
        """Both as one."""
        return Person(self.ids | other.ids, self.texts | other.texts)


NOBODY = Person(frozenset(), frozenset())


def find(landing: CompanyLanding, who: str) -> Person:
    """Find a person by an id or an address, in every snapshot of a company.

    Args:
        landing: the company's snapshots.
        who: as the operator writes it.

    Raises:
        LandingError: if a snapshot is damaged.
    """
    wanted = addresses.comparable(who)
    ids: set[int] = set() if wanted else {read_id(who.strip())}
    records = list(_records(landing))
    for record in records:
        if wanted and addresses.comparable(_text(record.get("email"))) == wanted:
            ids.add(_id(record))
    own: set[str] = {who.strip()} if wanted else set()
    others: set[str] = set()
    for record in records:
        texts = {text for key in ("name", "email", "phone") if (text := _text(record.get(key)))}
        (own if _id(record) in ids else others).update(texts)
    taken = {text.casefold() for text in others}
    return Person(frozenset(ids), frozenset(text for text in own if text.casefold() not in taken))


def _records(landing: CompanyLanding) -> Iterator[dict[str, Any]]:
    """Every record of a user in every snapshot, those that do not count included."""
    endpoints = {str(Endpoint.USERS), str(Endpoint.USER), str(Endpoint.ME)}
    for manifest in landing.every():
        for line in lines(landing, manifest):
            if line["endpoint"] in endpoints:
                data = line["answer"].get("data") if isinstance(line["answer"], dict) else None
                for record in data if isinstance(data, list) else [data]:
                    if isinstance(record, dict) and _id(record):
                        yield record


def lines(landing: CompanyLanding, manifest: Manifest) -> Iterator[dict[str, Any]]:
    """Every answer of a snapshot."""
    for file in manifest.files:
        if file.rows:
            yield from landing.answers(manifest, file)


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
