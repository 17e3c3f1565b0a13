"""Reads the headers that report rate limits, without trusting any of their values.

Sources: the vendor's page on rate limits (`x-ratelimit-*`, a window of 2 seconds), and headers that are
undocumented but seen live (`x-daily-ratelimit-token-*`, `retry-after`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

WINDOW = 2.0
"""Length of the window in seconds, for which `x-ratelimit-limit` requests are allowed."""

LONGEST_BURST_WAIT = 10.0
"""Seconds; a longer wait after a burst is not a delay but another kind of value."""

LONGEST_WAIT = 86_400.0
"""Seconds; a server has no reason to ask for more: every budget of Pipedrive is renewed each day."""

LARGEST_LIMIT = 100_000
"""Requests per window; the largest plan allows 480."""

LARGEST_BUDGET = 10**12
"""Tokens or requests per day; a company of a million seats on the largest plan has 2 * 10**11."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_EPOCH_SECONDS = 1e9
_EPOCH_MILLISECONDS = 1e12
_DAILY_WAIT = 300.0  # seconds: a burst never lasts so long


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits in one response's headers; None if a header is absent or implausible.

    Attributes:
        limit: requests per window, at most LARGEST_LIMIT.
        remaining: requests left in the window, at most LARGEST_LIMIT.
        reset: seconds until the window ends, 0 to 10.
        retry_after: seconds to wait according to `Retry-After`; at most LONGEST_WAIT.
        daily_limit: tokens per day; like the following two at most LARGEST_BUDGET.
        daily_remaining: tokens left today.
        daily_requests_left: requests left today; Pipedrive counts only writing ones.
        date: the server's clock, aware.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    retry_after: float | None = None
    daily_limit: int | None = None
    daily_remaining: int | None = None
    daily_requests_left: int | None = None
    date: datetime | None = None

    @property
    def burst_wait(self) -> float:
        """Seconds to wait after a 429, 0 to 10; a whole window if the headers do not say."""
        asked = self.retry_after if self.retry_after is not None else self.reset
        return WINDOW if asked is None else min(asked, LONGEST_BURST_WAIT)

    @property
    def day_is_over(self) -> bool:
        """Whether a 429 with these headers means the day's budget, not the burst window."""
        return (
            self.daily_remaining == 0
            or (self.remaining is not None and self.remaining > 0)
            or (self.retry_after is not None and self.retry_after >= _DAILY_WAIT)
        )


def read_limits(headers: Mapping[str, str]) -> RateLimits:
    """Return the limits in the headers (names in lower case); never raises."""
    date = _date(headers.get("date"))
    limit = _count(headers.get("x-ratelimit-limit"), LARGEST_LIMIT)
    return RateLimits(
        limit=limit or None,
        remaining=_count(headers.get("x-ratelimit-remaining"), LARGEST_LIMIT),
        reset=_reset(headers.get("x-ratelimit-reset"), date),
        retry_after=_retry_after(headers.get("retry-after"), date),
        daily_limit=_count(headers.get("x-daily-ratelimit-token-limit")),
        daily_remaining=_count(headers.get("x-daily-ratelimit-token-remaining")),
        daily_requests_left=_count(headers.get("x-daily-requests-left")),
        date=date,
    )


def _number(value: str | None) -> float | None:
    if value is None or not _NUMBER.fullmatch(value.strip()):
        return None
    return float(value)


def _count(value: str | None, largest: int = LARGEST_BUDGET) -> int | None:
    number = _number(value)
    return None if number is None else min(max(0, int(number)), largest)


def _date(value: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value) if value else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment


def _reset(value: str | None, date: datetime | None) -> float | None:
    """Return the seconds until the reset, which is sent as a delta, or as an epoch in s or ms.

    An epoch is compared with the response's own `Date`, so that a wrong local clock does no harm.
    `Date` is truncated to whole seconds, so the result is up to one second too long, never too short.
    """
    number = _number(value)
    if number is None:
        return None
    if abs(number) > _EPOCH_MILLISECONDS:
        number /= 1000
    if abs(number) > _EPOCH_SECONDS:
        if date is None:
            return None
        number -= date.timestamp()
    return min(max(number, 0.0), LONGEST_BURST_WAIT)


def _retry_after(value: str | None, date: datetime | None) -> float | None:
    """Return the seconds in `Retry-After`: a delta, or a date compared with `Date`."""
    number = _number(value)
    if number is not None:
        return min(max(number, 0.0), LONGEST_WAIT)
    until = _date(value)
    if until is None or date is None:
        return None
    return min(max((until - date).total_seconds(), 0.0), LONGEST_WAIT)
