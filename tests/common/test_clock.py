"""The one clock: it goes on from where a variable says, and writes times in one form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pipedrive_graph.common import clock
from pipedrive_graph.errors import ConfigurationError


def test_now_is_now() -> None:
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize("text", ["2026-11-01T02:00:00Z", "2026-11-01T02:00:00", "2026-11-01T05:00:00+03:00"])
def test_the_clock_can_be_set_and_goes_on(monkeypatch, text: str) -> None:
    monkeypatch.setenv("PIPEDRIVE_GRAPH_CLOCK", text)
    first, second = clock.now(), clock.now()
    assert datetime(2026, 11, 1, 2, 0, tzinfo=UTC) <= first < second
    assert first.tzinfo is UTC


@pytest.mark.parametrize("text", ["soon", "0", "nan", "-5", "1e309", "99999999"])
def test_a_tolerance_that_is_no_number_of_minutes(monkeypatch, text: str) -> None:
    monkeypatch.setenv("PIPEDRIVE_GRAPH_CLOCK_TOLERANCE", text)
    with pytest.raises(ConfigurationError, match="must be a number of minutes from 1 to 10000000"):
        clock.tolerance()


def test_times_are_written_in_one_form() -> None:
    moment = datetime(2026, 11, 1, 5, 0, 0, 120, tzinfo=timezone(timedelta(hours=3)))
    assert clock.iso(moment) == "2026-11-01T02:00:00.000120Z"
