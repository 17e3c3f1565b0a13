"""The server's limit and our part of it, learned from headers or from refusals."""

from __future__ import annotations

from itertools import pairwise

from pipedrive_graph.pipedrive.ratelimit.headers import RateLimits
from pipedrive_graph.pipedrive.ratelimit.quota import Quota

QUIET = RateLimits()


def used_to_the_full(quota: Quota, now: float) -> None:
    """A window in which a call waits and no request is refused."""
    quota.full()
    for _ in range(quota.limit + 1):
        quota.learn(QUIET, 1, now)


def test_the_limit_is_learnt_and_others_are_left_their_share():
    quota = Quota(20, 2.0, 0.0)
    for second in range(6):
        quota.learn(RateLimits(limit=50, remaining=19), 6, float(second))
    assert quota.limit == 50
    assert quota.capacity == 50 - (50 - 19 - 6) - 1
    assert quota.shared(6.0)


def test_our_own_requests_are_not_taken_for_others():
    quota = Quota(20, 2.0, 0.0)
    for own in range(1, 51):
        quota.learn(RateLimits(limit=50, remaining=50 - own), own, own / 100)
    assert quota.capacity == 50
    assert not quota.shared(0.5)


def test_who_has_just_been_met_may_use_twice_as_much():
    quota = Quota(20, 2.0, 0.0)
    quota.learn(RateLimits(limit=50, remaining=39), 1, 0.0)
    assert quota.capacity == 50 - 2 * 10 - 1
    quota.learn(RateLimits(limit=50, remaining=38), 1, 2.1)
    assert quota.capacity == 50 - 11 - 1


def test_others_who_are_gone_leave_their_share():
    quota = Quota(20, 2.0, 0.0)
    quota.learn(RateLimits(limit=50, remaining=9), 1, 0.0)
    quota.learn(RateLimits(limit=50, remaining=49), 1, 5.0)
    assert quota.capacity == 50
    assert not quota.shared(30.0)


def test_something_is_always_left_to_us():
    quota = Quota(20, 2.0, 0.0)
    quota.learn(RateLimits(limit=50, remaining=0), 1, 0.0)
    assert quota.capacity == 1


def test_after_a_429_more_is_left_to_others_for_a_while():
    quota = Quota(20, 2.0, 0.0)
    for second in range(4):
        quota.learn(RateLimits(limit=80, remaining=39), 20, float(second))
    before = quota.capacity
    quota.refuse(4.0)
    assert quota.capacity < before
    for second in range(4, 12):
        quota.learn(RateLimits(limit=80, remaining=39), 20, float(second))
    assert quota.capacity == before


def test_an_untold_limit_rises_while_it_is_used_and_nothing_is_refused():
    quota = Quota(20, 2.0, 0.0)
    limits = []
    for window in range(40):
        used_to_the_full(quota, 2.1 * window)
        limits.append(quota.limit)
    assert limits[0] == 20
    assert limits[30] > 80
    assert all(later <= limit * 1.07 for limit, later in pairwise(limits))


def test_an_untold_limit_that_is_not_used_does_not_rise():
    quota = Quota(20, 2.0, 0.0)
    for second in range(100):
        quota.learn(QUIET, 1, float(second))
    assert quota.limit == 20


def test_an_untold_limit_returns_to_what_was_taken_and_is_tried_again_slowly():
    quota = Quota(20, 2.0, 0.0)
    now = 0.0
    proven = 20
    while quota.limit <= 80:
        proven = quota.limit
        now += 2.1
        used_to_the_full(quota, now)
    quota.refuse(now + 1)
    assert quota.limit == proven <= 80
    for _ in range(20):  # 42 seconds
        now += 2.1
        used_to_the_full(quota, now)
    assert quota.limit == proven + 1
    quota.refuse(now)
    assert quota.limit == proven


def test_what_was_taken_and_is_no_longer_is_lowered():
    quota = Quota(20, 2.0, 0.0)
    quota.learn(QUIET, 1, 0.0)
    quota.refuse(0.5)
    assert quota.limit == 16
    quota.refuse(0.6)  # of the same burst
    assert quota.limit == 16
