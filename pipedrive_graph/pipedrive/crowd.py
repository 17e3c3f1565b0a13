"""Divides the requests that one process may have under way between the companies that it reads.

A request under way takes a connection, memory, and a share of the one event loop. With a few thousand of
them the loop is so late that connections time out, although the server answers at once.
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

FEWEST_AT_ONCE = 2
"""What each company may have under way, however many companies there are."""

MOST_AT_ONCE = 512
"""What all companies together may have under way; more than two processors can send and read."""


class Crowd:
    """The companies that are read in one event loop."""

    def __init__(self) -> None:
        self._companies: set[object] = set()

    @property
    def share(self) -> int:
        """How many requests each company may have under way now."""
        return max(FEWEST_AT_ONCE, MOST_AT_ONCE // max(1, len(self._companies)))

    def join(self, company: object) -> None:
        """Add a company; every share becomes smaller."""
        self._companies.add(company)

    def leave(self, company: object) -> None:
        """Remove a company, if it is there; every share becomes larger."""
        self._companies.discard(company)


_crowds: WeakKeyDictionary[asyncio.AbstractEventLoop, Crowd] = WeakKeyDictionary()


def crowd() -> Crowd:
    """Return the crowd of the running event loop."""
    return _crowds.setdefault(asyncio.get_running_loop(), Crowd())
