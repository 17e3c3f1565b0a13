"""Watches the company's daily budget, of which a part is left to its other integrations.

Pipedrive counts tokens (`x-daily-ratelimit-token-remaining`, undocumented but seen live); other servers
count requests (`x-daily-requests-left`). Pipedrive sends the latter too, but counts writing requests only
with it: so it is a budget for us only where it falls with our own GETs. Who sends neither sets none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pipedrive_graph.common import clock
from pipedrive_graph.errors import BudgetError
from pipedrive_graph.pipedrive.ratelimit.costs import tokens
from pipedrive_graph.pipedrive.ratelimit.headers import RateLimits

_ENOUGH = 3  # requests of ours after which it shows whether a counter falls with them
_WITH_US = 0.9  # falls per request of ours, from which on it does
_NEW_DAY = 0.1  # share of the total by which a reading must be too high to be of another day

_KEPT = (
    "What was read is kept: run sync again after the budget is renewed, presumably on"
    " {time:%Y-%m-%d at %H:%M} UTC{doubt}, and it goes on from there."
)
_DOUBT = " (Pipedrive renews it at midnight, and does not say in which time zone)"


class Unit(StrEnum):
    """What a budget counts."""

    TOKENS = "tokens"
    REQUESTS = "requests"


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of the day, in `unit`.

    Attributes:
        remaining: what is left, less what is under way.
        total: of the whole day.
        reserve: how much of it is left to others.
        unit: what is counted.
    """

    remaining: int
    total: int
    reserve: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Cost:
    """What some requests cost: how many they are, and their tokens."""

    requests: int = 0
    tokens: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.requests + other.requests, self.tokens + other.tokens)


@dataclass(frozen=True, slots=True)
class Spent:
    """A request that was paid for.

    Attributes:
        price: what it costs itself.
        so_far: what was spent by then, itself included.
        charged: what of that the server has charged for certain when it answers this one: itself, and
            what was answered before it was sent.
    """

    price: Cost
    so_far: Cost
    charged: Cost


class _Counter:
    """What one counter of the server must show by now.

    Answers overtake each other, and requests do: while some are under way, it is not known which of
    them a counter includes. The lowest reading is believed then, and the last word is had when nothing is
    under way. A reading that is far higher is of another day.
    """

    def __init__(self) -> None:
        self.highest = 0
        self._base: int | None = None  # what was there before we spent anything
        self.lowest: int | None = None  # reading since nothing was under way

    def left(self, spent: int) -> int | None:
        """Return what is left after we have spent so much; None where nothing was ever read."""
        return None if self._base is None else max(0, self._base - spent)

    def read(self, left: int, spent: int, charged: int) -> None:
        """Take the reading in the answer to a request with which we had spent so much.

        Args:
            left: what the server says is left.
            spent: by us, with that request.
            charged: how much of it is charged for certain in `left`.
        """
        self.highest = max(self.highest, left)
        if self._base is None or left + charged > self._base + _NEW_DAY * self.highest:
            self._base, self.lowest = left + charged, left
        self._base = min(self._base, left + spent)
        self.lowest = left if self.lowest is None else min(self.lowest, left)

    def settle(self, spent: int) -> None:
        """Note that nothing is under way."""
        if self.lowest is not None:
            self._base, self.lowest = self.lowest + spent, None


class DailyBudget:
    """Knows what is left of the day; told of every request and of every answer.

    Args:
        reserve: share of the total that is left to others, 0 to less than 1.
        daily_limit: total in requests, which no header tells.
    """

    def __init__(self, reserve: float, daily_limit: int) -> None:
        self._reserve = reserve
        self._daily_limit = daily_limit
        self._spent = Cost()
        self._answered = Cost()
        self._total: int | None = None
        self._tokens = _Counter()
        self._requests = _Counter()
        self._first: tuple[int, int] | None = None  # number of a request, and what was left by then
        self._falls = False

    @property
    def under_way(self) -> int:
        """How many requests are paid for, and not answered yet."""
        return self._spent.requests - self._answered.requests

    @property
    def now(self) -> Budget | None:
        """What is left, as far as known; None where nothing is counted."""
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
        """Take what a request costs, right before it is sent; `learn` must follow.

        Raises:
            BudgetError: if it would be taken from the reserve.
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
        """Learn from the headers of an answer; from empty ones where none came."""
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
        """Find out whether the counter of requests falls with our own, those that it includes for certain."""
        if self._first is None or left > self._first[1]:  # the second: it was renewed
            self._first = (spent.so_far.requests, left)
        elif self._fell(spent.charged.requests, left):
            self._falls = True

    def _conclude(self, left: int | None) -> None:
        """Say whether it does; nothing is under way, so it includes all of ours."""
        number = self._spent.requests
        if left is not None and self._first is not None and number - self._first[0] >= _ENOUGH:
            self._falls = self._fell(number, left)

    def _fell(self, number: int, left: int) -> bool:
        """Whether the counter has fallen enough by the time when it included so many of ours."""
        if self._first is None or number - self._first[0] < _ENOUGH:
            return False
        return self._first[1] - left >= _WITH_US * (number - self._first[0])

    def stop(self, budget: Budget | None = None, wait: float | None = None) -> BudgetError:
        """Return the error that ends the run.

        Args:
            budget: what is left; None where the server has said that nothing is.
            wait: seconds after which the server wants to be asked again; None where it says nothing.
        """
        continues_at = _midnight() if wait is None else clock.now() + timedelta(seconds=wait)
        kept = _KEPT.format(time=continues_at, doubt=_DOUBT if wait is None else "")
        if budget is None:
            reason = "Pipedrive takes no more requests today: the company's daily budget is used up."
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
