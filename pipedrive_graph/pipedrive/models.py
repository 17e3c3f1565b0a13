"""The records in Pipedrive's responses, with the fields that the client needs to plan its calls.

The landing stores every response as received, and sql/staging reads all other fields from it: as records, a
large company's fields would fill the memory. An optional field that cannot be read is None here, and
sql/staging/unreadable_values.sql reports it.

Sources: the vendor's OpenAPI description of v1, its changelog, and records seen live. Booleans arrive as
true, 1, "1" or "true"; ids as integers, as 7.0 or as digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, PlainValidator, WrapValidator

# As sql/staging/as_id.sql: JSON does not distinguish 99 and 99.0, and a float is exact to 15 digits.
_WHOLE = re.compile(r" *(?:([0-9]{1,19})|([0-9]{1,15})\.0) *", re.ASCII)
_BIGINT, _UNSIGNED = 2**63, 2**64
Value = TypeVar("Value")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def read_id(value: object) -> int:
    """Return an id or a count: a whole number from 0, as a number or in a string.

    Raises:
        ValueError: for anything else, including booleans, and for numbers beyond a 64-bit integer.
    """
    text = value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""
    match = _WHOLE.fullmatch(text)
    number = int(match[1] or match[2]) if match else _BIGINT
    if number >= _BIGINT:
        raise ValueError("expected an integer")
    return number


def read_flag(value: object) -> bool:
    """Return a boolean that arrived as true, 1, "1" or "true" (or their opposites).

    Raises:
        ValueError: for anything else.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    if isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    raise ValueError("expected true or false")


def read_text_id(value: object) -> str:
    """Return an id that is a text in most responses; an integer stands for its digits.

    Raises:
        ValueError: for anything else, and for the empty text, which cannot be requested.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _UNSIGNED:
        return str(value)
    if not isinstance(value, str) or not value:
        raise ValueError("expected an id")
    return value


def read_set_id(value: object) -> str | None:
    """Return the id of the permission set that an entry of `access` names; None if it names none.

    An empty text and 0 name none, like null.

    Raises:
        ValueError: for anything that is not an id.
    """
    if value is None or (isinstance(value, str) and value.strip() in ("", "0")):
        return None
    set_id = read_text_id(value).strip()
    return None if set_id == "0" else set_id


def or_none(read: Callable[[Any], Value], value: object) -> Value | None:
    """Return a value as `read` parses it, or None if it cannot."""
    try:
        return read(value)
    except ValueError:
        return None


_Optional = WrapValidator(lambda value, read: or_none(read, value))
"""Marks an optional field: if it cannot be read it is None, and the record is used without it."""

Id: TypeAlias = Annotated[int, PlainValidator(read_id)]
IdOrNone: TypeAlias = Annotated[int | None, PlainValidator(read_id), _Optional]
FlagOrNone: TypeAlias = Annotated[bool | None, PlainValidator(read_flag), _Optional]
TextId: TypeAlias = Annotated[str, PlainValidator(read_text_id)]
TextOrNone: TypeAlias = Annotated[str | None, _Optional]
SetIdOrNone: TypeAlias = Annotated[str | None, PlainValidator(read_set_id), _Optional]


class Record(BaseModel):
    """Base class of all records: immutable, and without fields that are not declared.

    Optional fields that are absent, null or unreadable are all None.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


class Access(Record):
    """One app that a user may use: whether as its admin, and with which permission set."""

    app: TextOrNone = None
    admin: FlagOrNone = None
    permission_set_id: SetIdOrNone = None


class User(Record):
    """A user: `GET /users`, `GET /users/{id}`."""

    id: Id
    active_flag: FlagOrNone = None
    is_deleted: FlagOrNone = None
    role_id: IdOrNone = None
    access: Annotated[list[Access] | None, _Optional] = None


class Me(User):
    """The token's owner and company: `GET /users/me`."""

    email: TextOrNone = None
    is_admin: FlagOrNone = None
    company_id: Id
    company_name: TextOrNone = None

    @property
    def is_admin_somewhere(self) -> bool | None:
        """Whether the owner is an admin of any app; None if the response does not say.

        `access` decides if it is present, otherwise the legacy `is_admin`.
        """
        if self.access is not None:
            return any(entry.admin for entry in self.access)
        return self.is_admin


class Role(Record):
    """A role, also known as a visibility group: `GET /roles`, `GET /roles/{id}`."""

    id: Id
    parent_role_id: IdOrNone = None
    assignment_count: IdOrNone = None


class RoleAssignment(Record):
    """A row of `GET /users/{id}/roleAssignments`."""

    role_id: Id
    user_id: IdOrNone = None


class RoleMember(RoleAssignment):
    """A row of `GET /roles/{id}/assignments`, which is useless without its user."""

    user_id: Id


class PermissionSet(Record):
    """A permission set: `GET /permissionSets`; only `GET /permissionSets/{id}` has `contents`."""

    id: TextId
    assignment_count: IdOrNone = None
    contents: Annotated[list[str] | None, _Optional] = None


class Pipeline(Record):
    """A pipeline of deals: `GET /pipelines` of API v2."""

    id: Id


class HiddenPipelines(Record):
    """The pipelines that a role does not see: `GET /roles/{id}/pipelines?visible=false`."""

    pipeline_ids: list[object]


class Team(Record):
    """A team: `GET /legacyTeams`."""

    id: Id


class Deal(Record):
    """A deal: `GET /deals` of API v2."""

    id: Id
    owner_id: IdOrNone = None
    visible_to: IdOrNone = None


class PermittedUser(Record):
    """A user who sees a deal: `GET /deals/{id}/permittedUsers`, which gives ids."""

    id: Id


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row of a list that is not a record: it has no id, or is not an object.

    Attributes:
        problem: its position in the page, and what is wrong with it.
        content: the row as JSON.
    """

    problem: str
    content: str


Flags: TypeAlias = dict[str, bool | None]
"""`GET /users/{id}/permissions`: an open set of flags; None if the response holds null or a value that
cannot be read."""

Data: TypeAlias = (
    Me
    | User
    | Role
    | PermissionSet
    | HiddenPipelines
    | list[User]
    | list[Role]
    | list[RoleAssignment]
    | list[RoleMember]
    | list[PermissionSet]
    | list[Pipeline]
    | list[Team]
    | list[Deal]
    | list[PermittedUser]
    | Flags
)
