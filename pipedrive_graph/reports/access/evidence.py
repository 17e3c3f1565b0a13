"""Converts a finding's evidence for the page: labelled values, lists and small tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipedrive_graph.reports.access import words

HIDDEN = {"related", "login_known"}
"""Fields that the report shows elsewhere; `login_known` decides how a missing last login is shown."""

NEVER = "never"
_LOGINS = ("last_login", "days_since_login")
_EMPTY = {"granted_by": "none known"}
"""What an empty list means, if not just 'none'."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d):\d\d(\.\d+)?")
_FLAG = re.compile(r"can_[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Table:
    """A list of objects: its columns, and the text of each cell."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of the evidence: a label, and either texts, a table, or nested fields.

    Attributes:
        label: the label of the field.
        texts: its value or values.
        code: whether the values are names from Pipedrive, such as permissions.
        table: the value, if it is a list of objects.
        entries: the fields of the value, if it is an object.
    """

    label: str
    texts: tuple[str, ...] = ()
    code: bool = False
    table: Table | None = None
    entries: tuple[Entry, ...] = ()


def entries(evidence: object) -> tuple[Entry, ...]:
    """Return the fields of the evidence, in their order."""
    if isinstance(evidence, Mapping):
        return tuple(_entry(str(name), value) for name, value in _shown(evidence).items())
    return () if evidence is None else (_entry("evidence", evidence),)


def text(value: object, name: str = "") -> str:
    """Return a value as text; NULL is 'not known'."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if name.endswith("_share"):
            return words.percent(value)
        return str(value) if isinstance(value, float) or name.endswith(("_id", "_ids")) else f"{value:,}"
    if isinstance(value, Mapping):
        shown = _shown(value).items()
        return "; ".join(f"{words.field(str(key))}: {text(entry, str(key))}" for key, entry in shown)
    if isinstance(value, list):
        return ", ".join(text(entry) for entry in value) or _EMPTY.get(name, "none")
    return _TIME.sub(r"\1 \2 UTC", str(value))


def _shown(values: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the fields to show; a last login is `NEVER` if the user is known to have none."""
    shown = {name: value for name, value in values.items() if name not in HIDDEN}
    if values.get("login_known") is True:
        shown |= {name: NEVER for name in _LOGINS if name in shown and shown[name] is None}
    return shown


def _entry(name: str, value: object) -> Entry:
    label = words.field(name)
    if isinstance(value, Mapping):
        return Entry(label, entries=entries(value)) if value else Entry(label, ("none",))
    if isinstance(value, list) and value:
        if all(isinstance(entry, Mapping) for entry in value):
            return Entry(label, table=_table(value))
        texts = tuple(text(entry, name) for entry in value)
        return Entry(label, texts, all(_FLAG.fullmatch(entry) for entry in texts))
    cell = text(value, name)
    return Entry(label, (cell,), bool(_FLAG.fullmatch(cell)))


def _table(objects: list[Mapping[str, Any]]) -> Table:
    shown = [_shown(entry) for entry in objects]
    names = list(dict.fromkeys(str(name) for entry in shown for name in entry))
    rows = tuple(tuple(text(entry.get(name), name) for name in names) for entry in shown)
    return Table(tuple(words.field(name) for name in names), rows)
