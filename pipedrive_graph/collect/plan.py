"""The calls of each plan, given the known users, roles and permission sets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator

from pipedrive_graph.pipedrive.endpoints import Call, Endpoint

Ask = Callable[[Iterable[Call]], Awaitable[None]]
"""Makes calls, and records their answers in the call log."""

PAGE = 500
"""The largest page size of Pipedrive's lists, in rows."""


def every_user(users: Iterable[int], permission_sets: Iterable[str]) -> Iterator[Call]:
    """Yield the calls of the plan `every-user` after the lists: contents of sets, then two calls per user."""
    yield from contents(permission_sets)
    for user in users:
        yield assignments(user)
        yield permissions(user)


def contents(permission_sets: Iterable[str]) -> Iterator[Call]:
    """Yield the calls for the contents of permission sets."""
    for permission_set in permission_sets:
        yield Call(Endpoint.PERMISSION_SET, id=permission_set)


def members(roles: Iterable[int]) -> Iterator[Call]:
    """Yield the calls for the members of roles; a role with up to 500 members takes one page."""
    for role in roles:
        yield Call(Endpoint.ROLE_MEMBERS, id=str(role), limit=PAGE)


def assignments(user: int) -> Call:
    """Return the call for a user's role assignments."""
    return Call(Endpoint.ROLE_ASSIGNMENTS, id=str(user))


def permissions(user: int) -> Call:
    """Return the call for a user's permissions."""
    return Call(Endpoint.PERMISSIONS, id=str(user))
