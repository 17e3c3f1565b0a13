"""Reads the records in an answer's document, a pure function: the only error is `UnusableError`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from pipedrive_graph.pipedrive.body import UnusableError, error_message
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.records import (
    Data,
    Flags,
    Me,
    PermissionSet,
    Record,
    Role,
    RoleAssignment,
    RoleMember,
    UnreadableRow,
    User,
    read_flag,
    read_id,
)

RecordT = TypeVar("RecordT", bound=Record)

LISTS: dict[Endpoint, type[Record]] = {
    Endpoint.USERS: User,
    Endpoint.ROLES: Role,
    Endpoint.PERMISSION_SETS: PermissionSet,
    Endpoint.ROLE_ASSIGNMENTS: RoleAssignment,
    Endpoint.ROLE_MEMBERS: RoleMember,
}
SINGLES: dict[Endpoint, type[Record]] = {
    Endpoint.ME: Me,
    Endpoint.USER: User,
    Endpoint.ROLE: Role,
    Endpoint.PERMISSION_SET: PermissionSet,
}


LARGEST_START = 10**9
"""Where a page of a list starts at most, in rows; a larger number is taken for a mistake of the server."""

_ODDITIES = 100  # places remembered per answer


@dataclass(slots=True)
class Reading:
    """What was read from a usable body.

    Attributes:
        data: the records, as `Answer.data` describes them.
        next_start: where the next page starts, if the body says that there is one.
        oddities: optional fields that could not be read, each with its place.
        unreadable: rows of a list that could not be read, such as one without an id.
    """

    data: Data
    next_start: int | None = None
    oddities: list[str] = field(default_factory=list)
    unreadable: list[UnreadableRow] = field(default_factory=list)


def read(call: Call, payload: object) -> Reading:
    """Return the records in a 2xx answer's document; rows are taken out of it as they are read.

    Raises:
        UnusableError: if the document is not what the endpoint answers with: `success` is false,
            there is no data of the right kind, a single record has no id, or a list that is read
            from its start has rows and none of them can be read.
    """
    if not isinstance(payload, dict):
        raise UnusableError(f"expected an object, got {_kind(payload)}")
    if "success" in payload and payload["success"] not in (True, 1, "true", "1"):
        said = error_message(payload)
        raise UnusableError(f"success is false{f': {said}' if said else ''}")
    if "data" in payload:
        data = payload["data"]
    elif call.endpoint is Endpoint.PERMISSION_SET and "id" in payload:
        data = payload  # the vendor's own description has this one without an envelope
    else:
        raise UnusableError("data is missing")
    oddities: list[str] = []
    if call.endpoint is Endpoint.PERMISSIONS:
        return Reading(_flags(data, oddities), None, oddities)
    if call.endpoint in LISTS:
        rows, unreadable = _rows(data, LISTS[call.endpoint], oddities)
        if not call.endpoint.takes_id and not call.start and not rows:
            if unreadable:
                raise UnusableError(f"data: none of the rows can be read; {unreadable[0].problem}")
            if call.endpoint is Endpoint.USERS:
                raise UnusableError("data: expected users, got none")  # the owner of the token is one
        following = _next_start(payload, call, len(rows) + len(unreadable), oddities)
        return Reading(cast(Data, rows), following, oddities, unreadable)
    if call.endpoint is Endpoint.PERMISSION_SET and isinstance(data, list) and len(data) == 1:
        data = data[0]
    single = _record(data, SINGLES[call.endpoint], "", oddities)
    return Reading(cast(Data, single), None, oddities)


def _kind(value: object) -> str:
    """Return a value as an error names it: short, and on one line."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    shown = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)[:40]
    return shown.encode("ascii", "replace").decode()


def _flags(data: object, oddities: list[str]) -> Flags:
    if not isinstance(data, dict):
        # Null is no empty map here: that would revoke everything the user may do.
        raise UnusableError(f"data: expected a map of flags, got {_kind(data)}")
    flags: Flags = {}
    for name, value in data.items():
        try:
            flags[name] = None if value is None else read_flag(value)
        except ValueError as error:
            flags[name] = None
            _remember(oddities, f"{name[:80]}: {error}, got {_kind(value)}")
    if oddities and len(oddities) == len(flags):
        raise UnusableError(f"data: expected a map of flags; {oddities[0]}")
    return flags


def _rows(
    data: object, kind: type[RecordT], oddities: list[str]
) -> tuple[list[RecordT], list[UnreadableRow]]:
    """Return the rows of a list as records, and those that cannot be read; one does not spoil the others."""
    if data is None:
        return [], []
    if not isinstance(data, list):
        raise UnusableError(f"data: expected a list, got {_kind(data)}")
    rows: list[RecordT] = []
    unreadable: list[UnreadableRow] = []
    for place, row in enumerate(data):
        try:
            rows.append(_record(row, kind, f"row {place + 1}: ", oddities))
        except UnusableError as error:
            unreadable.append(UnreadableRow(str(error), json.dumps(row, sort_keys=True)))
        data[place] = None  # of a large company, the document and the records together are too much
    return rows, unreadable


def _record(row: object, kind: type[RecordT], where: str, oddities: list[str]) -> RecordT:
    """Return `row` as a record; what cannot be read in it is set to None if it may, and remembered.

    Raises:
        UnusableError: if a field is wrong that the record cannot do without.
    """
    if not isinstance(row, dict):
        raise UnusableError(f"{where}expected an object, got {_kind(row)}")
    try:
        return kind.model_validate(row)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
    for problem in problems:
        path = problem["loc"]
        sentence = f"{where}{_sentence(problem['msg'], path, problem['type'], problem['input'])}"
        if kind.model_fields[str(path[0])].is_required():
            raise UnusableError(sentence)
        _remember(oddities, sentence)
        _blank(row, path)
    try:
        return kind.model_validate(row)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
    for problem in problems:
        # An entry of a list may not be null: the whole list is unknown then.
        row[str(problem["loc"][0])] = None
    return kind.model_validate(row)


def _sentence(message: str, path: tuple[int | str, ...], fault: str, value: object) -> str:
    """Return one wrong field as a sentence: its place, what was expected, what came."""
    place = ".".join(str(step) for step in path)
    if fault == "missing":
        return f"{place}: is missing"
    expected = message.removeprefix("Value error, ")
    if fault != "value_error":
        expected = "expected " + {"string_type": "a string", "list_type": "a list"}.get(
            fault, "an object" if "model" in fault else "another value"
        )
    return f"{place}: {expected}, got {_kind(value)}"


def _blank(row: dict[str, Any], path: tuple[int | str, ...]) -> None:
    """Set what stands at `path` within `row` to None."""
    holder: Any = row
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = None


def _remember(oddities: list[str], sentence: str) -> None:
    if len(oddities) < _ODDITIES:
        oddities.append(sentence)


def _next_start(payload: dict[str, Any], call: Call, rows: int, oddities: list[str]) -> int | None:
    """Return where the next page starts, if the answer says that there is one.

    Most lists say it in `additional_data.pagination`, some in `additional_data` itself. Not all that
    say that there is more say where: `next_start` is missing, and the next page follows the limit.
    """
    additional = payload.get("additional_data")
    if not isinstance(additional, dict):
        return None
    wrapped = additional.get("pagination")
    pagination = wrapped if isinstance(wrapped, dict) else additional
    more = _lenient(read_flag, pagination.get("more_items_in_collection"))
    following = _lenient(_read_start, pagination.get("next_start"))
    if more is False or (more is None and following is None):
        return None
    if following is None and rows:
        size = _lenient(_read_start, pagination.get("limit")) or rows
        following = (_lenient(_read_start, pagination.get("start")) or call.start or 0) + size
        if following > LARGEST_START:
            following = (call.start or 0) + rows
    if following is None:
        _remember(oddities, "pagination: more rows are announced, but not where they start")
    return following


def _read_start(value: object) -> int:
    """Return a number of rows, such as where a page starts.

    Raises:
        ValueError: if it is not a whole number, or so large that no list has so many rows.
    """
    number = read_id(value)
    if number > LARGEST_START:
        raise ValueError("expected a number of rows")
    return number


Value = TypeVar("Value")


def _lenient(reader: Callable[[object], Value], value: object) -> Value | None:
    try:
        return reader(value)
    except ValueError:
        return None
