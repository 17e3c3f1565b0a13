"""Knows how many requests the server takes per window, and how many of them are ours.

The limit is what the server tells. Where it tells none, the smallest is assumed, and raised for as long
as nothing is refused. What others use with the same token shows in `x-ratelimit-remaining`.
"""

from __future__ import annotations

from collections import deque

from pipedrive_graph.pipedrive.ratelimit.headers import RateLimits

FIRST_LIMIT = 20
"""Requests per window until the server has told its limit: the smallest that any plan has."""

_CLEAN_FOR = 30.0  # seconds without a 429 after which a limit that was once refused is tried one higher
_REMEMBERED = 2.0  # windows for which others are held to use what they have used
_SHARED_AFTER = 2.0  # windows after which others who are still there are no mistake of ours
_SHARED_FOR = 10.0  # windows for which they are expected back

_QUIET = 4  # requests of ours, up to which what is not ours cannot be a miscount


class Allowance:
    """What the server allows; times are seconds of one clock.

    Attributes:
        limit: requests per window, as far as known.
        told: whether the server has said so.
    """

    def __init__(self, limit: int, window: float, now: float) -> None:
        self.limit = limit
        self._window = window
        self.told = False
        self._proven = limit  # of an untold limit: what was used to the full, and nothing was refused
        self._refused = False  # whether an untold limit has ever been too high
        self._changed = now
        self._answers = 0  # since then
        self._full = False  # whether anybody had to wait since then
        self._others: deque[tuple[float, int]] = deque()  # falling: what others used at most, since when
        self._caution = 0  # places that are left free after a 429, one less with each window
        self._cautious = now
        self._quiet = False  # whether others were met while we had hardly sent anything
        self._doubt = False  # whether they were met just now
        self._met = -1e9  # when others were first met
        self._seen = -1e9  # when they were last there

    @property
    def capacity(self) -> int:
        """How many requests of the window are ours: all but what others with our token use."""
        others = self._others[0][1] if self._others else 0
        if not others:
            return self.limit
        left = self.limit - others
        if self._doubt:  # a fixed window may have begun a moment ago, and show but a part of theirs
            left -= min(others, left // 2)
        # One more than they use: theirs may come a little closer together next time.
        return max(1, left - 1 - self._caution)

    def shared(self, now: float) -> bool:
        """Whether others use the token all the time, so that it is fair not to come in bursts."""
        lasting = self._seen - self._met >= _SHARED_AFTER * self._window
        return (lasting or self._quiet) and now - self._seen <= _SHARED_FOR * self._window

    def full(self) -> None:
        """Note that somebody has to wait because the window is full."""
        self._full = True

    def learn(self, limits: RateLimits, own: int, now: float) -> None:
        """Learn from the headers of an answer.

        Args:
            limits: what they say.
            own: how many requests of ours the server may have counted at most when it wrote them.
            now: the time.
        """
        self._answers += 1
        if limits.limit is not None:
            self.limit, self.told = limits.limit, True
            if limits.remaining is not None:
                self._quiet |= own <= _QUIET and limits.limit - limits.remaining > own
                self._meet(max(0, limits.limit - limits.remaining - own), now)
        elif not self.told:
            self._rise(now)

    def refuse(self, now: float) -> None:
        """Note a 429: it was too much."""
        if self._others:
            self._caution, self._cautious = min(2 * self._caution + 1, self.limit // 8), now
        if not self.told and (self._answers or not self._refused):  # one burst of 429s is one sign
            self.limit = self._proven if self._proven < self.limit else max(self.limit * 4 // 5, 1)
            self._proven = self.limit
            self._refused = True
            self._begin(now)

    def _meet(self, others: int, now: float) -> None:
        """Note how many requests of others stand in the window."""
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
        """Raise a limit that is not told and has been used to the full."""
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
