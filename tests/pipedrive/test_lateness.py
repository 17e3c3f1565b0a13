"""How late a response is, compared with the usual latency."""

from __future__ import annotations

import pytest

from pipedrive_graph.pipedrive.ratelimit.latency import LatencyEstimator

BURST = 40


def test_in_the_first_burst_all_beyond_the_least_is_late():
    lateness = LatencyEstimator()
    assert lateness.of(0.1, BURST) == 0
    assert [lateness.of(0.15, BURST) for _ in range(BURST)] == [pytest.approx(0.05)] * BURST
    assert lateness.cold


def test_afterwards_what_is_usual_is_not():
    lateness = LatencyEstimator()
    lateness.of(0.1, BURST)
    for _ in range(2 * BURST):
        lateness.of(0.11, BURST)
    assert not lateness.cold
    assert lateness.of(0.11, BURST) <= 0.015
    assert lateness.of(0.5, BURST) > 0.3


def test_after_a_long_pause_it_is_a_first_burst_again():
    lateness = LatencyEstimator()
    lateness.of(0.1, BURST)
    for _ in range(2 * BURST):
        lateness.of(0.2, BURST)
    lateness.chill()
    assert lateness.cold
    assert lateness.of(0.2, BURST) == pytest.approx(0.1)
