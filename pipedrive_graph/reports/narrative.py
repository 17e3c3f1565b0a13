"""Says in words what changed in a night: each subject with its sentences."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from pipedrive_graph.published.changes import Change

_FEW = 3
"""So many users who are reached by the edit of a set are named; of more, the number is."""

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


def told(night: list[Change]) -> list[tuple[str, list[str]]]:
    """What changed in a night, as sentences: each subject with its own.

    What the edit of a set brought to many is told once, of the set.
    """
    reached = Counter(_effect(change) for change in night if change.edited_set)
    many = {effect for effect, users in reached.items() if users > _FEW}
    subjects: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for (kind, id_), group in groupby(night, key=lambda change: (change.subject_kind, change.subject_id)):
        changes = [change for change in group if _effect(change) not in many]
        if changes:
            subjects[kind, id_] = (called(changes[0]), list(_sentences(changes)))
    # permissions that reached as many came together
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
    """What the subject of a change is called."""
    if change.subject_kind == "user":
        return change.subject_label or f"User {change.subject_id}"
    noun = "Role" if change.subject_kind == "role" else "Permission set"
    return f"{noun} {change.subject_label or change.subject_id}:"


def _effect(change: Change) -> tuple[str | None, str | None, str, str | None]:
    return change.edited_set, change.edited_set_label, change.kind, change.object


def _sentences(changes: list[Change]) -> Iterator[str]:
    """What happened to one subject in one night; what is alike is told in one sentence."""
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
                "is held, which was not inferred"
                if first.after == "true"
                else "was inferred, and is not held"
            )
            yield f"{first.object} {held}"
        elif kind == "changed":
            yield _changed(first)
        else:
            by = f", by the edit of the set {first.edited_set_label or edited_set}" if edited_set else ""
            yield _WORDS[kind, str(object_kind)].format(", ".join(map(_thing, entries))) + by


def _alike(change: Change) -> tuple[str, str | None, str | None, str | None]:
    one = change.object if change.kind in ("changed", "correction") else None
    return change.kind, change.object_kind, one, change.edited_set


def _order(change: Change) -> tuple[int, int, str]:
    """The subject itself first, then the large before the small."""
    kind = _OBJECT_KINDS.index(change.object_kind) if change.object_kind in _OBJECT_KINDS else -1
    return _ORDER.index(change.kind), kind, change.edited_set or ""


def _thing(change: Change) -> str:
    return str(change.object_label or change.object)


def _changed(change: Change) -> str:
    """What became of an attribute."""
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
