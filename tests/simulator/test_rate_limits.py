"""The limits: enforced to the request, announced in the headers, and in the end the CDN's door."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from pipedrive_graph.simulator.limits import FixedWindow, Limits, SlidingWindow
from pipedrive_graph.simulator.options import Options
from pipedrive_graph.simulator.server import Simulator

from .calling import call

OVER = {
    "success": False,
    "error": "Request over limit",
    "errorCode": 429,
    "error_info": "Please check developers.pipedrive.com",
}


def test_a_sliding_window_gives_back_one_request_at_a_time() -> None:
    window = SlidingWindow(3, 2.0)
    assert [window.admit(at) for at in (0.0, 0.5, 1.0, 1.9)] == [True, True, True, False]
    assert window.remaining(1.9) == 0
    assert window.reset(1.5) == pytest.approx(0.5)
    assert [window.admit(at) for at in (2.0, 2.4, 2.5)] == [True, False, True]


def test_a_fixed_window_gives_back_all_at_once() -> None:
    window = FixedWindow(3, 2.0)
    assert [window.admit(at) for at in (10.0, 11.8, 11.9, 11.99)] == [True, True, True, False]
    assert window.reset(11.5) == pytest.approx(0.5)
    assert [window.admit(at) for at in (12.0, 12.1, 12.2, 13.9)] == [True, True, True, False]


def test_never_more_than_the_limit_in_any_window() -> None:
    window, admitted = SlidingWindow(7, 2.0), []
    for tick in range(2_000):
        if window.admit(tick / 100):
            admitted.append(tick / 100)
    assert len(admitted) == 70
    for first in admitted:
        assert sum(first <= at < first + 2.0 for at in admitted) <= 7


@pytest.mark.parametrize("fixed", [False, True])
def test_the_window_is_enforced_to_the_request(fixed) -> None:
    with Simulator(Options(users=5, limit=10, window=2.0, fixed_window=fixed)) as running:
        answers = [call(running, "users/me") for _ in range(13)]
        assert [answer.status for answer in answers] == [200] * 10 + [429] * 3
        remaining = [int(answer.headers["x-ratelimit-remaining"]) for answer in answers]
        assert remaining == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0]
        assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"10"}
        assert answers[-1].json == OVER
        assert "retry-after" not in answers[-1].headers
        time.sleep(2.05)
        assert call(running, "users/me").status == 200
        assert [seen.status for seen in running.requests] == [200] * 10 + [429] * 3 + [200]


def test_each_token_has_its_own_window_and_a_wrong_one_none() -> None:
    with Simulator(Options(users=5, limit=2)) as running:
        user, wrong = running.options.user_token, "wrong"
        assert [call(running, "users/me", token=wrong).status for _ in range(5)] == [401] * 5
        assert [call(running, "users/me").status for _ in range(3)] == [200, 200, 429]
        assert [call(running, "users/me", token=user).status for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(
    ("dialect", "form", "unit"),
    [("official", None, None), ("brief", None, 1), ("brief", "epoch_ms", 1000), ("official", "epoch", 1)],
)
def test_the_reset_comes_in_three_forms(dialect, form, unit) -> None:
    with Simulator(Options(users=5, dialect=dialect, reset=form, clock_offset=3_600)) as running:
        answer = call(running, "users/me")
        reset = int(answer.headers["x-ratelimit-reset"])
        date = parsedate_to_datetime(answer.headers["date"]).timestamp()
        assert 3_590 < date - datetime.now(UTC).timestamp() < 3_610
        if unit is None:
            assert 1 <= reset <= 2
        else:
            assert 0 <= reset / unit - date <= 4


def test_retry_after_on_request() -> None:
    with Simulator(Options(users=5, limit=1, retry_after=True)) as running:
        assert "retry-after" not in call(running, "users/me").headers
        assert call(running, "users/me").headers["retry-after"] in ("1", "2")


def test_official_days_are_budgets_of_tokens_by_endpoint() -> None:
    with Simulator(Options(users=5, daily_limit=60)) as running:
        user_id = running.company.owner_id
        left = []
        for path in ("users/me", "users", f"users/{user_id}", f"users/{user_id}/permissions", "roles/1"):
            answer = call(running, path)
            assert answer.headers["x-daily-ratelimit-token-limit"] == "60"
            left.append(int(answer.headers["x-daily-ratelimit-token-remaining"]))
        assert left == [58, 38, 36, 26, 24]
        assert call(running, "users/find?term=a").status == 200
        refused = call(running, "users/me")
        assert (refused.status, refused.json) == (429, OVER)
        assert refused.headers["x-daily-ratelimit-token-remaining"] == "0"
        assert int(refused.headers["x-ratelimit-remaining"]) > 0
        running.limits.new_day()
        assert call(running, "users/me").status == 200


def test_brief_days_are_numbers_of_requests() -> None:
    with Simulator(Options(users=5, dialect="brief", daily_limit=3)) as running:
        answers = [call(running, "users/me") for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["x-daily-requests-left"] for answer in answers] == ["2", "1", "0", "0"]
        assert int(answers[-1].headers["x-ratelimit-remaining"]) > 0
        assert "x-daily-ratelimit-token-limit" not in answers[0].headers


def test_who_keeps_calling_is_blocked_by_the_cdn() -> None:
    with Simulator(Options(users=5, limit=1, window=1.5, block_after=4, block_seconds=1.5)) as running:
        statuses = [call(running, "users/me").status for _ in range(7)]
        assert statuses == [200, 429, 429, 429, 429, 403, 403]
        answer = call(running, "users/me")
        assert answer.status == 403
        assert answer.headers["content-type"] == "text/html; charset=UTF-8"
        assert answer.headers["server"] == "cloudflare"
        assert b"This error is produced by Cloudflare" in answer.body
        assert not [name for name in answer.headers if "ratelimit" in name]
        time.sleep(1.6)
        assert call(running, "users/me").status == 200


def test_strikes_are_forgotten_after_a_quiet_time() -> None:
    limits = Limits(Options(limit=1, window=1.0, block_after=2), 1_000)
    account = limits.account("t")
    assert [limits.charge(account, 1, at) for at in (0.0, 0.1, 0.2)] == [200, 429, 429]
    assert [limits.charge(account, 1, at) for at in (6.0, 6.1, 6.2, 6.3)] == [200, 429, 429, 403]


def test_midnight_gives_the_budget_back() -> None:
    limits = Limits(Options(), 10)
    account = limits.account("t")
    limits.turn_to(1)
    limits.charge(account, 10, 0.0)
    limits.turn_to(1)
    assert limits.left(account) == 0
    limits.turn_to(2)
    assert limits.left(account) == 10


def test_the_default_budgets_are_the_plans() -> None:
    assert Simulator(Options(users=5, clean=True)).limits.daily_limit == 5 * 90_000
    assert Simulator(Options(users=5, dialect="brief")).limits.daily_limit == 80_000
