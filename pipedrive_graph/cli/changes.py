"""`pipedrive-graph changes`: what changed from night to night, in words or as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from itertools import groupby

import click
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipedrive_graph import settings as settings_module
from pipedrive_graph.cli import terminal
from pipedrive_graph.cli.frame import debug_option, say
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.reports.changes import KINDS, Change, Wanted, read, snapshots
from pipedrive_graph.text import printable

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


@click.command("changes")
@click.option("--since", required=True, help="First day, as 2026-11-01; days are UTC.")
@click.option("--until", help="Last day, included; by default, that of the last snapshot.")
@click.option("--company", help="Only this company; by default, all that are published.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only these; may be repeated.")
@click.option("--subject", help="Only this user (e-mail address or id), role or permission set (id).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per change, one line each.")
@debug_option
def command(
    *,
    since: str,
    until: str | None,
    company: str | None,
    kinds: tuple[str, ...],
    subject: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Say what changed between the snapshots of these days, by the published file.

    A change is told in the night that saw it first. A company's first snapshot has none.
    """
    wanted = Wanted(
        _day(since, "--since"), _day(until, "--until") if until else None, company, kinds, subject
    )
    if wanted.until and wanted.until < wanted.since:
        raise ConfigurationError(f"--until {until} is before --since {since}.")
    published = settings_module.load().published
    found = read(published, wanted)
    if not found:
        sentence = _nothing(wanted, snapshots(published, company))
        if as_json:
            say(sentence)
        else:
            terminal.console().print(Text(printable(sentence)))
    elif as_json:
        for change in found:
            click.echo(json.dumps(change.as_object()))
    else:
        show(terminal.console(), found)


def _day(text: str, option: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day, no time
    except ValueError as error:
        raise ConfigurationError(f"{option} '{text}' is no day; write it as 2026-11-01.") from error


def _nothing(wanted: Wanted, taken: int) -> str:
    if taken < 2:
        return "There is only one snapshot yet: changes come with the next one."
    kinds = f" of the kind {' or '.join(wanted.kinds)}" if wanted.kinds else ""
    subject = f" about {wanted.subject}" if wanted.subject else ""
    until = f" to {wanted.until}" if wanted.until else ""
    return f"No changes{kinds}{subject} since {wanted.since}{until}."


def show(console: Console, found: list[Change]) -> None:
    """Print changes for a person, by night and subject."""
    nights = 0
    for _, group in groupby(found, key=lambda change: (change.at, change.company)):
        night, nights = list(group), nights + 1
        first = night[0]
        partial = ("  partial", "yellow") if first.snapshot_status == "partial" else ""
        console.print(
            Text.assemble(
                (f"{first.at:%Y-%m-%d %H:%M} UTC", "bold"),
                f"  {printable(first.company)}  snapshot {printable(first.snapshot_id)}",
                partial,
            )
        )
        for subject, sentences in told(night):
            if len(sentences) == 1:
                _line(console, 2, (subject, "bold"), f" {sentences[0]}")
            else:
                _line(console, 2, (subject, "bold"))
                for sentence in sentences:
                    _line(console, 4, sentence)
        console.print()
    changes = "1 change" if len(found) == 1 else f"{len(found):,} changes"
    console.print(f"{changes} in {'1 night' if nights == 1 else f'{nights:,} nights'}.", highlight=False)


def _line(console: Console, indent: int, *parts: str | tuple[str, str]) -> None:
    safe = [printable(part) if isinstance(part, str) else (printable(part[0]), part[1]) for part in parts]
    console.print(Padding(Text.assemble(*safe), (0, 0, 0, indent), expand=False))


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
