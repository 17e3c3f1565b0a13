"""Writes rows of texts as CSV: NULL differs from an empty text, and texts are safe for spreadsheets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from pipedrive_graph.common.text import FORMULA

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""The byte order mark. Without it, Excel misreads non-ASCII characters."""

_QUOTED = re.compile(r'[,"\r\n]|^\s|\s$')


def harmless(text: str) -> str:
    """The text with an apostrophe in front if a spreadsheet would treat it as a formula.

    A text that already begins with apostrophes before a formula gets one more, so that removing one
    apostrophe always restores the text.
    """
    return f"'{text}" if FORMULA.match(text) else text


def line(texts: Iterable[str | None]) -> str:
    """A row as a line of CSV: NULL is an empty field, an empty text is two quotation marks."""
    return ",".join(map(_field, texts)) + "\r\n"


@lru_cache(maxsize=1 << 14)  # most values of a table repeat
def _field(text: str | None) -> str:
    if text is None:
        return ""
    if not text or _QUOTED.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text
