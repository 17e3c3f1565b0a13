"""Turns a finding's evidence into what a page can show: labelled values, lists and small tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipedrive_graph.reports.access import words

HIDDEN = {"related"}
"""Fields that the report shows elsewhere."""

_NONE = dict.fromkeys(("last_login", "days_since_login"), "never, or not known")
"""What a missing value can mean, where it is not only that it is not known; the title says which."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d):\d\d(\.\d+)?")
_FLAG = re.compile(r"can_[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Table:
    """A list of objects: its columns, and the text of each cell."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of the evidence: a label, and either texts, a table, or fields of its own.

    Attributes:
        label: what it is called.
        texts: its value, or its values.
        code: whether these are names that Pipedrive gives, such as permissions.
        table: where it is a list of objects.
        entries: where it is an object.
    """

    label: str
    texts: tuple[str, ...] = ()
    code: bool = False
    table: Table | None = None
    entries: tuple[Entry, ...] = ()


def entries(evidence: object) -> tuple[Entry, ...]:
    """The fields of some evidence, in their order."""
    if isinstance(evidence, Mapping):
        return tuple(_entry(str(name), value) for name, value in evidence.items() if name not in HIDDEN)
    return () if evidence is None else (_entry("evidence", evidence),)


def text(value: object, name: str = "") -> str:
    """A value as text; what is missing is not known."""
    if value is None:
        return _NONE.get(name, "not known")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if name.endswith("_share"):
            return words.percent(value)
        return str(value) if isinstance(value, float) or name.endswith(("_id", "_ids")) else f"{value:,}"
    if isinstance(value, Mapping):
        return "; ".join(f"{words.field(str(key))}: {text(entry, str(key))}" for key, entry in value.items())
    if isinstance(value, list):
        return ", ".join(text(entry) for entry in value) or "none"
    return _TIME.sub(r"\1 \2 UTC", str(value))


def _entry(name: str, value: object) -> Entry:
    label = words.field(name)
    if isinstance(value, Mapping):
        return Entry(label, entries=entries(value)) if value else Entry(label, ("none",))
    if isinstance(value, list) and value:
        if all(isinstance(entry, Mapping) for entry in value):
            return Entry(label, table=_table(value))
        texts = tuple(text(entry, name) for entry in value)
        return Entry(label, texts, all(_FLAG.fullmatch(entry) for entry in texts))
    told = text(value, name)
    return Entry(label, (told,), bool(_FLAG.fullmatch(told)))


def _table(objects: list[Mapping[str, Any]]) -> Table:
    names = list(dict.fromkeys(str(name) for entry in objects for name in entry))
    rows = tuple(tuple(text(entry.get(name), name) for name in names) for entry in objects)
    return Table(tuple(words.field(name) for name in names), rows)
