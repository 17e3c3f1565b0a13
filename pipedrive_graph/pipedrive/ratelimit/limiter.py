"""Decides when the next request may leave, so that the server never counts more than it allows.

The rule is a sliding window: a request leaves when fewer than `limit` others may still stand in the
server's window. The server counts arrivals, which are not seen from here, so each request occupies its
place from the moment its bytes were written for the window's length, plus a margin for jitter, plus
what its answer was later than answers usually are (it may have been late on the way there). What obeys
the rule in every sliding window obeys it in every fixed one too. Times are the event loop's.
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
from pipedrive_graph.pipedrive.ratelimit.latency import Lateness
from pipedrive_graph.pipedrive.ratelimit.quota import FIRST_LIMIT, Allowance
from pipedrive_graph.pipedrive.ratelimit.window import Places

FEWEST_AT_ONCE = 8

MARGIN = 0.015
"""Seconds between the end of a request's time in the window and the one that takes its place over."""

_IDLE = 3.0  # seconds without a request after which connections may have been closed
_BLIND = 0.02  # seconds on top, where answers come too late to tell that a request was late
_WIDEST_MARGIN = 0.25  # what the margin grows to, while there are 429s
_SPREAD = 0.1  # share of the window over which a full burst is spread: it arrives in its order
_APART = 0.0012  # seconds that a request costs this process: what comes closer only queues up in it
_WIDEST_SPREAD = 0.8  # also where others use the token too, and should find room at any time
_STANDSTILL = 0.5  # seconds that this process may stand still (for its garbage, or for another process)
_OVERDUE = 4.0  # times the usual latency after which a request no longer fills a place of its own
_MOMENT = 1e-6  # seconds: a shorter wait may be none to the clock
_MOST_SHARES = 4  # of what the process may have under way, overdue requests included


def burst_gap(capacity: int, window: float) -> float:
    """Return the seconds between two requests of a burst that fills the window."""
    return min(max(_SPREAD * window / capacity, _APART), _WIDEST_SPREAD * window / capacity)


class Turn:
    """One request's place in the window; its holder reports what happens to the request."""

    __slots__ = ("_pacer", "answered_at", "company", "granted", "sent_at")

    def __init__(self, pacer: Pacer, company: int) -> None:
        self._pacer = pacer
        self.granted = pacer.now()
        self.sent_at: float | None = None
        self.answered_at: float | None = None
        self.company = company  # how many requests, itself included, stood in the window then

    def sent(self) -> None:
        """Report that the request's bytes were written; the last report counts."""
        self._pacer.note_sent(self)

    def answered(self, limits: RateLimits) -> None:
        """Report that the answer's head came, and what it says."""
        self.answered_at = self._pacer.now()
        self._pacer.note_answer(self, limits)

    @property
    def age(self) -> float:
        """Seconds since the turn was granted."""
        return self._pacer.now() - self.granted


class Pacer:
    """Grants turns, in the order they are asked for.

    Attributes:
        window: the window's length in seconds.
        requests: how many have been sent.
        waited: seconds in which somebody waited for a turn.
        crowd: the companies of this process, which share what may be under way.
    """

    def __init__(self, limit: int = FIRST_LIMIT, window: float = WINDOW) -> None:
        self.window = window
        self.requests = 0
        self.waited = 0.0
        self.crowd = crowd()
        self._loop = asyncio.get_running_loop()
        self._allowance = Allowance(limit, window, self.now())
        self._lateness = Lateness()
        self._waiting: deque[asyncio.Future[Turn]] = deque()
        self._waiting_since = 0.0
        self._at_once: dict[Turn, None] = {}  # turns granted and not given back, oldest first
        self._unsent = 0
        self._places = Places()
        self._fullest: deque[tuple[float, int]] = deque()  # falling: when so many places were taken
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
        return self._allowance.limit

    @property
    def limit_told(self) -> bool:
        """Whether the server has told that limit, or it is a guess."""
        return self._allowance.told

    @property
    def own(self) -> int:
        """How many of them are ours, as far as known: all but what others with our token use."""
        return self._allowance.capacity

    @property
    def concurrency(self) -> int:
        """How many requests may be under way, within 8 to 512, by Little's law.

        At the rate of a full burst, that is, which is the higher one; but no more than a burst and
        what is still under way from before it; and no more than this company's share of what the
        process may have under way.
        """
        if self._duration is None:
            wanted = float(self.limit)
        else:
            before = self._duration / self.window
            wanted = min(self._duration / burst_gap(self.limit, self.window), self.limit * (1 + before)) + 2
        return min(max(FEWEST_AT_ONCE, math.ceil(wanted)), self.crowd.share)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait for a turn and hold it while the request is under way.

        Raises:
            Exception: what the pacer was closed with, if it was.
        """
        turn = await self._wait()
        try:
            yield turn
        finally:
            self._give_back(turn)

    def pause(self, seconds: float) -> None:
        """Let nobody go for `seconds`: the server has said that it is too much."""
        now = self.now()
        self._paused_until = max(self._paused_until, now + seconds)
        self._margin = min(self._margin * 2, _WIDEST_MARGIN)
        self._allowance.refuse(now)

    def close(self, error: Exception) -> None:
        """Let nobody go any more: who waits, and who asks later, gets `error`; the first one counts."""
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
        """Let go whoever may go now, and set the clock for the next."""
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
            turn = Turn(self, company=self._unsent + len(self._places))
            self._at_once[turn] = None
            # A timer that was late may catch up a little, but a burst stays spread.
            self._next_send = max(self._next_send, self.now() - 0.005) + self._gap()
            self._waiting.popleft().set_result(turn)
        self.waited += self.now() - self._waiting_since

    def _gap(self) -> float:
        capacity = self._allowance.capacity
        if self._allowance.shared(self.now()):
            return _WIDEST_SPREAD * self.window / capacity
        return burst_gap(capacity, self.window)

    def _wait_needed(self) -> float | None:
        """Return the seconds until a turn may be granted; None: when somebody gives one back."""
        now = self.now()
        self._places.clear(now)
        wait = max(self._paused_until, self._next_send) - now
        if self._unsent + len(self._places) >= self._allowance.capacity:
            self._allowance.full()
            free = self._places.next_free
            if free is None:
                return None
            wait = max(wait, free - now)
        most = min(MOST_AT_ONCE, _MOST_SHARES * self.crowd.share)
        return max(wait, self._crowding()) if len(self._at_once) < most else None

    def _crowding(self) -> float:
        """Return the seconds until fewer requests than `concurrency` are under way.

        Those that take several times as long as usual do not count, else a few that hang would
        bring everything to a halt.
        """
        excess = len(self._at_once) - self.concurrency
        if excess < 0:
            return 0.0
        patience = _OVERDUE * max(self._duration or 0.0, 0.25)
        left = patience - next(islice(self._at_once, excess, None)).age
        return left if left > _MOMENT else 0.0

    def note_sent(self, turn: Turn) -> None:
        """Start the time for which `turn` occupies its place."""
        now = self.now()
        if turn.sent_at is None:
            self.requests += 1
            self._unsent -= 1
        self._places.clear(now)
        if now - self._last_sent > _IDLE:
            self._lateness.chill()
        turn.sent_at = self._last_sent = now
        hold = self.window + self._margin
        if self._lateness.cold or self._lateness.usual < hold:
            hold += self.window  # until the answer comes: if it has not by then, it is late
        else:
            hold += _BLIND
        self._places.hold(turn, now + hold)
        taken = len(self._places)
        while self._fullest and self._fullest[-1][1] <= taken:
            self._fullest.pop()
        self._fullest.append((now, taken))
        while self._fullest[0][0] < now - self.window:
            self._fullest.popleft()
        if self._timer is None:
            self._grant()

    def note_answer(self, turn: Turn, limits: RateLimits) -> None:
        """Learn from an answer: how late it was, what the limit is, and what others use of it."""
        now = self.now()
        self._places.clear(now)
        if turn.sent_at is not None:
            late = min(self._lateness.of(now - turn.sent_at, self.limit), self.window)
            if turn in self._places:
                self._places.hold(turn, turn.sent_at + self.window + self._margin + late)
        self._allowance.learn(limits, max(self._company(turn, now), len(self._places)), now)
        if self._margin > MARGIN:
            self._margin = max(MARGIN, self._margin * 0.999)
        self._grant()

    def _company(self, turn: Turn, now: float) -> int:
        """Return how many of ours the server may have counted at most when it wrote an answer's headers.

        That was when the request came or when the answer left; and if this process has stood still, both
        were before it took note of them.
        """
        since = max(turn.granted, now - _STANDSTILL)
        return max(turn.company, next((taken for at, taken in self._fullest if at >= since), 0))

    def _give_back(self, turn: Turn) -> None:
        del self._at_once[turn]
        if turn.sent_at is None:
            self._unsent -= 1  # it never left: the server has not counted it
        elif turn.answered_at is not None:
            known = self._duration
            self._duration = turn.age if known is None else known + (turn.age - known) / 8
        if self._closed is None:
            self._grant()


def _again(error: Exception) -> Exception:
    """Return a copy of `error`: each raising adds to an exception's traceback."""
    return type(error)(*error.args)
