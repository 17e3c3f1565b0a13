"""Writes JSON item by item, so that a long list need not fit into memory."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, TextIO

from pipedrive_graph.exports.source import counted


def text(value: object) -> str:
    """A value as JSON on one line; times are UTC."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_written)


def pretty(value: object) -> str:
    """A value as indented JSON with a final newline."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=_written) + "\n"


def array(out: TextIO, items: Iterable[object]) -> int:
    """Write a JSON array with one item per line, and return the number of items."""
    between = iter(("\n",))
    out.write("[")
    number = counted(items, lambda item: out.write(next(between, ",\n") + text(item)))
    out.write("\n]")
    return number


def milliseconds(moment: datetime | None) -> int | None:
    """A naive UTC time as milliseconds since 1970."""
    return None if moment is None else int(moment.replace(tzinfo=UTC).timestamp() * 1000)


def iso(moment: datetime | None) -> str | None:
    """A naive UTC time as ISO 8601 with a final Z."""
    return None if moment is None else f"{moment.isoformat(timespec='milliseconds')}Z"


def known(values: dict[str, Any]) -> dict[str, Any]:
    """The values without NULLs."""
    return {name: value for name, value in values.items() if value is not None}


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    return value.isoformat() if isinstance(value, date) else str(value)
