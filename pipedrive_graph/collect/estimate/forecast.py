"""What a collection will take: requests, tokens and seconds, before it is made; pure arithmetic.

Seconds are found by going through the calls as the pacer would let them go, with the allowance that the
pacer itself uses: a window is full when it holds as many requests as are allowed, and each keeps its place
for the window's length and a margin. Lists are read side by side, each page after page; all else at once.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Generic, TypeVar

from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.ratelimit.costs import tokens
from pipedrive_graph.pipedrive.ratelimit.crowd import MOST_AT_ONCE
from pipedrive_graph.pipedrive.ratelimit.daily_budget import Budget, Unit
from pipedrive_graph.pipedrive.ratelimit.headers import RateLimits
from pipedrive_graph.pipedrive.ratelimit.limiter import MARGIN, burst_gap
from pipedrive_graph.pipedrive.ratelimit.quota import FIRST_LIMIT, Allowance

LARGEST_LIMIT = 480
"""Requests per window that the largest plan allows an OAuth app; no server is expected to take more."""

_LATE = 0.01  # seconds that a place is kept for longer on average, because answers are never equally late
_PAUSE_JITTER = 0.1  # seconds that the client waits on average on top of what a 429 asks for
_ROUND_TRIPS = 3  # that opening an encrypted connection takes at most

Number = TypeVar("Number", int, float)

Phases = Sequence[Iterable[Call]]
"""Calls in the order in which they are made: those of a phase at once, a phase after the one before."""


@dataclass(frozen=True, slots=True)
class Range(Generic[Number]):
    """A number that depends on what will be found: at least and at most; both the same where it does not."""

    least: Number
    most: Number

    @property
    def certain(self) -> bool:
        """Whether both ends are the same."""
        return self.least == self.most


@dataclass(frozen=True, slots=True)
class Asked:
    """Calls that were made one after the other: a list, page by page, or who asks.

    Attributes:
        endpoint: what was asked for.
        requests: how many there were: one per page.
        seconds: how long they took together, without waiting for the pacer.
    """

    endpoint: Endpoint
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a server may be asked, and how fast it answers.

    Attributes:
        limit: requests per window.
        limit_told: whether the server has said so; otherwise the limit is tried out from the smallest.
        own: how many of them are left by others who use the same token.
        window: seconds.
        latency: seconds from a request to its answer, on a connection that is open.
        connecting: seconds that opening a connection takes.
    """

    limit: int
    limit_told: bool
    own: int
    window: float
    latency: float
    connecting: float = 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a collection takes.

    Attributes:
        requests: how many are sent; what a server that tells no limit refuses is among them.
        tokens: what they cost of the day's budget, by the vendor's price list.
        seconds: from the first request to the last answer.
    """

    requests: Range[int]
    tokens: Range[int]
    seconds: Range[float]


def measured(opening: Sequence[Asked]) -> tuple[float, float]:
    """Return latency and time to connect in seconds, as the opening calls have shown them.

    Args:
        opening: the first of them opened the connection; there is at least one other.
    """
    first, *others = opening
    latency = median(asked.seconds / asked.requests for asked in others)
    connecting = first.seconds - first.requests * latency
    return latency, min(max(connecting, 0.0), _ROUND_TRIPS * latency)


def forecast(pace: Pace, opening: Sequence[Asked], possible: Sequence[Phases]) -> Forecast:
    """Return what a collection takes.

    Where the limit is not told, the fastest server takes as much as the largest plan allows, and the
    slowest no more than the smallest one, so that each attempt to go faster is refused.

    Args:
        pace: how fast the server is.
        opening: the calls that it begins with.
        possible: those that follow; by each supposition of what they will tell.
    """
    limits = {pace.limit, pace.own} if pace.limit_told else {LARGEST_LIMIT, FIRST_LIMIT}
    ends = []
    for phases in possible:
        counts = [Counter(call.endpoint for call in phase) for phase in phases]
        total = sum(counts, Counter({asked.endpoint: asked.requests for asked in opening}))
        for limit in limits:
            rehearsal = _Rehearsal(pace, limit)
            # who asks, then the lists side by side, then the rest: each over more connections
            rehearsal.side_by_side(opening[:1])
            rehearsal.now += pace.connecting
            rehearsal.side_by_side(opening[1:])
            rehearsal.now += pace.connecting if any(counts) else 0.0
            for count in counts:
                rehearsal.at_once(count.total())
            refused = rehearsal.refused  # of the dearer sort, as most calls are
            cost = price(total) + refused * tokens(Endpoint.PERMISSIONS)
            ends.append((total.total() + refused, cost, rehearsal.now))
    requests, costs, seconds = zip(*ends, strict=True)
    return Forecast(
        Range(min(requests), max(requests)), Range(min(costs), max(costs)), Range(min(seconds), max(seconds))
    )


def price(requests: Counter[Endpoint]) -> int:
    """Return what requests cost, in tokens."""
    return sum(tokens(endpoint) * number for endpoint, number in requests.items())


def days(budget: Budget, needed: int, opening: int) -> int | None:
    """Return on how many days' budgets a collection draws: 1 where what is left today suffices.

    Each day but the first has its whole budget less the reserve, of which the opening calls take their
    share anew.

    Args:
        budget: what is left.
        needed: what the collection takes, in the budget's unit.
        opening: how much of that its opening calls take.

    Returns:
        None where it can never end.
    """
    today, daily = budget.remaining - budget.reserve, budget.total - budget.reserve - opening
    if needed <= today:
        return 1
    rest = needed - max(today, opening)
    return 1 + max(1, math.ceil(rest / daily)) if daily > 0 else None


def counted(budget: Budget, requests: int, cost: int) -> int:
    """Return which of the two a budget counts."""
    return cost if budget.unit is Unit.TOKENS else requests


class _Rehearsal:
    """Goes through the calls of a collection with a clock of its own.

    Args:
        pace: how fast the server is.
        limit: requests that it takes per window; where it does not tell, it refuses what is more.

    Attributes:
        now: seconds since the beginning, once all calls so far are answered.
        refused: how many requests were answered with 429.
    """

    def __init__(self, pace: Pace, limit: int) -> None:
        self.now = 0.0
        self.refused = 0
        self._pace = pace
        self._limit = limit
        self._says = RateLimits(limit=limit if pace.limit_told else None)
        self._allowance = Allowance(FIRST_LIMIT, pace.window, 0.0)
        self._held_until: deque[float] = deque()  # when the places in the window are given up, in order
        self._answered_at: deque[float] = deque()  # when what is under way is answered, in order

    def side_by_side(self, rows: Sequence[Asked]) -> None:
        """Make the calls of each row one after the other, and the rows at once; wait for the last answer."""
        gap, answered = 0.0, self.now
        ready = [(self.now, place) for place in range(len(rows))]
        left = [asked.requests for asked in rows]
        at = self.now
        while ready:
            earliest, place = heapq.heappop(ready)
            latency = rows[place].seconds / rows[place].requests
            at = self._send(max(at + gap, earliest), latency)
            gap = burst_gap(self._allowance.capacity, self._pace.window)
            answered = max(answered, at + latency)
            left[place] -= 1
            if left[place]:
                heapq.heappush(ready, (at + latency, place))
        self.now = answered

    def at_once(self, calls: int) -> None:
        """Make calls as fast as they may go, and wait for the last answer."""
        at, gap, last = self.now, 0.0, None
        for _ in range(calls):
            at = last = self._send(at + gap, self._pace.latency)
            gap = burst_gap(self._allowance.capacity, self._pace.window)
        if last is not None:
            self.now = last + self._pace.latency

    def _send(self, at: float, latency: float) -> float:
        """Send a request at that time or as soon as possible after; return when it was."""
        window = self._pace.window
        while True:
            at = self._turn(at)
            self._held_until.append(at + window + MARGIN + _LATE)
            self._answered_at.append(at + latency)
            if self._pace.limit_told or len(self._held_until) <= self._limit:
                return at
            self.refused += 1
            self._answered_at.pop()
            self._learn(at + latency)
            self._allowance.refuse(at + latency)
            at += latency + window + _PAUSE_JITTER

    def _turn(self, at: float) -> float:
        """Return when a request may be sent that is ready at that time."""
        while True:
            self._learn(at)
            while self._held_until and self._held_until[0] <= at:
                self._held_until.popleft()
            if len(self._held_until) >= self._allowance.capacity:
                self._allowance.full()
                at = min(self._held_until[0], self._answered_at[0] if self._answered_at else math.inf)
            elif len(self._answered_at) >= MOST_AT_ONCE:
                at = self._answered_at[0]
            else:
                return at

    def _learn(self, now: float) -> None:
        """Take the answers that have come by now."""
        while self._answered_at and self._answered_at[0] <= now:
            self._allowance.learn(self._says, 0, self._answered_at.popleft())
