"""Makes text from outside safe to show, and says of a name that is not known which may be meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a text begins with that a spreadsheet takes for a formula."""

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_DIRECTIONS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def is_text(text: str) -> bool:
    """Whether a text came as UTF-8; Python keeps bytes that are none as halves of characters."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def printable(text: str) -> str:
    """Return `text` on one line, with every control character replaced by a visible mark."""
    return CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def legible(text: str) -> str:
    """Return `text` as `printable` does, and without what would turn the direction of other text around.

    A name may hold an override that makes what stands behind it read backwards; a name that is written
    from right to left by itself stays as it is.
    """
    return _DIRECTIONS.sub("\N{REPLACEMENT CHARACTER}", printable(text))


def safe_cell(value: object) -> str:
    """Return `value` as a cell that no spreadsheet takes for a formula.

    A text that begins like one gets an apostrophe in front, as OWASP advises against CSV injection;
    control characters, which a terminal might obey, are replaced.
    """
    raw = "" if value is None else str(value)
    dangerous = raw.lstrip(" ").startswith(FORMULA_STARTS)
    return f"'{printable(raw)}" if dangerous else printable(raw)


def near(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the question what may be meant, or a full stop."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else "."


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number with its noun: '1 finding', '1,200 findings'."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
