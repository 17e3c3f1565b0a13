"""The endpoints of Pipedrive that are read, by path template, and a call to one of them.

The templates are names: landing lines, coverage and rules spell an endpoint exactly as here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote


class Endpoint(StrEnum):
    """A path template below the base URL; all are read with GET."""

    ME = "users/me"
    USERS = "users"
    USER = "users/{id}"
    ROLE_ASSIGNMENTS = "users/{id}/roleAssignments"
    PERMISSIONS = "users/{id}/permissions"
    ROLES = "roles"
    ROLE = "roles/{id}"
    ROLE_MEMBERS = "roles/{id}/assignments"
    PERMISSION_SETS = "permissionSets"
    PERMISSION_SET = "permissionSets/{id}"

    @property
    def takes_id(self) -> bool:
        """Whether a call to it has the id of one subject."""
        return "{id}" in self.value


@dataclass(frozen=True, slots=True)
class Call:
    """One call to make: an endpoint, the subject's id, and the page if it is a list.

    Attributes:
        endpoint: the endpoint to read.
        id: the subject's id in the path; set exactly if the template has `{id}`.
        start: offset of the page's first row, counted from 0; None lets Pipedrive choose.
        limit: rows per page, at most 500; None lets Pipedrive choose.

    Raises:
        ValueError: if the id is missing, or set for an endpoint that takes none.
    """

    endpoint: Endpoint
    id: str | None = None
    start: int | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.endpoint.takes_id != bool(self.id):
            raise ValueError(f"{self.endpoint}: {'needs an' if self.id is None else 'takes no'} id")

    @property
    def path(self) -> str:
        """The path below the base URL; the id is percent-encoded, so that it stays one segment."""
        return self.endpoint.value.replace("{id}", _segment(self.id or ""))

    @property
    def query(self) -> dict[str, str]:
        """The query parameters of the page; empty if Pipedrive is to choose."""
        parameters = {"start": self.start, "limit": self.limit}
        return {name: str(value) for name, value in parameters.items() if value is not None}


def _segment(text: str) -> str:
    """Return `text` as one path segment: an unescaped dot segment would leave the endpoint."""
    encoded = quote(text, safe="")
    return encoded.replace(".", "%2E") if not encoded.strip(".") else encoded
