"""Makes text that came from outside safe to print: a name may hold what a terminal obeys."""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def printable(text: str) -> str:
    """Return `text` on one line, with every control character replaced by a visible mark."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
