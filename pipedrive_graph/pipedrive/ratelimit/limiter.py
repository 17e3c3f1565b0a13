"""The rate limiter: decides when the next request may be sent, so that the server never counts too many.

The rule is a sliding window: a request is sent when fewer than `limit` others may still be in the server's
window. The server counts arrivals, which the client cannot see. So each request occupies a slot from the
moment its bytes were written, for the length of the window, plus a margin for jitter, plus the time by which
its response was later than usual (the request may have arrived that late). Requests that keep the rule in
every sliding window keep it in every fixed window too. Times are the event loop's.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice

from pipedrive_graph.pipedrive.ratelimit.crowd import MOST_AT_ONCE, crowd
from pipedrive_graph.pipedrive.ratelimit.headers import WINDOW, RateLimits
from pipedrive_graph.pipedrive.ratelimit.latency import LatencyEstimator
from pipedrive_graph.pipedrive.ratelimit.quota import FIRST_LIMIT, Quota
from pipedrive_graph.pipedrive.ratelimit.window import Slots

FEWEST_AT_ONCE = 8

MARGIN = 0.015
"""Seconds between the expiry of a request's slot in the window and the next request in that slot."""

_IDLE = 3.0  # seconds without a request after which connections may have been closed
_BLIND = 0.02  # additional seconds if responses arrive too late to show that their request was late
_WIDEST_MARGIN = 0.25  # the largest margin, while there are 429s
_SPREAD = 0.1  # share of the window over which a full burst is spread, so that it arrives in order
_APART = 0.0012  # seconds that a request costs this process: closer ones would only queue up in it
_WIDEST_SPREAD = 0.8  # the spread if others use the token too, so that they find room at any time
_STANDSTILL = 0.5  # seconds that this process may pause (for garbage collection, or another process)
_OVERDUE = 4.0  # times the usual latency after which a pending request no longer limits the others
_MOMENT = 1e-6  # seconds: the clock may not resolve a shorter wait
_MOST_SHARES = 4  # times the company's share of pending requests, including overdue ones


def burst_gap(capacity: int, window: float) -> float:
    """Return the seconds between two requests of a burst that fills the window."""
    return min(max(_SPREAD * window / capacity, _APART), _WIDEST_SPREAD * window / capacity)


class Turn:
    """One request's slot in the window; its holder reports what happens to the request."""

    __slots__ = ("_limiter", "answered_at", "company", "granted", "sent_at")

    def __init__(self, limiter: RateLimiter, company: int) -> None:
        self._limiter = limiter
        self.granted = limiter.now()
        self.sent_at: float | None = None
        self.answered_at: float | None = None
        self.company = company  # how many requests, including this one, were in the window then

    def sent(self) -> None:
        """Report that the request's bytes were written; only the last report counts."""
        self._limiter.note_sent(self)

    def answered(self, limits: RateLimits) -> None:
        """Report that the response's head arrived, and its limits."""
        self.answered_at = self._limiter.now()
        self._limiter.note_answer(self, limits)

    @property
    def age(self) -> float:
        """Seconds since the turn was granted."""
        return self._limiter.now() - self.granted


class RateLimiter:
    """Grants turns in the order in which they are requested.

    Attributes:
        window: the window's length in seconds.
        requests: how many have been sent.
        waited: seconds in which at least one call waited for a turn.
        crowd: the companies of this process, which share the pending requests.
    """

    def __init__(self, limit: int = FIRST_LIMIT, window: float = WINDOW) -> None:
        self.window = window
        self.requests = 0
        self.waited = 0.0
        self.crowd = crowd()
        self._loop = asyncio.get_running_loop()
        self._quota = Quota(limit, window, self.now())
        self._latency = LatencyEstimator()
        self._waiting: deque[asyncio.Future[Turn]] = deque()
        self._waiting_since = 0.0
        self._at_once: dict[Turn, None] = {}  # turns granted and not returned, oldest first
        self._unsent = 0
        self._slots = Slots()
        self._fullest: deque[tuple[float, int]] = deque()  # falling: time and number of occupied slots
        self._duration: float | None = None  # of a whole exchange, smoothed
        self._margin = MARGIN
        self._next_send = 0.0
        self._last_sent = self.now()
        self._paused_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._closed: Exception | None = None

    def now(self) -> float:
        """Return the event loop's time in seconds."""
        return self._loop.time()

    @property
    def limit(self) -> int:
        """Requests per window that the server allows, as far as known."""
        return self._quota.limit

    @property
    def limit_told(self) -> bool:
        """Whether the server has reported that limit; otherwise it is a guess."""
        return self._quota.is_reported

    @property
    def own(self) -> int:
        """How many of them are available to us: all except those that others use with our token."""
        return self._quota.capacity

    @property
    def concurrency(self) -> int:
        """How many requests may be pending, 8 to 512, by Little's law.

        The law is applied to the rate of a full burst, the highest rate. The result is limited to one burst
        plus the requests still pending from before it, and to this company's share in the process.
        """
        if self._duration is None:
            wanted = float(self.limit)
        else:
            before = self._duration / self.window
            wanted = min(self._duration / burst_gap(self.limit, self.window), self.limit * (1 + before)) + 2
        return min(max(FEWEST_AT_ONCE, math.ceil(wanted)), self.crowd.share)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait for a turn and hold it while the request is pending.

        Raises:
            Exception: the error that the limiter was closed with, if any.
        """
        turn = await self._wait()
        try:
            yield turn
        finally:
            self._give_back(turn)

    def pause(self, seconds: float) -> None:
        """Grant no turn for `seconds`, because the server has refused a request."""
        now = self.now()
        self._paused_until = max(self._paused_until, now + seconds)
        self._margin = min(self._margin * 2, _WIDEST_MARGIN)
        self._quota.refuse(now)

    def close(self, error: Exception) -> None:
        """Grant no more turns: waiting and later calls raise `error`; only the first error counts."""
        if self._closed is not None:
            return
        if self._waiting:
            self.waited += self.now() - self._waiting_since
        self._closed = error
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(_again(error))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _wait(self) -> Turn:
        if self._closed is not None:
            raise _again(self._closed)
        if not self._waiting:
            self._waiting_since = self.now()
        future: asyncio.Future[Turn] = self._loop.create_future()
        self._waiting.append(future)
        self._grant()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._give_back(future.result())
            raise

    def _grant(self) -> None:
        """Grant all turns that are possible now, and set a timer for the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        while self._waiting:
            if self._waiting[0].done():  # cancelled while it waited
                self._waiting.popleft()
                continue
            wait = self._wait_needed()
            if wait is None:
                return
            if wait > 0:
                self._timer = self._loop.call_later(wait, self._grant)
                return
            self._unsent += 1
            turn = Turn(self, company=self._unsent + len(self._slots))
            self._at_once[turn] = None
            # A late timer may catch up a little, but the burst stays spread.
            self._next_send = max(self._next_send, self.now() - 0.005) + self._gap()
            self._waiting.popleft().set_result(turn)
        self.waited += self.now() - self._waiting_since

    def _gap(self) -> float:
        capacity = self._quota.capacity
        if self._quota.shared(self.now()):
            return _WIDEST_SPREAD * self.window / capacity
        return burst_gap(capacity, self.window)

    def _wait_needed(self) -> float | None:
        """Return the seconds until a turn may be granted; None if one must be returned first."""
        now = self.now()
        self._slots.clear(now)
        wait = max(self._paused_until, self._next_send) - now
        if self._unsent + len(self._slots) >= self._quota.capacity:
            self._quota.full()
            free = self._slots.next_free
            if free is None:
                return None
            wait = max(wait, free - now)
        most = min(MOST_AT_ONCE, _MOST_SHARES * self.crowd.share)
        return max(wait, self._crowding()) if len(self._at_once) < most else None

    def _crowding(self) -> float:
        """Return the seconds until fewer requests than `concurrency` are pending.

        Requests that take several times as long as usual do not count, otherwise a few hanging ones would
        block all others.
        """
        excess = len(self._at_once) - self.concurrency
        if excess < 0:
            return 0.0
        overdue = _OVERDUE * max(self._duration or 0.0, 0.25)
        left = overdue - next(islice(self._at_once, excess, None)).age
        return left if left > _MOMENT else 0.0

    def note_sent(self, turn: Turn) -> None:
        """Start the time for which `turn` occupies its slot."""
        now = self.now()
        if turn.sent_at is None:
            self.requests += 1
            self._unsent -= 1
        self._slots.clear(now)
        if now - self._last_sent > _IDLE:
            self._latency.chill()
        turn.sent_at = self._last_sent = now
        hold = self.window + self._margin
        if self._latency.cold or self._latency.usual < hold:
            hold += self.window  # until the response arrives; after this time it is late anyway
        else:
            hold += _BLIND
        self._slots.hold(turn, now + hold)
        taken = len(self._slots)
        while self._fullest and self._fullest[-1][1] <= taken:
            self._fullest.pop()
        self._fullest.append((now, taken))
        while self._fullest[0][0] < now - self.window:
            self._fullest.popleft()
        if self._timer is None:
            self._grant()

    def note_answer(self, turn: Turn, limits: RateLimits) -> None:
        """Learn from a response: how late it was, the limit, and how much of it others use."""
        now = self.now()
        self._slots.clear(now)
        if turn.sent_at is not None:
            late = min(self._latency.of(now - turn.sent_at, self.limit), self.window)
            if turn in self._slots:
                self._slots.hold(turn, turn.sent_at + self.window + self._margin + late)
        self._quota.learn(limits, max(self._company(turn, now), len(self._slots)), now)
        if self._margin > MARGIN:
            self._margin = max(MARGIN, self._margin * 0.999)
        self._grant()

    def _company(self, turn: Turn, now: float) -> int:
        """Return how many of our requests the server may have counted at most when it wrote the headers.

        It wrote them when the request arrived or when the response left; if this process was paused, both
        happened before it noticed them.
        """
        since = max(turn.granted, now - _STANDSTILL)
        return max(turn.company, next((taken for at, taken in self._fullest if at >= since), 0))

    def _give_back(self, turn: Turn) -> None:
        del self._at_once[turn]
        if turn.sent_at is None:
            self._unsent -= 1  # it was never sent, so the server has not counted it
        elif turn.answered_at is not None:
            known = self._duration
            self._duration = turn.age if known is None else known + (turn.age - known) / 8
        if self._closed is None:
            self._grant()


def _again(error: Exception) -> Exception:
    """Return a copy of `error`, because each raise extends an exception's traceback."""
    return type(error)(*error.args)
