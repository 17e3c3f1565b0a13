"""The final answer to one call: its outcome, the body as received, and the records in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from pipedrive_graph.pipedrive.endpoints import Call
from pipedrive_graph.pipedrive.models import Data, Record, UnreadableRow

RecordT = TypeVar("RecordT", bound=Record)


class Outcome(StrEnum):
    """The outcome of a call after its last attempt."""

    ANSWERED = "answered"
    GONE = "gone"
    REFUSED = "refused"
    FAILED = "failed"


NOT_OFFERED = {Outcome.GONE, Outcome.REFUSED}
"""The outcomes that mean, for a feature that not every company has, that it is not offered to this token."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The final answer to one call.

    Attributes:
        call: the call that was made.
        outcome: answered (2xx of the right shape), gone (404, 410), refused (403), or failed.
        status: the HTTP status; None if no HTTP response arrived.
        at: when the response arrived, aware, in UTC.
        text: the body as received, as one line of valid JSON without line breaks. A body that is not JSON
            is stored as a JSON string of at most 2,000 characters; an empty body is `null`.
        data: the records by endpoint: `users/me` a Me; `users`, `roles`, `permissionSets`,
            `users/{id}/roleAssignments`, `roles/{id}/assignments`, `pipelines`, `legacyTeams`, `deals` and
            `deals/{id}/permittedUsers` a list; `users/{id}/permissions` a dict of flags; the others one
            record. None unless answered.
        next_start: where the next page starts, if Pipedrive announces one.
        next_cursor: the same in a list of API v2.
        problem: one sentence that names endpoint and field; set if refused or failed.
        unreadable: rows of a list that could not be read; `data` holds the others.
    """

    call: Call
    outcome: Outcome
    status: int | None
    at: datetime
    text: str
    data: Data | None = None
    next_start: int | None = None
    next_cursor: str | None = None
    problem: str | None = None
    unreadable: tuple[UnreadableRow, ...] = ()

    @property
    def announces_more(self) -> bool:
        """Whether the list has more pages, according to this one."""
        return self.next_start is not None or self.next_cursor is not None

    def rows(self, kind: type[RecordT]) -> list[RecordT]:
        """Return the records of `kind` in the answer: the rows of a list, the single record, or none.

        Raises:
            TypeError: if the endpoint's records have another type.
        """
        data = self.data
        rows = [] if data is None else list(data) if isinstance(data, list) else [data]
        checked: list[RecordT] = [row for row in rows if isinstance(row, kind)]
        if len(checked) != len(rows):
            raise TypeError(f"{self.call.endpoint} does not hold {kind.__name__} records")
        return checked
