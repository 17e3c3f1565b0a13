"""The pace with simulator and client in processes of their own: ratios and counts, no absolute times."""

from __future__ import annotations

import pytest

from benchmarks.pacing import measure
from pipedrive_graph.simulator.server import Options

pytestmark = pytest.mark.slow

TEN_MINUTES = 600.0


@pytest.mark.parametrize(
    "options",
    [
        Options(limit=20, latency=0.02, reset="epoch", clock_offset=TEN_MINUTES),
        Options(limit=80, latency=0.15, jitter=0.1, reset="epoch_ms", clock_offset=-TEN_MINUTES),
        Options(limit=80, latency=2.0, jitter=0.2, fixed_window=True),
        Options(limit=120, latency=0.02, jitter=0.01),
        Options(limit=480, latency=0.02, fixed_window=True, reset="delta"),
        Options(limit=480, latency=0.5, jitter=0.05),
    ],
    ids=lambda options: f"{options.limit} at {options.latency:g} s",
)
def test_the_rate_is_used_and_nothing_is_refused(options: Options):
    got = measure(options, windows=5)
    assert got.throttled == 0
    assert got.reaches_the_bar(alone=True), got


@pytest.mark.parametrize("fixed", [False, True], ids=["sliding", "fixed"])
def test_what_others_use_is_left_to_them(fixed: bool):
    got = measure(Options(limit=80, latency=0.15, jitter=0.02, fixed_window=fixed), windows=5, rate=20.0)
    assert got.reaches_the_bar(alone=False), got
    assert got.share > 0.8
