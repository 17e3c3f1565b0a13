"""Writes rows of texts as CSV that tells NULL from an empty text, and makes texts safe for spreadsheets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from pipedrive_graph.common.text import FORMULA

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""The mark without which Excel reads the names of people wrongly."""

_QUOTED = re.compile(r'[,"\r\n]|^\s|\s$')


def harmless(text: str) -> str:
    """A text as a cell that no spreadsheet takes for a formula: with an apostrophe in front of one.

    A text that begins with apostrophes and then like a formula gets one more, so that taking one away
    always gives the text back.
    """
    return f"'{text}" if FORMULA.match(text) else text


def line(texts: Iterable[str | None]) -> str:
    """A row as a line of CSV: NULL is nothing, an empty text is two quotation marks."""
    return ",".join(map(_field, texts)) + "\r\n"


@lru_cache(maxsize=1 << 14)  # most values of a table come again and again
def _field(text: str | None) -> str:
    if text is None:
        return ""
    if not text or _QUOTED.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text
