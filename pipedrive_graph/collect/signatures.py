"""Access signatures: users with the same signature should hold the same permissions.

Permissions come from a user's permission sets (and from being an admin), so users whose `access` names the
same apps and sets, with the same contents, should hold the same permissions. The landing stores which users
were observed under which signature, as an `ObservationState`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from pipedrive_graph.pipedrive.models import Flags, PermissionSet, User


def signature_of(user: User, contents: Mapping[str, str]) -> str | None:
    """Return a user's access signature; None if the access is unknown.

    Args:
        user: the user as listed.
        contents: digest of each permission set's contents; the contents of an absent set are unknown.
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
    """Return a digest of a user's permissions; an absent permission equals one that is not granted."""
    granted = sorted(name for name, value in flags.items() if value)
    unknown = sorted(name for name, value in flags.items() if value is None)
    return _digest([granted, unknown])


def digest_of_contents(permission_set: PermissionSet) -> str | None:
    """Return a digest of what a permission set grants; None if the answer does not say."""
    contents = permission_set.contents
    return None if contents is None else _digest(sorted(set(contents)))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
