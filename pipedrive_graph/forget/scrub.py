"""Takes a person out of JSON: out of answers, journal lines, rosters and reviews.

The rules: a record that is the person, or that is about the person, goes (`id` of a user's record, `user_id`,
`subject`); a number or text that names the person by id, under a key that speaks of a person, becomes null;
in any other text, the name or address is replaced. Nothing else is changed.
"""

from __future__ import annotations

import re
from typing import Any

from pipedrive_graph.forget.who import REMOVED, Person

_ABOUT = ("user_id", "subject_id", "subject")
_PERSONS = re.compile(r"user|owner|creator|manager|member|_by$|email|person", re.IGNORECASE)
_USER_KEYS = {"email", "is_you", "last_login", "active_flag"}

GONE = object()
"""Stands for what goes as a whole."""


def scrubbed(value: Any, person: Person, *, key: str = "") -> Any:  # noqa: ANN401 - whatever JSON holds
    """A value without the person; GONE where all of it is about the person.

    Args:
        value: as JSON has it; it is not changed.
        person: who goes.
        key: the key that it stands under.
    """
    if isinstance(value, dict):
        return GONE if _is_about(value, person) else _of_object(value, person)
    if isinstance(value, list):
        kept = [scrubbed(each, person, key=key) for each in value]
        return [
            each for each, old in zip(kept, value, strict=True) if each is not GONE and not _was_id(each, old)
        ]
    if isinstance(value, str):
        if _PERSONS.search(key) and person.is_id(value):
            return None
        return person.without(value) if person.is_in(value) else value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return None if _PERSONS.search(key) and person.is_id(value) else value
    return value


def _of_object(value: dict[str, Any], person: Person) -> dict[str, Any]:
    kept = {}
    for name, each in value.items():
        if person.is_in(name) or (person.is_id(name) and isinstance(each, dict)):
            continue
        new = scrubbed(each, person, key=name)
        kept[name] = None if new is GONE else new
    return kept


def _is_about(value: dict[str, Any], person: Person) -> bool:
    """Whether a record is the person's own, or one about the person."""
    subject = value.get("subject")
    if any(person.is_id(value.get(key)) for key in _ABOUT) or (
        isinstance(subject, str) and person.is_in(subject)
    ):
        return True
    return bool(_USER_KEYS & value.keys()) and person.is_id(value.get("id"))


def _was_id(new: object, old: object) -> bool:
    """Whether an element of a list was the person's id, and nothing else."""
    return (new is None and old is not None) or new == REMOVED
