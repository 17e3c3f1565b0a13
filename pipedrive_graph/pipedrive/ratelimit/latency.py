"""Tells how much later than usual an answer is: its request may have arrived so much later."""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise

_BUDGET = 0.015  # seconds that answers may count as late, on average
_REMEMBERED = 64
_EVERY = 8  # answers after which it is weighed anew what is usual


class Lateness:
    """Learns from each answer's latency; all times are seconds.

    Attributes:
        usual: latency above which an answer counts as late; infinite until that is known.
        cold: whether the first burst, or the first one after a long pause, is not answered yet.
    """

    def __init__(self) -> None:
        self.usual = math.inf
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)
        self._answers = 0
        self._least = math.inf
        self.cold = True

    def chill(self) -> None:
        """Note that connections are opened anew."""
        self.cold, self._answers = True, 0

    def of(self, latency: float, burst: int) -> float:
        """Return by how much an answer is late, and learn from it.

        The first burst opens the connections and arrives as it may, so that there is nothing yet to
        tell what is usual by; the second one comes in better order, and must not overtake it.

        Args:
            latency: from sending to the answer's head.
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
    """Return the latency above which answers are late by 15 ms on average, in seconds.

    A late request may have arrived late, and then holds its place for longer. How strictly "late" is
    read follows from what that may cost: under steady latencies nearly everything beyond the least,
    under wild ones only the outliers.
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
