"""Estimates how late a response is compared with the usual latency: its request may have arrived as late."""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise

_BUDGET = 0.015  # seconds that responses may count as late, on average
_REMEMBERED = 64
_EVERY = 8  # responses after which the usual latency is recomputed


class LatencyEstimator:
    """Learns from each response's latency; all times are seconds.

    Attributes:
        usual: latency above which a response counts as late; infinite until known.
        cold: whether the first burst, or the first one after a long pause, is still pending.
    """

    def __init__(self) -> None:
        self.usual = math.inf
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)
        self._answers = 0
        self._least = math.inf
        self.cold = True

    def chill(self) -> None:
        """Forget the latencies, because new connections are opened."""
        self.cold, self._answers = True, 0

    def of(self, latency: float, burst: int) -> float:
        """Return by how much a response is late, and learn from its latency.

        The first burst opens the connections and arrives in any order, so it shows no usual latency yet;
        the second one arrives in better order, and must not overtake the first.

        Args:
            latency: seconds from sending the request to the head of the response.
            burst: how many requests a full burst has.
        """
        self._least = min(self._least, latency)
        self.cold = self._answers <= burst
        usual = self._least if self.cold else self.usual
        self._latencies.append(latency)
        self._answers += 1
        if self._answers % _EVERY == 0:
            self.usual = usual_latency(self._latencies)
        return max(latency - usual, 0.0)


def usual_latency(latencies: deque[float]) -> float:
    """Return the latency above which responses are late by 15 ms on average, in seconds.

    A late response may mean that its request arrived late, which then occupies its slot for longer. The
    threshold limits the cost of this: with steady latencies nearly everything beyond the minimum counts as
    late, with varying ones only the outliers.
    """
    budget = _BUDGET * len(latencies)
    falling = sorted(latencies, reverse=True)
    above = 0.0
    for count, (longer, shorter) in enumerate(pairwise(falling), 1):
        step = (longer - shorter) * count
        if above + step > budget:
            return longer - (budget - above) / count
        above += step
    return falling[-1]
