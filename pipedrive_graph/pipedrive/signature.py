"""Access signatures: what two users must have in common for their permissions to be the same.

Permissions come from a user's permission sets (and from being an admin), so users whose `access` names the
same apps and sets, with the same contents, should hold the same. Who was observed under which signature
is kept from night to night as a `Memory`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from pipedrive_graph.pipedrive.records import Flags, PermissionSet, User


class Observation(BaseModel):
    """What is remembered of one user.

    Attributes:
        since: when the user was first listed.
        at: when the user's permissions were last answered; None is never.
        signature: the user's signature then.
        flags: digest of the permissions then.
        roles_at: when the user's own role assignments were last answered; None is never.
        role_id: the role that the user's record named then.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    since: datetime
    at: datetime | None = None
    signature: str | None = None
    flags: str | None = None
    roles_at: datetime | None = None
    role_id: int | None = None


class Memory(BaseModel):
    """What is remembered of a company.

    Attributes:
        users: by id.
        contents: digest of the contents of every permission set, as last known, by its id.
        strays: users with an assignment to a role that the list of roles does not show.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    users: dict[int, Observation] = {}
    contents: dict[str, str] = {}
    strays: list[int] = []


def signature_of(user: User, contents: Mapping[str, str]) -> str | None:
    """Return a user's access signature; None where the answer does not say what the access is.

    Args:
        user: the user, as listed.
        contents: digest of each permission set's contents; a set that is not there is unknown.
    """
    if user.access is None or user.active_flag is None:
        return None
    entries = [
        [
            entry.app,
            entry.admin,
            entry.permission_set_id,
            contents.get(entry.permission_set_id) if entry.permission_set_id else None,
        ]
        for entry in user.access
    ]
    return _digest([sorted(map(json.dumps, entries)), user.active_flag, user.is_deleted])


def digest_of_flags(flags: Flags) -> str:
    """Return a digest of a user's permissions; one that is absent is the same as one not granted."""
    granted = sorted(name for name, value in flags.items() if value)
    unknown = sorted(name for name, value in flags.items() if value is None)
    return _digest([granted, unknown])


def digest_of_contents(permission_set: PermissionSet) -> str | None:
    """Return a digest of what a permission set grants; None where the answer does not say."""
    contents = permission_set.contents
    return None if contents is None else _digest(sorted(set(contents)))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
