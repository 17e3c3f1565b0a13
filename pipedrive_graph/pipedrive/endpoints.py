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
    PIPELINES = "pipelines"
    ROLE_PIPELINES = "roles/{id}/pipelines"
    TEAMS = "legacyTeams"
    DEALS = "deals"
    PERMITTED_USERS = "deals/{id}/permittedUsers"

    @property
    def takes_id(self) -> bool:
        """Whether a call to it has the id of one subject."""
        return "{id}" in self.value

    @property
    def version(self) -> int:
        """The version of the API that has it: 2 pages by cursor, 1 by the start of a page."""
        return 2 if self in (Endpoint.PIPELINES, Endpoint.DEALS) else 1


@dataclass(frozen=True, slots=True)
class Call:
    """One call to make: an endpoint, the subject's id, and the page if it is a list.

    Attributes:
        endpoint: the endpoint to read.
        id: the subject's id in the path; set exactly if the template has `{id}`.
        start: offset of the page's first row, counted from 0; None lets Pipedrive choose.
        limit: rows per page, at most 500; None lets Pipedrive choose.
        cursor: where the page starts in a list of API v2, as the page before states it.

    Raises:
        ValueError: if the id is missing, or set for an endpoint that takes none.
    """

    endpoint: Endpoint
    id: str | None = None
    start: int | None = None
    limit: int | None = None
    cursor: str | None = None

    def __post_init__(self) -> None:
        if self.endpoint.takes_id != bool(self.id):
            raise ValueError(f"{self.endpoint}: {'needs an' if self.id is None else 'takes no'} id")

    @property
    def path(self) -> str:
        """The path below the base URL; the id is percent-encoded, so that it stays one segment."""
        return self.endpoint.value.replace("{id}", _segment(self.id or ""))

    @property
    def query(self) -> dict[str, str]:
        """The query parameters: those of the page, and those that the endpoint always has."""
        page = {"start": self.start, "limit": self.limit, "cursor": self.cursor}
        given = {name: str(value) for name, value in page.items() if value is not None}
        return _ALWAYS.get(self.endpoint, {}) | given


_ALWAYS = {
    Endpoint.ROLE_PIPELINES: {"visible": "false"},
    Endpoint.DEALS: {"sort_by": "add_time", "sort_direction": "desc"},
}
"""Parameters of every call: the pipelines that a role does not see; the newest deals."""


def versioned(base_url: str, version: int) -> str:
    """Return the address of a version of the API, given the address of v1.

    Both addresses of v1 (`https://api.pipedrive.com/v1`, `https://acme.pipedrive.com/api/v1`) have v2 at
    `/api/v2` of the same host.
    """
    if version == 1:
        return base_url
    return f"{base_url.removesuffix('/v1').removesuffix('/api')}/api/v{version}"


def _segment(text: str) -> str:
    """Return `text` as one path segment: an unescaped dot segment would leave the endpoint."""
    encoded = quote(text, safe="")
    return encoded.replace(".", "%2E") if not encoded.strip(".") else encoded
