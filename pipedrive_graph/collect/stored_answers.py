"""Converts answers to the lines of a snapshot and back, and yields those of an unfinished snapshot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pipedrive_graph.common import clock
from pipedrive_graph.landing import Snapshot
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.parsing import read

DETAILS = (
    Endpoint.USER,
    Endpoint.ROLE,
    Endpoint.ROLE_MEMBERS,
    Endpoint.PERMISSION_SET,
    Endpoint.ROLE_ASSIGNMENTS,
    Endpoint.PERMISSIONS,
    Endpoint.ROLE_PIPELINES,
)
"""Calls by id; a resumed run does not repeat them if they are settled."""

SETTLED = {Outcome.ANSWERED, Outcome.GONE, Outcome.REFUSED}
"""The outcomes that settle a call."""


def answers_of(snapshot: Snapshot) -> Iterator[Answer]:
    """Yield the settled answers by id in an unfinished snapshot."""
    for endpoint in DETAILS:
        for line in snapshot.lines(endpoint):
            if line["outcome"] in SETTLED:
                yield answer_of(line)


def line_of(answer: Answer) -> str:
    """Return the line that stores an answer: a JSON object with the body as received."""
    call = answer.call
    asked: dict[str, str | int | None] = {"id": call.id, "start": call.start, "limit": call.limit}
    if call.cursor is not None:
        asked["cursor"] = call.cursor
    head = {
        "endpoint": str(call.endpoint),
        "asked": asked,
        "status": answer.status,
        "outcome": str(answer.outcome),
        "at": clock.iso(answer.at),
    }
    return f'{json.dumps(head)[:-1]}, "answer": {answer.text}}}'


def answer_of(line: Mapping[str, Any]) -> Answer:
    """Return the answer that a line stores, without its text."""
    call, outcome = Call(Endpoint(line["endpoint"]), **line["asked"]), Outcome(line["outcome"])
    reading = read(call, line["answer"]) if outcome is Outcome.ANSWERED else None
    return Answer(
        call,
        outcome,
        line["status"],
        datetime.fromisoformat(line["at"]),
        text="",
        data=reading.data if reading else None,
        next_start=reading.next_start if reading else None,
        next_cursor=reading.next_cursor if reading else None,
        unreadable=tuple(reading.unreadable) if reading else (),
    )
