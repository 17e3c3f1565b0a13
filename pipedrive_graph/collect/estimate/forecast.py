"""Forecasts the requests, tokens and seconds of a collection; pure arithmetic.

The seconds come from simulating the rate limiter, with the quota that the limiter itself uses: a window is
full when it holds as many requests as are allowed, and each request occupies its slot for the length of the
window plus a margin. Lists are read side by side, each page after page; all other calls concurrently.
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
from pipedrive_graph.pipedrive.ratelimit.quota import FIRST_LIMIT, Quota

LARGEST_LIMIT = 480
"""Requests per window that the largest plan allows an OAuth app; no server is expected to allow more."""

_LATE = 0.01  # average seconds that a slot stays occupied for longer, because latency varies
_PAUSE_JITTER = 0.1  # average seconds that the client waits in addition to the pause that a 429 asks for
_ROUND_TRIPS = 3  # the most that opening an encrypted connection takes

Number = TypeVar("Number", int, float)

Phases = Sequence[Iterable[Call]]
"""Calls in order: those of a phase are made concurrently, after the phase before has ended."""


@dataclass(frozen=True, slots=True)
class Range(Generic[Number]):
    """A number that depends on the answers, at least and at most; both are equal if it does not."""

    least: Number
    most: Number

    @property
    def certain(self) -> bool:
        """Whether both ends are the same."""
        return self.least == self.most


@dataclass(frozen=True, slots=True)
class Asked:
    """Calls that were made in sequence: the pages of a list, or the call for the token's owner.

    Attributes:
        endpoint: the endpoint that was called.
        requests: how many there were: one per page.
        seconds: how long they took together, without the time that the rate limiter waited.
    """

    endpoint: Endpoint
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a server may be called, and how fast it responds.

    Attributes:
        limit: requests per window.
        limit_told: whether the server reports its limit; otherwise it is found by trial, from the smallest.
        own: how many of them remain beside other clients that use the same token.
        window: seconds.
        latency: seconds from a request to its response, on an open connection.
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
    """The cost of a collection.

    Attributes:
        requests: how many are sent, including those that a server without a reported limit refuses.
        tokens: what they cost of the day's budget, by the vendor's price list.
        seconds: from the first request to the last response.
    """

    requests: Range[int]
    tokens: Range[int]
    seconds: Range[float]


def measured(opening: Sequence[Asked]) -> tuple[float, float]:
    """Return latency and time to connect in seconds, measured on the opening calls.

    Args:
        opening: the first call opened the connection; there is at least one other.
    """
    first, *others = opening
    latency = median(asked.seconds / asked.requests for asked in others)
    connecting = first.seconds - first.requests * latency
    return latency, min(max(connecting, 0.0), _ROUND_TRIPS * latency)


def forecast(pace: Pace, opening: Sequence[Asked], possible: Sequence[Phases]) -> Forecast:
    """Return the cost of a collection.

    If the server does not report its limit, the fastest case assumes the limit of the largest plan, and
    the slowest case that of the smallest plan, where each attempt to go faster is refused.

    Args:
        pace: the speed of the server.
        opening: the calls at the beginning.
        possible: the calls that follow, under each assumption about the answers.
    """
    limits = {pace.limit, pace.own} if pace.limit_told else {LARGEST_LIMIT, FIRST_LIMIT}
    ends = []
    for phases in possible:
        counts = [Counter(call.endpoint for call in phase) for phase in phases]
        total = sum(counts, Counter({asked.endpoint: asked.requests for asked in opening}))
        for limit in limits:
            simulation = _Simulation(pace, limit)
            # the token's owner, then the lists side by side, then the rest: each opens more connections
            simulation.side_by_side(opening[:1])
            simulation.now += pace.connecting
            simulation.side_by_side(opening[1:])
            simulation.now += pace.connecting if any(counts) else 0.0
            for count in counts:
                simulation.at_once(count.total())
            refused = simulation.refused  # at the higher price, which most calls have
            cost = price(total) + refused * tokens(Endpoint.PERMISSIONS)
            ends.append((total.total() + refused, cost, simulation.now))
    requests, costs, seconds = zip(*ends, strict=True)
    return Forecast(
        Range(min(requests), max(requests)), Range(min(costs), max(costs)), Range(min(seconds), max(seconds))
    )


def price(requests: Counter[Endpoint]) -> int:
    """Return what requests cost in tokens."""
    return sum(tokens(endpoint) * number for endpoint, number in requests.items())


def days(budget: Budget, needed: int, opening: int) -> int | None:
    """Return how many days' budgets a collection uses: 1 if today's remainder suffices.

    Each later day has its whole budget less the reserve, and the opening calls use a part of it again.

    Args:
        budget: the budget and what is left of it.
        needed: the cost of the collection, in the budget's unit.
        opening: the part of it that the opening calls cost.

    Returns:
        None if it can never end.
    """
    today, daily = budget.remaining - budget.reserve, budget.total - budget.reserve - opening
    if needed <= today:
        return 1
    rest = needed - max(today, opening)
    return 1 + max(1, math.ceil(rest / daily)) if daily > 0 else None


def counted(budget: Budget, requests: int, cost: int) -> int:
    """Return the cost in the unit of a budget."""
    return cost if budget.unit is Unit.TOKENS else requests


class _Simulation:
    """Simulates the calls of a collection with its own clock.

    Args:
        pace: the speed of the server.
        limit: requests that it allows per window; if it does not report the limit, it refuses more.

    Attributes:
        now: seconds since the beginning, after all calls so far were answered.
        refused: how many requests were answered with 429.
    """

    def __init__(self, pace: Pace, limit: int) -> None:
        self.now = 0.0
        self.refused = 0
        self._pace = pace
        self._limit = limit
        self._says = RateLimits(limit=limit if pace.limit_told else None)
        self._quota = Quota(FIRST_LIMIT, pace.window, 0.0)
        self._held_until: deque[float] = deque()  # when the slots in the window become free, in order
        self._answered_at: deque[float] = deque()  # when the pending requests are answered, in order

    def side_by_side(self, rows: Sequence[Asked]) -> None:
        """Make the calls of each row in sequence, and the rows concurrently; wait for the last answer."""
        gap, answered = 0.0, self.now
        ready = [(self.now, place) for place in range(len(rows))]
        left = [asked.requests for asked in rows]
        at = self.now
        while ready:
            earliest, place = heapq.heappop(ready)
            latency = rows[place].seconds / rows[place].requests
            at = self._send(max(at + gap, earliest), latency)
            gap = burst_gap(self._quota.capacity, self._pace.window)
            answered = max(answered, at + latency)
            left[place] -= 1
            if left[place]:
                heapq.heappush(ready, (at + latency, place))
        self.now = answered

    def at_once(self, calls: int) -> None:
        """Make calls as fast as allowed, and wait for the last answer."""
        at, gap, last = self.now, 0.0, None
        for _ in range(calls):
            at = last = self._send(at + gap, self._pace.latency)
            gap = burst_gap(self._quota.capacity, self._pace.window)
        if last is not None:
            self.now = last + self._pace.latency

    def _send(self, at: float, latency: float) -> float:
        """Send a request at that time or as soon as possible afterwards; return when it was sent."""
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
            self._quota.refuse(at + latency)
            at += latency + window + _PAUSE_JITTER

    def _turn(self, at: float) -> float:
        """Return when a request that is ready at that time may be sent."""
        while True:
            self._learn(at)
            while self._held_until and self._held_until[0] <= at:
                self._held_until.popleft()
            if len(self._held_until) >= self._quota.capacity:
                self._quota.full()
                at = min(self._held_until[0], self._answered_at[0] if self._answered_at else math.inf)
            elif len(self._answered_at) >= MOST_AT_ONCE:
                at = self._answered_at[0]
            else:
                return at

    def _learn(self, now: float) -> None:
        """Process the answers that have arrived by now."""
        while self._answered_at and self._answered_at[0] <= now:
            self._quota.learn(self._says, 0, self._answered_at.popleft())
