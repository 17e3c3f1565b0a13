from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipedrive_graph.pipedrive.ratelimit.headers import RateLimits, read_limits

DATE = datetime(2019, 5, 5, 5, 5, 5, tzinfo=UTC)  # a server's clock that is years behind ours
DATED = {"date": format_datetime(DATE, usegmt=True)}
NAMES = [
    "date",
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-daily-ratelimit-token-limit",
    "x-daily-ratelimit-token-remaining",
]
values = st.text() | st.integers().map(str) | st.floats().map(str) | st.datetimes().map(format_datetime)


@given(st.dictionaries(st.sampled_from(NAMES), values))
def test_whatever_the_headers_hold_the_wait_is_bounded(headers: dict[str, str]):
    limits = read_limits(headers)
    assert 0 <= limits.burst_wait <= 10
    assert limits.limit is None or limits.limit >= 1
    assert limits.remaining is None or limits.remaining >= 0
    assert limits.day_is_over in (True, False)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2", 2),
        ("0.5", 0.5),
        ("-3", 0),
        ("3600", 10),
        (str(int(DATE.timestamp()) + 2), 2),
        (str((int(DATE.timestamp()) + 2) * 1000), 2),
        (str(int(DATE.timestamp()) - 60), 0),
        ("soon", None),
        ("", None),
    ],
)
def test_reset_comes_in_three_forms(value: str, seconds: float | None):
    assert read_limits({**DATED, "x-ratelimit-reset": value}).reset == seconds


def test_an_epoch_without_a_date_says_nothing():
    limits = read_limits({"x-ratelimit-reset": str(int(DATE.timestamp()) + 2)})
    assert limits.reset is None
    assert limits.burst_wait == 2


def test_retry_after_goes_before_reset_and_may_be_a_date():
    assert read_limits({"retry-after": "1", "x-ratelimit-reset": "2"}).burst_wait == 1
    later = format_datetime(DATE + timedelta(seconds=3), usegmt=True)
    assert read_limits({**DATED, "retry-after": later}).retry_after == 3
    assert read_limits({"retry-after": later}).retry_after is None


ABSURD = [
    "99999999999",
    "9" * 400,
    "1e309",
    "inf",
    "nan",
    "-1",
    "-99999999999",
    "0x10",
    "Fri, 31 Dec 9999 23:59:59 GMT",
]


@pytest.mark.parametrize("value", ABSURD)
def test_no_number_of_a_server_is_believed_beyond_its_bound(value: str):
    limits = read_limits({**DATED, **dict.fromkeys(NAMES[1:], value)})

    assert limits.limit is None or 1 <= limits.limit <= 100_000
    assert limits.remaining is None or 0 <= limits.remaining <= 100_000
    assert limits.retry_after is None or 0 <= limits.retry_after <= 86_400
    assert limits.reset is None or 0 <= limits.reset <= 10
    assert limits.daily_limit is None or 0 <= limits.daily_limit <= 10**12
    assert limits.daily_remaining is None or 0 <= limits.daily_remaining <= 10**12


def test_no_server_asks_for_more_than_a_day():
    assert read_limits({"retry-after": "99999999999"}).retry_after == 86_400
    assert read_limits({**DATED, "retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}).retry_after == 86_400
    assert read_limits({"x-ratelimit-limit": "999999999999999"}).limit == 100_000


def test_the_day_is_over_by_any_of_three_signs():
    assert RateLimits(daily_remaining=0, remaining=0).day_is_over
    assert RateLimits(remaining=3).day_is_over
    assert RateLimits(retry_after=3600).day_is_over
    assert not RateLimits(remaining=0, daily_remaining=5, retry_after=2).day_is_over
    assert not RateLimits().day_is_over
