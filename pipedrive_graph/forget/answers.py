"""Rewrites the files of one snapshot without a person."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from pipedrive_graph.forget.change import Rewritten
from pipedrive_graph.forget.scrub import GONE, scrubbed
from pipedrive_graph.forget.who import Person
from pipedrive_graph.landing import CompanyLanding, Coverage, File, Manifest
from pipedrive_graph.landing.records import KNOWN, MEMORY
from pipedrive_graph.landing.snapshot import compress, packed_known, packed_memory
from pipedrive_graph.pipedrive.endpoints import Endpoint

_NOBODY = 0
"""The id that replaces a deleted person as the token's owner; no user has it."""


def rewriting(landing: CompanyLanding, person: Person) -> Callable[[Manifest], Rewritten | None]:
    """Make a function that rewrites a snapshot without a person, or returns None if nothing changes.

    Raises:
        LandingError: if a file of the snapshot is damaged.
    """

    def rewrite(manifest: Manifest) -> Rewritten | None:
        contents: dict[str, bytes] = {}
        described: list[File] = []
        removed: list[dict[str, Any]] = []
        for file in manifest.files:
            new = file
            if file.rows:
                content, packed = _packed(file.name, _answers(landing, manifest, file, person, removed))
                if packed is not None:
                    contents[file.name], new = content, packed
            described.append(new)
        known = landing.known(manifest)
        if person.ids & {*known.users}:
            left = [user for user in known.users if user not in person.ids]
            known = known.model_copy(update={"users": left})
            contents[KNOWN] = packed_known(known)
        memory = landing.memory(manifest)
        if person.ids & (memory.users.keys() | {*memory.strays}):
            users = {user: seen for user, seen in memory.users.items() if user not in person.ids}
            strays = [user for user in memory.strays if user not in person.ids]
            contents[MEMORY] = packed_memory(memory.model_copy(update={"users": users, "strays": strays}))
        reason = person.without(manifest.verdict.reason or "") or None
        owned = manifest.identity.token_owner in person.ids
        if not contents and not owned and reason == manifest.verdict.reason:
            return None
        return Rewritten(
            contents,
            manifest.model_copy(
                update={
                    "files": [_renewed(file, contents) for file in described],
                    "users": None if manifest.users is None else len(known.users),
                    "observed": _observed(manifest, removed),
                    "coverage": _coverage(manifest, removed),
                    "verdict": manifest.verdict.model_copy(update={"reason": reason}),
                    "identity": manifest.identity.model_copy(
                        update={"token_owner": _NOBODY if owned else manifest.identity.token_owner}
                    ),
                }
            ),
        )

    return rewrite


def _answers(
    landing: CompanyLanding, manifest: Manifest, file: File, person: Person, removed: list[dict[str, Any]]
) -> Iterator[tuple[bytes, bool]]:
    """The lines, each with whether it changed. Removed lines are empty, and are added to `removed`."""
    for raw in landing.lines(manifest, file):
        line = json.loads(raw)
        is_of_a_user = str(line["endpoint"]).startswith("users/{id}")
        answer = line["answer"]
        is_own = line["endpoint"] == Endpoint.ME and isinstance(answer, dict) and _is_own(answer, person)
        if is_own or (is_of_a_user and person.is_id(line["asked"]["id"])):
            removed.append(line)
            yield b"", True
            continue
        new = scrubbed(answer, person)
        if new == answer:
            yield raw, False  # byte for byte as received
            continue
        head = {key: value for key, value in line.items() if key != "answer"}
        text = json.dumps(None if new is GONE else new, ensure_ascii=False)
        yield f'{json.dumps(head)[:-1]}, "answer": {text}}}\n'.encode(), True


def _is_own(answer: dict[str, Any], person: Person) -> bool:
    data = answer.get("data")
    return isinstance(data, dict) and person.is_id(data.get("id"))


def _packed(name: str, answers: Iterator[tuple[bytes, bool]]) -> tuple[bytes, File | None]:
    """Compress a file of responses as a commit does; the description is None if nothing changed."""
    packed, changed = io.BytesIO(), False

    def lines() -> Iterator[bytes]:
        nonlocal changed
        for line, is_new in answers:
            changed = changed or is_new
            if line:
                yield line

    rows, longest = compress(lines(), packed)
    content = packed.getvalue()
    if not changed:
        return content, None
    return content, File(name=name, rows=rows, longest=longest, bytes=len(content), sha256="")


def _renewed(file: File, contents: dict[str, bytes]) -> File:
    """The manifest's entry of a file, with its new digest."""
    content = contents.get(file.name)
    if content is None:
        return file
    sha256 = hashlib.sha256(content).hexdigest()
    return file.model_copy(update={"bytes": len(content), "sha256": sha256})


def _observed(manifest: Manifest, removed: list[dict[str, Any]]) -> int | None:
    if manifest.observed is None:
        return None
    answered = sum(
        line["endpoint"] == Endpoint.PERMISSIONS and line["outcome"] == "answered" for line in removed
    )
    observed: int = manifest.observed - answered
    return max(0, observed)


def _coverage(manifest: Manifest, removed: list[dict[str, Any]]) -> dict[str, Coverage]:
    """The counts of requests, without those about the person."""
    coverage = dict(manifest.coverage)
    for (endpoint, outcome), count in Counter(
        (str(line["endpoint"]), str(line["outcome"])) for line in removed
    ).items():
        if endpoint in coverage:
            old = coverage[endpoint]
            coverage[endpoint] = old.model_copy(
                update={
                    "asked": max(0, old.asked - count),
                    outcome: max(0, int(getattr(old, outcome)) - count),
                }
            )
    return coverage
