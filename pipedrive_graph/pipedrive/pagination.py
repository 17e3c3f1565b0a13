"""Follows a list from page to page, as far as Pipedrive says that there is more; knows nothing of HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace

from pipedrive_graph.pipedrive.answers import Answer
from pipedrive_graph.pipedrive.endpoints import Call
from pipedrive_graph.pipedrive.models import Record, RoleAssignment, UnreadableRow
from pipedrive_graph.pipedrive.responses import repeated, too_long

LARGEST_LIST = 256 * 2**20
"""Characters that the pages of one list may have together: they are in memory until all of them are there."""


async def pages(fetch: Callable[[Call], Awaitable[Answer]], call: Call) -> AsyncGenerator[Answer, None]:
    """Yield the answers to a call and to those for the pages that follow, as long as there are any.

    Where Pipedrive pages, it says that there is more, and mostly where that starts (`reading` knows
    the rule where it does not); where it does not page, there is one answer.
    Servers that ignore `start` send the same page for ever: a page that announces more and has no row
    that is new ends the list. Of a list it is not yielded, so the last page that is says that there was
    to be more; of a subject's own list, which must be known in full, it is yielded as failed. A page with
    which the list becomes larger than `LARGEST_LIST` is yielded as failed, and is the last one.

    Args:
        fetch: brings the answer to one call.
        call: the first page.

    Raises:
        Exception: as `fetch` does.
    """
    seen: set[object] = set()
    size = 0
    while True:
        answer = await fetch(call)
        size += len(answer.text)
        if size > LARGEST_LIST and not call.endpoint.takes_id:
            yield too_long(answer)
            return
        rows: list[Record | UnreadableRow] = [*answer.rows(Record), *answer.unreadable]
        new = {_identity(row) for row in rows} - seen
        following = answer.next_start
        if seen and rows and not new and following is not None:
            if call.endpoint.takes_id:
                yield repeated(answer)
            return
        seen |= new
        if following is not None and following <= (call.start or 0):
            following = (call.start or 0) + len(rows)  # whatever it says, there is where it goes on
            answer = replace(answer, next_start=following)
        yield answer
        if following is None or not new:
            return
        call = replace(call, start=following)


def _identity(row: Record | UnreadableRow) -> object:
    """Return what tells a row of a list from the others in it."""
    if isinstance(row, UnreadableRow):
        return row.content
    if isinstance(row, RoleAssignment):
        return row.user_id, row.role_id
    return getattr(row, "id", None)
