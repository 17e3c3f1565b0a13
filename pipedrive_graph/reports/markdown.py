"""Writes rows as a table in Markdown, in which no text from outside becomes mark-up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pipedrive_graph.common.text import markdown_table, printable

_MARKS = re.compile(r"([\\`*_{}\[\]()#+!|~:@-])")
"""What Markdown, or what some programs make of it, reads as more than a character."""

_LINKS = {"://": ":\N{WORD JOINER}//", "www.": "www\N{WORD JOINER}."}
"""What becomes a link although no mark says so."""

LONGEST = 200
"""Characters of a cell."""


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table, a line per row; NULL is an empty cell."""
    return "\n".join(markdown_table(list(map(cell, columns)), (list(map(cell, row)) for row in rows)))


def cell(value: object) -> str:
    """A value on one line, as text only."""
    if value is None:
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = printable(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for beginning, apart in _LINKS.items():
        escaped = escaped.replace(beginning, apart)
    return _MARKS.sub(r"\\\1", escaped)
