"""Divides the requests that one process may have under way between the companies that it reads.

A request under way takes a connection, memory, and a share of the one event loop. With a few thousand of
them the loop is so late that connections time out, although the server answers at once.
"""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress
from weakref import WeakKeyDictionary

FEWEST_AT_ONCE = 2
"""What each company may have under way, however many companies there are."""

MOST_AT_ONCE = 512
"""What all companies together may have under way; more than two processors can send and read."""

_OPEN_FILES = 4096
"""Connections that are open at most, with those that hang and those that are kept for the next request."""


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
    """Return the crowd of the running event loop; its first one lets the process open enough connections."""
    loop = asyncio.get_running_loop()
    if loop not in _crowds:
        _allow_open_files()
        _crowds[loop] = Crowd()
    return _crowds[loop]


def _allow_open_files() -> None:
    """Raise the limit of open files, of which many systems give a process 256 or 1,024 unless it asks."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # not allowed here: then as many as there are have to do
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
