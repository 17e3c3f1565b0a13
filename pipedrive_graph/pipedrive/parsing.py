"""Parses the records in the JSON of a response; pure functions, whose only error is `UnusableError`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from pipedrive_graph.pipedrive.body import UnusableError, error_message
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.models import (
    Data,
    Deal,
    Flags,
    HiddenPipelines,
    Me,
    PermissionSet,
    PermittedUser,
    Pipeline,
    Record,
    Role,
    RoleAssignment,
    RoleMember,
    Team,
    UnreadableRow,
    User,
    or_none,
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
    Endpoint.PIPELINES: Pipeline,
    Endpoint.TEAMS: Team,
    Endpoint.DEALS: Deal,
    Endpoint.PERMITTED_USERS: PermittedUser,
}
SINGLES: dict[Endpoint, type[Record]] = {
    Endpoint.ME: Me,
    Endpoint.USER: User,
    Endpoint.ROLE: Role,
    Endpoint.PERMISSION_SET: PermissionSet,
    Endpoint.ROLE_PIPELINES: HiddenPipelines,
}


LARGEST_START = 10**9
"""The largest start of a page, in rows; a larger number is treated as a mistake of the server."""


@dataclass(slots=True)
class Reading:
    """The parsed content of a usable body.

    Attributes:
        data: the records, as described in `Answer.data`.
        next_start: where the next page starts, if the body announces one.
        next_cursor: the same in a list of API v2.
        unreadable: rows of a list that could not be read, such as one without an id.
    """

    data: Data
    next_start: int | None = None
    next_cursor: str | None = None
    unreadable: list[UnreadableRow] = field(default_factory=list)


def read(call: Call, payload: object) -> Reading:
    """Return the records in the document of a 2xx response; rows are removed from it as they are parsed.

    Raises:
        UnusableError: if the document is not a proper response of the endpoint: `success` is false, the
            data is missing or of the wrong type, a single record has no id, or a list that is read from
            its start has rows and none of them can be read.
    """
    if not isinstance(payload, dict):
        raise UnusableError(f"expected an object, got {_kind(payload)}")
    if "success" in payload and payload["success"] not in (True, 1, "true", "1"):
        message = error_message(payload)
        raise UnusableError(f"success is false{f': {message}' if message else ''}")
    if "data" in payload:
        data = payload["data"]
    elif call.endpoint is Endpoint.PERMISSION_SET and "id" in payload:
        data = payload  # the vendor's OpenAPI description shows no envelope here
    else:
        raise UnusableError("data is missing")
    if call.endpoint is Endpoint.PERMISSIONS:
        return Reading(_flags(data))
    if call.endpoint is Endpoint.PERMITTED_USERS and isinstance(data, list):
        data = [row if isinstance(row, dict) else {"id": row} for row in data]
    if call.endpoint in LISTS:
        rows, unreadable = _rows(data, LISTS[call.endpoint])
        if not call.endpoint.takes_id and not call.start and not rows:
            if unreadable:
                raise UnusableError(f"data: none of the rows can be read; {unreadable[0].problem}")
            if call.endpoint is Endpoint.USERS:
                # the list includes at least the token's owner
                raise UnusableError("data: expected users, got none")
        if call.endpoint.version == 2:
            return Reading(cast(Data, rows), None, _next_cursor(payload), unreadable)
        following = _next_start(payload, call, len(rows) + len(unreadable))
        return Reading(cast(Data, rows), following, None, unreadable)
    if call.endpoint is Endpoint.PERMISSION_SET and isinstance(data, list) and len(data) == 1:
        data = data[0]
    return Reading(cast(Data, _record(data, SINGLES[call.endpoint])))


def _kind(value: object) -> str:
    """Return a value as error messages show it: short, and on one line."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    shown = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)[:40]
    return shown.encode("ascii", "replace").decode()


def _flags(data: object) -> Flags:
    if not isinstance(data, dict):
        # Null must not count as an empty map, which would remove all of the user's permissions.
        raise UnusableError(f"data: expected a map of flags, got {_kind(data)}")
    flags: Flags = {name: or_none(read_flag, value) for name, value in data.items()}
    if flags and all(flags[name] is None and data[name] is not None for name in flags):
        name, value = next(iter(data.items()))
        problem = f"{name[:80]}: expected true or false, got {_kind(value)}"
        raise UnusableError(f"data: expected a map of flags; {problem}")
    return flags


def _rows(data: object, kind: type[RecordT]) -> tuple[list[RecordT], list[UnreadableRow]]:
    """Return the rows of a list as records, and separately those that cannot be read."""
    if data is None:
        return [], []
    if not isinstance(data, list):
        raise UnusableError(f"data: expected a list, got {_kind(data)}")
    rows: list[RecordT] = []
    unreadable: list[UnreadableRow] = []
    for place, row in enumerate(data):
        try:
            rows.append(_record(row, kind, f"row {place + 1}: "))
        except UnusableError as error:
            unreadable.append(UnreadableRow(str(error), json.dumps(row, sort_keys=True)))
        data[place] = None  # a large company's document and records do not fit into memory together
    return rows, unreadable


def _record(row: object, kind: type[RecordT], where: str = "") -> RecordT:
    """Return `row` as a record.

    Raises:
        UnusableError: if a required field is missing or wrong.
    """
    if not isinstance(row, dict):
        raise UnusableError(f"{where}expected an object, got {_kind(row)}")
    try:
        return kind.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        raise UnusableError(f"{where}{place}: is missing")
    expected = first["msg"].removeprefix("Value error, ")
    raise UnusableError(f"{where}{place}: {expected}, got {_kind(first['input'])}")


def _next_start(payload: dict[str, Any], call: Call, rows: int) -> int | None:
    """Return where the next page starts, if the response announces one.

    Most lists announce it in `additional_data.pagination`, some in `additional_data` itself. Some announce
    more rows without a `next_start`; then the next page starts after `limit` rows.
    """
    additional = payload.get("additional_data")
    if not isinstance(additional, dict):
        return None
    wrapped = additional.get("pagination")
    pagination = wrapped if isinstance(wrapped, dict) else additional
    more = or_none(read_flag, pagination.get("more_items_in_collection"))
    following = or_none(_read_start, pagination.get("next_start"))
    if more is False or (more is None and following is None):
        return None
    if following is None and rows:
        size = or_none(_read_start, pagination.get("limit")) or rows
        following = (or_none(_read_start, pagination.get("start")) or call.start or 0) + size
        if following > LARGEST_START:
            following = (call.start or 0) + rows
    return following


def _next_cursor(payload: dict[str, Any]) -> str | None:
    """Return the cursor of the next page; null, absent or empty on the last one."""
    additional = payload.get("additional_data")
    cursor = additional.get("next_cursor") if isinstance(additional, dict) else None
    return cursor if isinstance(cursor, str) and cursor else None


def _read_start(value: object) -> int:
    """Return a number of rows, such as the start of a page.

    Raises:
        ValueError: if it is not a whole number, or larger than any list.
    """
    number = read_id(value)
    if number > LARGEST_START:
        raise ValueError("expected a number of rows")
    return number
