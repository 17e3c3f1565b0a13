"""Describes the access changes of a snapshot in words: sentences by subject."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from pipedrive_graph.published.changes import Change

_FEW = 3
"""If the edit of a set affects more users than this, their number is given instead of their names."""

_WORDS = {
    ("granted", "permission"): "was granted {}",
    ("revoked", "permission"): "no longer holds {}",
    ("granted", "role"): "was assigned to the role {}",
    ("revoked", "role"): "is no longer assigned to the role {}",
    ("granted", "permission_set"): "was given the permission set {}",
    ("revoked", "permission_set"): "no longer has the permission set {}",
    ("granted", "admin"): "became an admin of {}",
    ("revoked", "admin"): "is no longer an admin of {}",
}

_WHOLE = {"added": "is new", "removed": "is gone"}

_ORDER = ("added", "removed", "changed", "granted", "revoked", "correction")

_OBJECT_KINDS = ("admin", "role", "permission_set", "permission")

_PLAIN = {
    ("active", "true"): "was activated again",
    ("active", "false"): "was deactivated",
    ("deleted", "true"): "was deleted",
    ("deleted", "false"): "is no longer deleted",
}

_CALLED = {"parent_role_id": "parent", "role_id": "listed role", "email": "e-mail address"}


def describe(changes: list[Change]) -> list[tuple[str, list[str]]]:
    """Return the changes of a snapshot as sentences, by subject.

    If the edit of a set affects many users, it is described once, with the set as the subject.
    """
    reached = Counter(_effect(change) for change in changes if change.edited_set)
    many = {effect for effect, users in reached.items() if users > _FEW}
    subjects: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for (kind, id_), group in groupby(changes, key=lambda change: (change.subject_kind, change.subject_id)):
        single = [change for change in group if _effect(change) not in many]
        if single:
            subjects[kind, id_] = (called(single[0]), list(_sentences(single)))
    # permissions that affect the same number of users share a sentence
    together: dict[tuple[str, str, str, int], list[str]] = {}
    for set_id, name, kind, permission in sorted(many, key=str):
        users = reached[set_id, name, kind, permission]
        together.setdefault((str(set_id), str(name or set_id), kind, users), []).append(str(permission))
    for (set_id, name, kind, users), permissions in together.items():
        got = "were granted" if kind == "granted" else "no longer hold"
        subject = subjects.setdefault(("permission_set", set_id), (f"Permission set {name}:", []))
        subject[1].append(f"by its edit, {users:,} users {got} {', '.join(permissions)}")
    return list(subjects.values())


def called(change: Change) -> str:
    """Return the name of a change's subject."""
    if change.subject_kind == "user":
        return change.subject_label or f"User {change.subject_id}"
    noun = "Role" if change.subject_kind == "role" else "Permission set"
    return f"{noun} {change.subject_label or change.subject_id}:"


def _effect(change: Change) -> tuple[str | None, str | None, str, str | None]:
    return change.edited_set, change.edited_set_label, change.kind, change.object


def _sentences(changes: list[Change]) -> Iterator[str]:
    """Yield the sentences about one subject; similar changes share a sentence."""
    roles = {
        kind: [change for change in changes if (change.kind, change.object_kind) == (kind, "role")]
        for kind in ("revoked", "granted")
    }
    moved = all(len(entries) == 1 for entries in roles.values())
    for (kind, object_kind, _, edited_set), group in groupby(sorted(changes, key=_order), key=_alike):
        entries = list(group)
        first = entries[0]
        if moved and object_kind == "role":
            if kind == "granted":
                yield f"moved from the role {_thing(roles['revoked'][0])} to the role {_thing(first)}"
        elif kind in _WHOLE:
            yield _WHOLE[kind]
        elif kind == "correction":
            held = (
                "is held, but was not inferred" if first.after == "true" else "was inferred, but is not held"
            )
            yield f"{first.object} {held}"
        elif kind == "changed":
            yield _changed(first)
        else:
            by = f", by the edit of the set {first.edited_set_label or edited_set}" if edited_set else ""
            yield _WORDS[kind, str(object_kind)].format(", ".join(map(_thing, entries))) + by


def _alike(change: Change) -> tuple[str, str | None, str | None, str | None]:
    thing = change.object if change.kind in ("changed", "correction") else None
    return change.kind, change.object_kind, thing, change.edited_set


def _order(change: Change) -> tuple[int, int, str]:
    """Sort changes of the subject itself first, then admin rights, roles, sets and permissions."""
    kind = _OBJECT_KINDS.index(change.object_kind) if change.object_kind in _OBJECT_KINDS else -1
    return _ORDER.index(change.kind), kind, change.edited_set or ""


def _thing(change: Change) -> str:
    return str(change.object_label or change.object)


def _changed(change: Change) -> str:
    """Describe the change of an attribute."""
    name = str(change.object)
    plain = _PLAIN.get((name, str(change.after)))
    if plain:
        return plain
    if name == "contents":
        before, after = (set(json.loads(text or "[]")) for text in (change.before, change.after))
        parts = [("now grants", sorted(after - before)), ("no longer grants", sorted(before - after))]
        return ", and ".join(f"{verb} {', '.join(flags)}" for verb, flags in parts if flags)
    if name == "created" and change.before is None:
        return f"accepted the invitation: created {change.after}"
    old = change.before_label or change.before or "none"
    new = change.after_label or change.after or "none"
    return f"{_CALLED.get(name, name)} changed from {old} to {new}"
