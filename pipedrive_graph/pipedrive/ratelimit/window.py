"""The window as the server may see it: which requests stand in it, and until when."""

from __future__ import annotations

import heapq


class Places:
    """Holders of a place each, and the times at which they give it up; its length is their number."""

    def __init__(self) -> None:
        self._until: dict[object, float] = {}
        self._heap: list[tuple[float, int, object]] = []  # (until, order, holder); some are outdated
        self._order = 0

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, holder: object) -> bool:
        return holder in self._until

    def hold(self, holder: object, until: float) -> None:
        """Let `holder` have a place until then, be it a new one or the one it has."""
        self._until[holder] = until
        self._order += 1
        heapq.heappush(self._heap, (until, self._order, holder))

    def clear(self, now: float) -> None:
        """Take the places back whose time has come."""
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
        """When the next place is given up; None where nobody has one. Asked after `clear`."""
        return self._heap[0][0] if self._heap else None
