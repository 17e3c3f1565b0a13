"""The ways of collecting a company: which calls, once it is known who is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

from pipedrive_graph.pipedrive.endpoints import Call, Endpoint


class Collect(StrEnum):
    """How a company is collected."""

    EVERY_USER = "every-user"
    """Role assignments and permissions are asked for each user."""


def every_user(users: Iterable[int], permission_sets: Iterable[str]) -> Iterator[Call]:
    """The calls that `every-user` makes after the lists: contents of sets, then two for each user."""
    for permission_set in permission_sets:
        yield Call(Endpoint.PERMISSION_SET, id=permission_set)
    for user in users:
        yield Call(Endpoint.ROLE_ASSIGNMENTS, id=str(user))
        yield Call(Endpoint.PERMISSIONS, id=str(user))
