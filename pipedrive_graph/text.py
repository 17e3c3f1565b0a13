"""Makes text that came from outside safe to show: a name may hold what a terminal or a spreadsheet obeys."""

from __future__ import annotations

import re

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def printable(text: str) -> str:
    """Return `text` on one line, with every control character replaced by a visible mark."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def safe_cell(value: object) -> str:
    """Return `value` as a cell that no spreadsheet takes for a formula.

    A text that begins like one gets an apostrophe in front, as OWASP advises against CSV injection;
    control characters, which a terminal might obey, are replaced.
    """
    raw = "" if value is None else str(value)
    dangerous = raw.lstrip(" ").startswith(_FORMULA_STARTS)
    return f"'{printable(raw)}" if dangerous else printable(raw)
