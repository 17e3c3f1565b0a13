"""Removes a person from JSON: from responses, journal lines, rosters and reviews.

A record of the person or about the person is removed (`id` of a user's record, `user_id`, `subject`). An id
of the person under a key about people becomes null. In other texts, the name or address is replaced. Nothing
else is changed.
"""

from __future__ import annotations

import re
from typing import Any

from pipedrive_graph.forget.who import REMOVED, Person

_ABOUT = ("user_id", "subject_id", "subject")
_PERSONS = re.compile(r"user|owner|creator|manager|member|_by$|email|person", re.IGNORECASE)
_SETTING = re.compile(r"_(default_visibility|access_level)$")
_USER_KEYS = {"email", "is_you", "last_login", "active_flag"}

GONE = object()
"""Marks a value that is removed as a whole."""


def scrubbed(value: Any, person: Person, *, key: str = "") -> Any:  # noqa: ANN401 - whatever JSON holds
    """A value without the person; GONE if all of it is about the person.

    Args:
        value: the parsed JSON; it is not modified.
        person: the person to remove.
        key: the key of the value.
    """
    if isinstance(value, dict):
        return GONE if _is_about(value, person) else _of_object(value, person)
    if isinstance(value, list):
        elements = [scrubbed(element, person, key=key) for element in value]
        return [
            new for new, old in zip(elements, value, strict=True) if new is not GONE and not _was_id(new, old)
        ]
    if isinstance(value, str):
        if _is_about_people(key) and person.is_id(value):
            return None
        return person.without(value) if person.is_in(value) else value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return None if _is_about_people(key) and person.is_id(value) else value
    return value


def _of_object(value: dict[str, Any], person: Person) -> dict[str, Any]:
    entries = {}
    for name, entry in value.items():
        if person.is_in(name) or (person.is_id(name) and isinstance(entry, dict)):
            continue
        new = scrubbed(entry, person, key=name)
        entries[name] = None if new is GONE else new
    return entries


def _is_about_people(key: str) -> bool:
    """Whether the values of a key may be ids of users; a role's setting about persons is a small number."""
    return bool(_PERSONS.search(key)) and not _SETTING.search(key)


def _is_about(value: dict[str, Any], person: Person) -> bool:
    """Whether a record is the person's own, or is about the person."""
    subject = value.get("subject")
    if any(person.is_id(value.get(key)) for key in _ABOUT) or (
        isinstance(subject, str) and person.is_in(subject)
    ):
        return True
    return bool(_USER_KEYS & value.keys()) and person.is_id(value.get("id"))


def _was_id(new: object, old: object) -> bool:
    """Whether an element of a list was only the person's id or name."""
    return (new is None and old is not None) or new == REMOVED
