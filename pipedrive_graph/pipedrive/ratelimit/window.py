"""The window as the server may see it: which requests are in it, and until when."""

from __future__ import annotations

import heapq


class Slots:
    """The occupied slots: their holders and when each becomes free; its length is their number."""

    def __init__(self) -> None:
        self._until: dict[object, float] = {}
        self._heap: list[tuple[float, int, object]] = []  # (until, order, holder); some are outdated
        self._order = 0

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, holder: object) -> bool:
        return holder in self._until

    def hold(self, holder: object, until: float) -> None:
        """Assign a slot to `holder` until then: a new one, or the one it already has."""
        self._until[holder] = until
        self._order += 1
        heapq.heappush(self._heap, (until, self._order, holder))

    def clear(self, now: float) -> None:
        """Free the slots whose time is over."""
        while self._heap:
            until, _, holder = self._heap[0]
            current = self._until.get(holder) == until
            if current and until > now:
                return
            heapq.heappop(self._heap)
            if current:
                del self._until[holder]

    @property
    def next_free(self) -> float | None:
        """When the next slot becomes free; None if all are. Valid after `clear`."""
        return self._heap[0][0] if self._heap else None
