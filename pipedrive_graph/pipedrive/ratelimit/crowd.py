"""Divides the requests that one process may have pending between the companies that it reads.

A pending request takes a connection, memory, and a share of the one event loop. A few thousand of them
delay the loop so much that connections time out although the server responds at once.
"""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress
from weakref import WeakKeyDictionary

FEWEST_AT_ONCE = 2
"""The most pending requests that each company may always have."""

MOST_AT_ONCE = 512
"""The most pending requests of all companies together; more than two processors can process."""

_OPEN_FILES = 4096
"""The most open connections, including those that hang and those that are kept for later requests."""


class Crowd:
    """The companies that share one event loop."""

    def __init__(self) -> None:
        self._companies: set[object] = set()

    @property
    def share(self) -> int:
        """How many pending requests each company may have now."""
        return max(FEWEST_AT_ONCE, MOST_AT_ONCE // max(1, len(self._companies)))

    def join(self, company: object) -> None:
        """Add a company; every share becomes smaller."""
        self._companies.add(company)

    def leave(self, company: object) -> None:
        """Remove a company, if present; every share becomes larger."""
        self._companies.discard(company)


_crowds: WeakKeyDictionary[asyncio.AbstractEventLoop, Crowd] = WeakKeyDictionary()


def crowd() -> Crowd:
    """Return the crowd of the running event loop; creating it raises the limit of open connections."""
    loop = asyncio.get_running_loop()
    if loop not in _crowds:
        _allow_open_files()
        _crowds[loop] = Crowd()
    return _crowds[loop]


def _allow_open_files() -> None:
    """Raise the limit of open files: many systems allow a process only 256 or 1,024 unless it asks."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # not allowed here: continue with the existing limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
