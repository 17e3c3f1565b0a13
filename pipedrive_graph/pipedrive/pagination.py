"""Follows a list from page to page as long as Pipedrive announces more; independent of HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace

from pipedrive_graph.pipedrive.answers import Answer
from pipedrive_graph.pipedrive.endpoints import Call
from pipedrive_graph.pipedrive.models import Record, RoleAssignment, UnreadableRow
from pipedrive_graph.pipedrive.responses import repeated, too_long

LARGEST_LIST = 256 * 2**20
"""Characters that the pages of one list may have together: all of them are in memory at once."""


async def pages(fetch: Callable[[Call], Awaitable[Answer]], call: Call) -> AsyncGenerator[Answer, None]:
    """Yield the answers to a call and to the calls for the following pages.

    If Pipedrive uses pages for a list, it announces each further one: API v1 mostly with its start (`parsing`
    computes the start if it is missing), v2 with a cursor. Otherwise there is one answer.

    A server that ignores `start` would send the same page forever. A page that announces more and has no new
    row therefore ends the list. For a list of all subjects, this page is not yielded, so the last
    yielded page announces more than there is. The list of a single subject must be complete, so there the
    page is yielded as failed. A page that makes a list larger than `LARGEST_LIST` is yielded as
    failed, and is the last one.

    Args:
        fetch: returns the answer to one call.
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
        if seen and rows and not new and answer.announces_more:
            if call.endpoint.takes_id:
                yield repeated(answer)
            return
        seen |= new
        if following is not None and following <= (call.start or 0):
            following = (call.start or 0) + len(rows)  # the announced start would not advance
            answer = replace(answer, next_start=following)
        yield answer
        if not answer.announces_more or not new:
            return
        call = replace(call, start=following, cursor=answer.next_cursor)


def _identity(row: Record | UnreadableRow) -> object:
    """Return the identity of a row within its list."""
    if isinstance(row, UnreadableRow):
        return row.content
    if isinstance(row, RoleAssignment):
        return row.user_id, row.role_id
    return getattr(row, "id", None)
