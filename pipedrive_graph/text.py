"""Makes text that came from outside safe to show: a name may hold what a terminal or a page obeys."""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


_DIRECTIONS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return `text` on one line, with every control character replaced by a visible mark."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def legible(text: str) -> str:
    """Return `text` as `printable` does, and without what would turn the direction of other text around.

    A name may hold an override that makes what stands behind it read backwards; a name that is written
    from right to left by itself stays as it is.
    """
    return _DIRECTIONS.sub("\N{REPLACEMENT CHARACTER}", printable(text))
