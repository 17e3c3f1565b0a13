"""Tracks the company's daily budget, and keeps a reserve for its other integrations.

Pipedrive counts tokens (`x-daily-ratelimit-token-remaining`, undocumented but seen live); other servers
count requests (`x-daily-requests-left`). Pipedrive sends the latter too, but it counts only writing requests.
So the request counter is treated as a budget only if it falls with our own GETs. A server that sends neither
header sets no budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pipedrive_graph.common import clock
from pipedrive_graph.errors import BudgetError
from pipedrive_graph.pipedrive.ratelimit.costs import tokens
from pipedrive_graph.pipedrive.ratelimit.headers import RateLimits

_ENOUGH = 3  # requests of ours after which it is visible whether a counter falls with them
_WITH_US = 0.9  # a counter that falls by at least this much per request of ours counts our requests
_NEW_DAY = 0.1  # share of the total by which a reading must be too high to be from a new day

_KEPT = (
    "What was read is kept: run sync again after the budget is renewed, presumably on"
    " {time:%Y-%m-%d at %H:%M} UTC{doubt}, and it continues from there."
)
_DOUBT = " (Pipedrive renews it at midnight, and does not say in which time zone)"


class Unit(StrEnum):
    """The unit of a budget."""

    TOKENS = "tokens"
    REQUESTS = "requests"


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of the day's budget, in `unit`.

    Attributes:
        remaining: what is left, less the cost of pending requests.
        total: the budget of the whole day.
        reserve: the part of it that is left to other integrations.
        unit: tokens or requests.
    """

    remaining: int
    total: int
    reserve: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of some requests: their number and their tokens."""

    requests: int = 0
    tokens: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.requests + other.requests, self.tokens + other.tokens)


@dataclass(frozen=True, slots=True)
class Spent:
    """A request that was charged.

    Attributes:
        price: its own cost.
        so_far: the total cost so far, including its own.
        charged: the part of it that the server has certainly charged when it responds: this request, and
            those whose response arrived before it was sent.
    """

    price: Cost
    so_far: Cost
    charged: Cost


class _Counter:
    """Estimates the current value of one counter of the server.

    Requests and responses overtake each other: while some are pending, it is unknown which of them a
    counter includes. Then the lowest reading counts; the estimate becomes exact when no request is
    pending. A reading that is far higher is from a new day.
    """

    def __init__(self) -> None:
        self.highest = 0
        self._base: int | None = None  # the value before our first request
        self.lowest: int | None = None  # the lowest reading since no request was pending

    def left(self, spent: int) -> int | None:
        """Return what is left after we have spent `spent`; None without a reading."""
        return None if self._base is None else max(0, self._base - spent)

    def read(self, left: int, spent: int, charged: int) -> None:
        """Process the reading in a response.

        Args:
            left: what the server says is left.
            spent: the total that we had spent when the request was sent, including the request.
            charged: the part of it that is certainly included in `left`.
        """
        self.highest = max(self.highest, left)
        if self._base is None or left + charged > self._base + _NEW_DAY * self.highest:
            self._base, self.lowest = left + charged, left
        self._base = min(self._base, left + spent)
        self.lowest = left if self.lowest is None else min(self.lowest, left)

    def settle(self, spent: int) -> None:
        """Make the estimate exact; called when no request is pending."""
        if self.lowest is not None:
            self._base, self.lowest = self.lowest + spent, None


class DailyBudget:
    """Tracks what is left of the day's budget; every request and response must be reported to it.

    Args:
        reserve: share of the total that is left to other integrations, 0 to less than 1.
        daily_limit: total in requests, because no header contains it.
    """

    def __init__(self, reserve: float, daily_limit: int) -> None:
        self._reserve = reserve
        self._daily_limit = daily_limit
        self._spent = Cost()
        self._answered = Cost()
        self._total: int | None = None
        self._tokens = _Counter()
        self._requests = _Counter()
        self._first: tuple[int, int] | None = None  # number of a request, and what was left at that time
        self._falls = False

    @property
    def under_way(self) -> int:
        """How many requests are charged and not answered yet."""
        return self._spent.requests - self._answered.requests

    @property
    def now(self) -> Budget | None:
        """What is left, as far as known; None if the server counts nothing."""
        left = self._tokens.left(self._spent.tokens)
        if left is not None:
            return self._budget(left, self._total or self._tokens.highest, Unit.TOKENS)
        left = self._requests.left(self._spent.requests)
        if left is not None and self._falls:
            return self._budget(left, max(self._daily_limit, left), Unit.REQUESTS)
        return None

    def _budget(self, left: int, total: int, unit: Unit) -> Budget:
        return Budget(left, total, round(total * self._reserve), unit)

    def spend(self, endpoint: str) -> Spent:
        """Charge a request, right before it is sent; `learn` must follow.

        Raises:
            BudgetError: if it would use the reserve.
        """
        price = Cost(1, tokens(endpoint))
        budget = self.now
        if budget is not None:
            wanted = price.tokens if budget.unit is Unit.TOKENS else price.requests
            if budget.remaining - wanted < budget.reserve:
                raise self.stop(budget)
        self._spent += price
        return Spent(price, self._spent, self._answered + price)

    def learn(self, spent: Spent, limits: RateLimits) -> None:
        """Process the headers of a response, or empty ones without a response."""
        if limits.daily_remaining is not None:
            self._tokens.read(limits.daily_remaining, spent.so_far.tokens, spent.charged.tokens)
            self._total = limits.daily_limit or self._total
        if limits.daily_requests_left is not None:
            left = limits.daily_requests_left
            self._requests.read(left, spent.so_far.requests, spent.charged.requests)
            self._compare(spent, left)
        self._answered += spent.price
        if not self.under_way:
            self._conclude(self._requests.lowest)
            self._tokens.settle(self._spent.tokens)
            self._requests.settle(self._spent.requests)

    def _compare(self, spent: Spent, left: int) -> None:
        """Check whether the counter of requests falls with those of ours that it certainly includes."""
        if self._first is None or left > self._first[1]:  # a higher value: the budget was renewed
            self._first = (spent.so_far.requests, left)
        elif self._fell(spent.charged.requests, left):
            self._falls = True

    def _conclude(self, left: int | None) -> None:
        """Decide whether the counter falls with our requests; none is pending, so it includes all of them."""
        number = self._spent.requests
        if left is not None and self._first is not None and number - self._first[0] >= _ENOUGH:
            self._falls = self._fell(number, left)

    def _fell(self, number: int, left: int) -> bool:
        """Whether the counter fell enough for the number of our requests that it includes."""
        if self._first is None or number - self._first[0] < _ENOUGH:
            return False
        return self._first[1] - left >= _WITH_US * (number - self._first[0])

    def stop(self, budget: Budget | None = None, wait: float | None = None) -> BudgetError:
        """Return the error that ends the run.

        Args:
            budget: what is left; None if the server reported that the budget is used up.
            wait: seconds after which the server asks to retry; None if it says nothing.
        """
        continues_at = _midnight() if wait is None else clock.now() + timedelta(seconds=wait)
        kept = _KEPT.format(time=continues_at, doubt=_DOUBT if wait is None else "")
        if budget is None:
            reason = "Pipedrive accepts no more requests today: the company's daily budget is used up."
        else:
            reason = (
                f"Stopped to keep the daily reserve: {budget.remaining:,} of {budget.total:,}"
                f" {budget.unit} are left today, and {budget.reserve:,} are kept for the company's other"
                " integrations (daily_reserve)."
            )
        return BudgetError(f"{reason} {kept}", continues_at)


def _midnight() -> datetime:
    """Return the next midnight, UTC."""
    tomorrow = clock.now() + timedelta(days=1)
    return tomorrow.replace(hour=0, minute=0, second=0, microsecond=0)
