"""The ways of collecting a company: which calls, once it is known who is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipedrive_graph.pipedrive.endpoints import Call, Endpoint

PAGE = 500
"""The largest page that Pipedrive's lists give, in rows."""


def every_user(users: Iterable[int], permission_sets: Iterable[str]) -> Iterator[Call]:
    """The calls that `every-user` makes after the lists: contents of sets, then two for each user."""
    yield from contents(permission_sets)
    for user in users:
        yield assignments(user)
        yield permissions(user)


def contents(permission_sets: Iterable[str]) -> Iterator[Call]:
    """The calls that tell what permission sets grant."""
    for permission_set in permission_sets:
        yield Call(Endpoint.PERMISSION_SET, id=permission_set)


def members(roles: Iterable[int]) -> Iterator[Call]:
    """The calls that tell who is in the roles, a page each where there are no more than 500."""
    for role in roles:
        yield Call(Endpoint.ROLE_MEMBERS, id=str(role), limit=PAGE)


def assignments(user: int) -> Call:
    """The call that tells which roles a user is in."""
    return Call(Endpoint.ROLE_ASSIGNMENTS, id=str(user))


def permissions(user: int) -> Call:
    """The call that tells what a user may do."""
    return Call(Endpoint.PERMISSIONS, id=str(user))
