"""The quota: how many requests per window the server allows, and how many of them are available to us.

The server reports its limit. If it does not, the smallest limit is assumed, and raised as long as no request
is refused. What others use with the same token is derived from `x-ratelimit-remaining`.
"""

from __future__ import annotations

from collections import deque

from pipedrive_graph.pipedrive.ratelimit.headers import RateLimits

FIRST_LIMIT = 20
"""Requests per window until the server has reported its limit: the smallest limit of any plan."""

_CLEAN_FOR = 30.0  # seconds without a 429 after which a limit that was refused before is raised by one
_REMEMBERED = 2.0  # windows for which the usage of others is assumed to continue
_SHARED_AFTER = 2.0  # windows after which the usage of others is certainly not a miscount of ours
_SHARED_FOR = 10.0  # windows for which others are expected to return
_QUIET = 4  # with at most so many requests of ours, the usage of others cannot be a miscount


class Quota:
    """The server's limit and our part of it; times are seconds of one clock.

    Attributes:
        limit: requests per window, as far as known.
        is_reported: whether the server has reported it.
    """

    def __init__(self, limit: int, window: float, now: float) -> None:
        self.limit = limit
        self._window = window
        self.is_reported = False
        self._proven = limit  # of a guessed limit: the part that was fully used without a refusal
        self._refused = False  # whether a guessed limit was ever too high
        self._changed = now
        self._answers = 0  # since then
        self._full = False  # whether a call had to wait since then
        self._others: deque[tuple[float, int]] = deque()  # falling: time and largest usage of others since
        self._caution = 0  # slots that are left free after a 429, one less with each window
        self._cautious = now
        self._quiet = False  # whether others were seen while we had hardly sent anything
        self._doubt = False  # whether others appeared just now
        self._met = -1e9  # when others were first seen
        self._seen = -1e9  # when others were last seen

    @property
    def capacity(self) -> int:
        """How many requests per window are available to us: all except those that others use."""
        others = self._others[0][1] if self._others else 0
        if not others:
            return self.limit
        left = self.limit - others
        if self._doubt:  # a fixed window may have started a moment ago, and show only a part of their usage
            left -= min(others, left // 2)
        # One more than they use: their requests may be a little closer together next time.
        return max(1, left - 1 - self._caution)

    def shared(self, now: float) -> bool:
        """Whether others use the token constantly, so that our requests should be spread, not in bursts."""
        lasting = self._seen - self._met >= _SHARED_AFTER * self._window
        return (lasting or self._quiet) and now - self._seen <= _SHARED_FOR * self._window

    def full(self) -> None:
        """Record that a call must wait because the window is full."""
        self._full = True

    def learn(self, limits: RateLimits, own: int, now: float) -> None:
        """Learn from the headers of a response.

        Args:
            limits: the limits in the headers.
            own: how many of our requests the server may have counted at most when it wrote them.
            now: the time.
        """
        self._answers += 1
        if limits.limit is not None:
            self.limit, self.is_reported = limits.limit, True
            if limits.remaining is not None:
                self._quiet |= own <= _QUIET and limits.limit - limits.remaining > own
                self._meet(max(0, limits.limit - limits.remaining - own), now)
        elif not self.is_reported:
            self._rise(now)

    def refuse(self, now: float) -> None:
        """Record a 429: there were too many requests."""
        if self._others:
            self._caution, self._cautious = min(2 * self._caution + 1, self.limit // 8), now
        if not self.is_reported and (self._answers or not self._refused):  # one burst of 429s counts once
            self.limit = self._proven if self._proven < self.limit else max(self.limit * 4 // 5, 1)
            self._proven = self.limit
            self._refused = True
            self._begin(now)

    def _meet(self, others: int, now: float) -> None:
        """Record how many requests of others are in the window."""
        if others and now - self._seen > _SHARED_FOR * self._window:
            self._met, self._doubt = now, True
        if others:
            self._seen = now
        self._doubt &= now - self._met <= self._window
        while self._others and self._others[-1][1] <= others:
            self._others.pop()
        self._others.append((now, others))
        while self._others[0][0] < now - _REMEMBERED * self._window:
            self._others.popleft()
        if self._caution and now - self._cautious > self._window:
            self._caution, self._cautious = self._caution - 1, now

    def _rise(self, now: float) -> None:
        """Raise a guessed limit that has been fully used."""
        if not self._full or self._answers <= self.limit:
            return
        if self._refused:
            if now - self._changed > _CLEAN_FOR:
                self._proven = self.limit
                self.limit += 1
                self._begin(now)
        elif now - self._changed > self._window:
            self._proven = self.limit
            self.limit += max(1, self.limit // 16)
            self._begin(now)

    def _begin(self, now: float) -> None:
        self._changed, self._answers, self._full = now, 0, False
