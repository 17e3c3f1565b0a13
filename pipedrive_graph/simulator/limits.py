"""Rate limits of the simulator: a token's burst window, its daily budget, and the CDN's block."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from pipedrive_graph.simulator.options import Options


class Window(Protocol):
    """Counts the requests of one token; times are seconds of a monotonic clock."""

    def admit(self, at: float) -> bool:
        """Count a request that arrives at `at`, or return False if it exceeds the limit."""

    def remaining(self, at: float) -> int:
        """Return how many requests are left at `at`."""

    def reset(self, at: float) -> float:
        """Return the seconds until requests become available again."""


class SlidingWindow:
    """At most `limit` requests in any `length` seconds; rejected requests do not count."""

    def __init__(self, limit: int, length: float) -> None:
        self._limit = limit
        self._length = length
        self._arrivals: deque[float] = deque()

    def admit(self, at: float) -> bool:
        """Count a request that arrives at `at`, or return False if it exceeds the limit."""
        if self.remaining(at) == 0:
            return False
        self._arrivals.append(at)
        return True

    def remaining(self, at: float) -> int:
        """Return how many requests are left at `at`."""
        while self._arrivals and self._arrivals[0] <= at - self._length:
            self._arrivals.popleft()
        return self._limit - len(self._arrivals)

    def reset(self, at: float) -> float:
        """Return the seconds until the oldest counted request leaves the window."""
        return self._arrivals[0] + self._length - at if self._arrivals else self._length


class FixedWindow:
    """At most `limit` requests in each `length` seconds, starting with the first request."""

    def __init__(self, limit: int, length: float) -> None:
        self._limit = limit
        self._length = length
        self._began = -math.inf
        self._used = 0

    def admit(self, at: float) -> bool:
        """Count a request that arrives at `at`, or return False if it exceeds the limit."""
        if self.remaining(at) == 0:
            return False
        if self._used == 0:
            self._began = at
        self._used += 1
        return True

    def remaining(self, at: float) -> int:
        """Return how many requests are left at `at`."""
        if at - self._began >= self._length:
            self._used = 0
        return self._limit - self._used

    def reset(self, at: float) -> float:
        """Return the seconds until the window ends."""
        return max(0.0, self._began + self._length - at) if self._used else self._length


@dataclass(slots=True)
class Account:
    """What one token has used.

    `limit` is the limit of a window, and `spent` the used part of the daily budget. `strikes` counts the
    requests that exceeded a limit; it is reset after five windows without one.
    """

    window: Window
    limit: int
    spent: int = 0
    strikes: int = 0
    last_strike: float = -math.inf
    blocked_until: float = -math.inf


class Limits:
    """Keeps the accounts of all tokens."""

    def __init__(self, options: Options, daily_limit: int) -> None:
        self._options = options
        self.daily_limit = daily_limit
        self._accounts: dict[str, Account] = {}
        self._day = 0

    def account(self, token: str, limit: int | None = None) -> Account:
        """Return the account of a token; the first request creates it, with this limit or the default."""
        if token not in self._accounts:
            kind = FixedWindow if self._options.fixed_window else SlidingWindow
            allowed = self._options.limit if limit is None else limit
            self._accounts[token] = Account(kind(allowed, self._options.window), allowed)
        return self._accounts[token]

    def charge(self, account: Account, cost: int, at: float) -> int:
        """Count a request that arrives at `at`, and return the status that the limits give it.

        Returns:
            200 if the request may pass, 429 if it exceeds a limit, 403 if the CDN blocks the token.
        """
        if at < account.blocked_until:
            return 403
        if self.left(account) > 0 and account.window.admit(at):
            account.spent += cost
            return 200
        if at - account.last_strike > 5 * self._options.window:
            account.strikes = 0
        account.strikes += 1
        account.last_strike = at
        if account.strikes > self._options.block_after:
            account.blocked_until = at + self._options.block_seconds
            account.strikes = 0
            return 403
        return 429

    def left(self, account: Account) -> int:
        """Return the rest of the daily budget."""
        return max(0, self.daily_limit - account.spent)

    def turn_to(self, day: int) -> None:
        """Set the current day; a new day resets every daily budget."""
        if day != self._day:
            self._day = day
            self.new_day()

    def new_day(self) -> None:
        """Reset every daily budget, as Pipedrive does at midnight."""
        for account in self._accounts.values():
            account.spent = 0
