"""Writes committed snapshots of simulated companies into a landing, without a server.

The same arguments always give the same snapshots. On every later night, a share of the users has one
changed flag, and most users have logged in again, which does not count as a change.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from pipedrive_graph import __version__
from pipedrive_graph.common import clock
from pipedrive_graph.landing import Coverage, File, KnownIds, Manifest
from pipedrive_graph.landing.records import KNOWN, MANIFEST, MEMORY, Identity, ObservationState, Verdict
from pipedrive_graph.simulator.company import generate
from pipedrive_graph.simulator.model import Company
from pipedrive_graph.simulator.options import Options
from pipedrive_graph.simulator.permissions import FLAGS
from pipedrive_graph.simulator.serializers import Serializer

BEGINNING = datetime(2026, 1, 1, 2, tzinfo=UTC)
"""The first night."""

SPECIFIED = FLAGS[:31]
"""The same number of flags as the vendor documents."""

_MARK = "landing.json"
"""Written last; states the contents of the folder."""


@dataclass(frozen=True, slots=True)
class LandingSpec:
    """The size of the landing to write."""

    companies: int
    users: int
    nights: int = 1
    changed: float = 0.01
    """Share of the users with one changed flag on each later night."""


def write(home: Path, spec: LandingSpec) -> None:
    """Write the landing of a home folder, unless it already exists."""
    mark = home / _MARK
    text = json.dumps({"version": __version__, "wanted": repr(spec)})
    if mark.exists() and mark.read_text(encoding="utf-8") == text:
        return
    if (home / "landing").exists():
        raise SystemExit(f"{home} holds another landing; name another folder, or remove it.")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(partial(_write_company, home / "landing", spec), range(spec.companies)):
            pass
    mark.write_text(text, encoding="utf-8")


def name_of(number: int) -> str:
    """The name of a company."""
    return f"co{number:06d}"


def _write_company(landing: Path, spec: LandingSpec, number: int) -> None:
    company = company_of(spec.users, number, BEGINNING)
    chance = random.Random(number)  # noqa: S311 - reproducible on purpose
    answers = _Answers(company)
    previous = None
    for night in range(spec.nights):
        at = BEGINNING + timedelta(days=night)
        if night:
            for user_id in live_on(company, chance, at, spec.changed):
                answers.forget(user_id)
        previous = _write_snapshot(landing / name_of(number), company, answers, at, previous)


def company_of(users: int, number: int, now: datetime) -> Company:
    """Return a simulated company with the same number of flags as the vendor documents."""
    company = generate(users, seed=number, now=now)
    company.flags = list(SPECIFIED)
    for entry in company.sets.values():
        entry.contents = [flag for flag in entry.contents if flag in SPECIFIED]
    return company


def live_on(company: Company, chance: random.Random, at: datetime, changed: float) -> list[int]:
    """Let a day pass: most users log in, and a share of them gets a changed flag (at least one, unless 0).

    Returns:
        The ids of the users with a changed flag.
    """
    seen = (at - timedelta(hours=9)).strftime("%Y-%m-%d %H:%M:%S")
    for user in company.users.values():
        if user.active and user.last_login and chance.random() < 0.7:
            user.last_login = user.modified = seen
    number = max(1, round(changed * len(company.users))) if changed else 0
    users = chance.sample(sorted(company.users), number)
    for user_id in users:
        flag = chance.choice(SPECIFIED)
        if company.permissions(user_id)[flag]:
            company.revoke(user_id, flag)
        else:
            company.grant(user_id, flag)
    return users


class _Answers:
    """The responses of a server about a company; those about users are cached until they change."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._serializer = Serializer(company, Options())
        self._permissions: dict[int, str] = {}
        self._assignments: dict[int, str] = {}

    def forget(self, user_id: int) -> None:
        """Drop the cached permissions of a user, because they changed."""
        self._permissions.pop(user_id, None)

    def of_all(self) -> Iterator[tuple[str, Iterable[tuple[str | None, str]]]]:
        """Yields each endpoint with its responses, each with the requested id."""
        company, serializer = self._company, self._serializer
        owner = company.users[company.owner_id]
        yield "users/me", [(None, _text(serializer.me(owner)))]
        yield "users", [(None, _text([serializer.user(user, owner) for user in company.users.values()]))]
        yield "roles", [(None, _text(serializer.roles()))]
        yield "permissionSets", [(None, _text(serializer.permission_sets(None)))]
        yield (
            "permissionSets/{id}",
            [(entry.id, _text([serializer.permission_set(entry)])) for entry in company.sets.values()],
        )
        for user_id in company.users:
            if user_id not in self._permissions:
                self._permissions[user_id] = _text(company.permissions(user_id))
            if user_id not in self._assignments:
                rows = [serializer.assignment(row) for row in company.assignments.get(user_id, [])]
                self._assignments[user_id] = _text(rows)
        yield "users/{id}/permissions", [(str(u), self._permissions[u]) for u in company.users]
        yield "users/{id}/roleAssignments", [(str(u), self._assignments[u]) for u in company.users]


def _text(data: object) -> str:
    return json.dumps({"success": True, "data": data}, ensure_ascii=False, separators=(",", ":"))


def _write_snapshot(
    folder: Path, company: Company, answers: _Answers, at: datetime, previous: str | None
) -> str:
    """Write one snapshot; returns the digest of its manifest."""
    snapshot_id = at.strftime("%Y%m%dT%H%M%S-%f")
    place = folder / snapshot_id
    place.mkdir(parents=True)
    when, written, coverage = clock.iso(at), [], {}
    for endpoint, answered in answers.of_all():
        lines = [
            f'{{"endpoint": "{endpoint}", "asked": {{"id": {json.dumps(subject)}, "start": null, '
            f'"limit": null}}, "status": 200, "outcome": "answered", "at": "{when}", "answer": {text}}}\n'
            for subject, text in answered
        ]
        body = "".join(lines).encode()
        name = endpoint.replace("{id}", "id").replace("/", ".") + ".ndjson.gz"
        longest = max(len(line.encode()) for line in lines)
        packed = gzip.compress(body, 1, mtime=0)
        written.append(_write(place / name, packed, rows=len(lines), longest=longest))
        coverage[endpoint] = Coverage(asked=len(lines), answered=len(lines))
    known = KnownIds(
        users=sorted(company.users), roles=sorted(company.roles), permission_sets=[*company.sets]
    )
    written.append(_write(place / KNOWN, known.model_dump_json(indent=1).encode()))
    written.append(
        _write(place / MEMORY, gzip.compress(ObservationState().model_dump_json().encode(), mtime=0))
    )
    manifest = Manifest(
        company=folder.name,
        snapshot_id=snapshot_id,
        started_at=at,
        finished_at=at + timedelta(minutes=1),
        verdict=Verdict(status="complete"),
        identity=Identity(
            collect="every-user",
            base_url="https://api.pipedrive.com/v1",
            company_id=company.id,
            token_owner=company.owner_id,
            version=__version__,
        ),
        users=len(company.users),
        roles=len(company.roles),
        observed=len(company.users),
        inferred=0,
        requests=sum(entry.asked for entry in coverage.values()),
        throttled=0,
        waited=0.0,
        coverage=coverage,
        files=written,
        previous=previous,
    )
    return _write(place / MANIFEST, manifest.model_dump_json(indent=1).encode()).sha256


def _write(path: Path, body: bytes, rows: int = 0, longest: int = 0) -> File:
    path.write_bytes(body)
    digest = hashlib.sha256(body).hexdigest()
    return File(name=path.name, rows=rows, longest=longest, bytes=len(body), sha256=digest)
