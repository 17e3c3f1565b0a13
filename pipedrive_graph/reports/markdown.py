"""Writes rows as a Markdown table, with all texts escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pipedrive_graph.common.text import markdown_table, printable

_MARKS = re.compile(r"([\\`*_{}\[\]()#+!|~:@-])")
"""Characters with a meaning in Markdown or one of its dialects."""

_LINKS = {"://": ":\N{WORD JOINER}//", "www.": "www\N{WORD JOINER}."}
"""Texts that become links without any mark-up."""

LONGEST = 200
"""The most characters of a cell."""


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table with a line per row; NULL is an empty cell."""
    return "\n".join(markdown_table(list(map(cell, columns)), (list(map(cell, row)) for row in rows)))


def cell(value: object) -> str:
    """Return a value as escaped text on one line."""
    if value is None:
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = printable(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for beginning, apart in _LINKS.items():
        escaped = escaped.replace(beginning, apart)
    return _MARKS.sub(r"\\\1", escaped)
