"""Answers that chance has spoilt, through all that comes after them: nothing breaks, and nothing is guessed.

True answers are recorded once; each example spoils some of them and runs a whole night on what is left,
with the real client behind its transport, the real landing and a real database.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from installation import Installation
from published import query

from pipedrive_graph.errors import NotAuthorisedError, NotPipedriveError, UnreachableError
from pipedrive_graph.pipedrive.endpoints import Call
from pipedrive_graph.pipedrive.executor import Executor
from pipedrive_graph.pipedrive.http_types import Response
from pipedrive_graph.pipedrive.ratelimit.retry import RetryPolicy
from pipedrive_graph.pipedrive.receiving import Share

from .stage import FIRST, SECOND, company

pytestmark = pytest.mark.slow

AT_ONCE = RetryPolicy(first=0.0, longest=0.0)

JSON = {"content-type": "application/json"}

Answers = dict[str, Any]
"""Documents by path, or bytes where they are none."""

NOTHING = {"success": False, "error": "not found"}


class Recorded(Executor):
    """A sender whose requests are answered from `answers` instead of by a server."""

    answers: Answers = {}  # noqa: RUF012 - each test sets its own

    async def _exchange(self, call: Call, share: Share) -> Response:
        self._health.answered()
        found = self.answers.get(call.path)
        if found is None:
            return Response(404, JSON, json.dumps(NOTHING).encode())
        return Response(200, JSON, found if isinstance(found, bytes) else json.dumps(found).encode())


@dataclass
class World:
    """A company's true answers, and an installation that has read it once."""

    answers: Answers
    before: Installation
    expected: dict[bool, dict[str, set[tuple[Any, ...]]]] = field(default_factory=dict)

    def night(self, answers: Answers, *, known: bool) -> tuple[Installation, Exception | None]:
        """Run a night on these answers: the second one, or the first."""
        folder = Path(tempfile.mkdtemp(dir=self.before.home.parent))
        installation = Installation(folder / "home", dict(self.before.variables))
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = SECOND
        if known:
            shutil.copytree(self.before.home, installation.home)
        Recorded.answers = answers
        try:
            installation.night()
        except (NotAuthorisedError, NotPipedriveError, UnreachableError) as error:
            return installation, error  # users/me is not to be understood: nothing is read at all
        return installation, None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("generated")
    with pytest.MonkeyPatch.context() as patch, company(users=8, page_limit=500) as simulator:
        kept: Answers = {}

        class Recording(Executor):
            async def _exchange(self, call: Call, share: Share) -> Response:
                response = await super()._exchange(call, share)
                kept[call.path] = json.loads(response.body)
                return response

        patch.setattr("pipedrive_graph.pipedrive.client.Executor", Recording)
        before = Installation.of(folder / "before", simulator)
        before.variables["PIPEDRIVE_GRAPH_CLOCK"] = FIRST
        assert before.night().verdict.status == "complete"
        for kind in ("users", "roles"):
            for row in kept[kind]["data"]:
                kept[f"{kind}/{row['id']}"] = {"success": True, "data": row}
        patch.setattr("pipedrive_graph.pipedrive.client.Executor", Recorded)
        patch.setattr("pipedrive_graph.pipedrive.client.RetryPolicy", lambda: AT_ONCE)
        # what is partial is of interest here, however partial it is
        patch.setattr("pipedrive_graph.collect.acceptance.MISSING_SHARE", 1.0)
        patch.setattr("pipedrive_graph.collect.acceptance.KINDS", {})
        world = World(kept, before)
        for known in (True, False):
            installation, error = world.night(kept, known=known)
            assert error is None
            world.expected[known] = told(installation)
        yield world


ROWS = {
    "users": "SELECT user_id, name, email, active, deleted, admin, role_id, last_login FROM users",
    "sets held": "SELECT user_id, app, permission_set_id, admin FROM user_permission_sets",
    "assignments": "SELECT user_id, role_id, active FROM user_roles",
    "flags": "SELECT user_id, permission, granted FROM user_permissions",
    "held": "SELECT user_id, role_id, permission, granted FROM user_role_permissions",
    "roles": "SELECT role_id, name, parent_role_id, active, level FROM roles",
    "sets": "SELECT permission_set_id, name, app, type, contents FROM permission_sets",
}
"""What is published of each subject, by its answers alone; the first column is the subject."""


def told(installation: Installation) -> dict[str, set[tuple[Any, ...]]]:
    """What is published of everybody."""
    return {
        name: {tuple(map(repr, row)) for row in query(installation.published, text)}
        for name, text in ROWS.items()
    }


def of_others(rows: dict[str, set[tuple[Any, ...]]], touched: set[str]) -> dict[str, set[tuple[Any, ...]]]:
    """What is published of those whose answers were not spoilt."""
    return {name: {row for row in these if row[0].strip("'") not in touched} for name, these in rows.items()}


ODD_TEXTS = """
true|TRUE| true|yes|0|1|-1|007|9999999999999999999999999|null|[]|'; DROP TABLE users --
2026-01-01 00:00:00|0000-00-00 00:00:00|2026-13-45|\u202eevil|\U0001f600|a\0b|\ud800||\t
"""
odd_texts = st.sampled_from(ODD_TEXTS.strip("\n").replace("\n", "|").split("|"))
odd_numbers = st.sampled_from(
    [0, 1, -1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**40, 0.5, 1e300, 1.0]
)
odd_values = st.recursive(
    st.none() | st.booleans() | odd_numbers | odd_texts | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)

TEXTS = {"name", "email", "locale", "default_currency", "timezone_name", "app", "type", "description"}
"""Fields whose wrong types the warehouse takes for texts; there, only texts are put for now."""


@dataclass(frozen=True)
class Chance:
    """What chance decides, all of it drawn before anything is done with it: numbers, and odd values."""

    numbers: Iterator[int]
    values: Iterator[Any]
    texts: Iterator[str]

    def below(self, bound: int) -> int:
        return next(self.numbers) % bound

    def one_of(self, things: Sequence[Any]) -> Any:
        return things[self.below(len(things))]

    def value(self, name: str) -> Any:
        return next(self.texts) if name in TEXTS else next(self.values)


MOST = 4
"""How many answers are spoilt at most."""


def many(of: st.SearchStrategy[Any], number: int) -> st.SearchStrategy[Iterator[Any]]:
    return st.lists(of, min_size=number, max_size=number).map(iter)


chances = st.builds(
    Chance, many(st.integers(0, 2**20), 8 * MOST + 2), many(odd_values, 2 * MOST), many(odd_texts, 2 * MOST)
)


def spoilt(answers: Answers, chance: Chance) -> tuple[Answers, set[str]]:
    """Some answers spoilt, and the ids of those whom that concerns."""
    # one by one: a role's own answer is also its row in the list, and is not to spoil that
    answers = {path: deepcopy(found) for path, found in answers.items()}
    touched: set[str] = set()
    for path in sorted({chance.one_of(sorted(answers)) for _ in range(1 + chance.below(MOST))}):
        touched |= spoil(answers, path, chance)
    return answers, touched


def spoil(answers: Answers, path: str, chance: Chance) -> set[str]:
    """Spoil one answer; return whom it concerns: the subject of the call, or that of the row."""
    whole, data = answers[path], answers[path]["data"]
    owner = {path.split("/")[1]} if "/" in path and path != "users/me" else set()
    how = chance.one_of(["row", "row", "row", "whole", "bytes"])
    if how == "whole" and (owner or path == "users/me"):  # a list that is gone is another matter
        odd = [None, [], {}, 7, NOTHING, {"data": None}, {"success": True}]
        answers[path] = chance.one_of([*odd, {"success": True, "data": chance.value("data")}])
    elif how == "bytes" and (owner or path == "users/me"):
        text = json.dumps(whole)
        at = chance.below(len(text))
        answers[path] = chance.one_of([text[:at], f"{text[:at]},{text[at:]}", text + text]).encode()
    elif isinstance(data, dict):
        change(data, chance, may_lose_id=bool(owner))
    elif data:
        row = chance.one_of(data)
        owner = owner or {str(row["id"])}
        if chance.below(9) == 0:
            data.append(deepcopy(row))
        else:
            change(row, chance, may_lose_id=False)
    return owner


def change(row: dict[str, Any], chance: Chance, *, may_lose_id: bool) -> None:
    """Drop a field, add one, or put something else there; a row without its id spoils all of a list."""
    names = sorted(row) if may_lose_id else sorted(row.keys() - {"id"})
    name = chance.one_of([*names, *names, *names, "something new", next(chance.texts)])
    if name in row and chance.below(4) == 0:
        del row[name]
    elif name != "id" or may_lose_id:
        row[name] = chance.value(name)


def check(world: World, example: tuple[Answers, set[str]], *, known: bool) -> None:
    answers, touched = example
    installation, error = world.night(answers, known=known)
    try:
        if error is not None or not installation.published.exists():
            assert known == installation.published.exists()
            return
        after, expected = told(installation), world.expected[known]
        assert of_others(after, touched) == of_others(expected, touched)
        flags_are_as_told(world, answers, installation, known=known)
        users_are_as_told(world, answers, installation, known=known)
    finally:
        shutil.rmtree(installation.home.parent)


def flag(value: object) -> bool | None:
    """What a value says of a flag, if anything."""
    said = str(value).strip(" ").lower() if isinstance(value, bool | int | str) else None
    return {"true": True, "1": True, "false": False, "0": False}.get(said or "")


def number(value: object) -> int | None:
    """The id that a value is, if it is one."""
    digits = re.fullmatch(r" *(-?[0-9]+) *", str(value)) if isinstance(value, int | str) else None
    return int(digits[1]) if digits and not isinstance(value, bool) else None


def text(value: object) -> str | None:
    return value.replace("\ud800", "\ufffd") if isinstance(value, str) else None


FLAGS = "SELECT user_id, permission, granted FROM user_permissions"
USERS = "SELECT user_id, name, email, active, deleted, role_id FROM users"
FIELDS = {"name": text, "email": text, "active_flag": flag, "is_deleted": flag, "role_id": number}


def data_of(answers: Answers, path: str) -> Any:
    found = answers.get(path)
    if isinstance(found, bytes):  # it may be a document all the same
        with suppress(ValueError):
            found = json.loads(found)
    return found.get("data") if isinstance(found, dict) else None


def flags_are_as_told(world: World, answers: Answers, installation: Installation, *, known: bool) -> None:
    """Each published flag is what the answer says, what was known before, or unknown: nothing else."""
    before = {row[:2]: row[2] for row in query(world.before.published, FLAGS)} if known else {}
    for user, permission, granted in query(installation.published, FLAGS):
        data = data_of(answers, f"users/{user}/permissions")
        said = [flag(v) for k, v in data.items() if text(k) == permission] if isinstance(data, dict) else []
        assert granted in {None, before.get((user, permission)), *said}, (user, permission)


def users_are_as_told(world: World, answers: Answers, installation: Installation, *, known: bool) -> None:
    """The same of what is published of a user."""
    before = {user: row for user, *row in query(world.before.published, USERS)} if known else {}
    listed = data_of(answers, "users")
    for user, *row in query(installation.published, USERS):
        records = [data_of(answers, f"users/{user}"), *(listed if isinstance(listed, list) else [])]
        mine = [r for r in records if isinstance(r, dict) and number(r.get("id")) == user]
        for place, (name, meaning) in enumerate(FIELDS.items()):
            said = {meaning(record.get(name)) for record in mine}
            assert row[place] in {None, *said, *(before[user][place : place + 1] if user in before else [])}


calm = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=2, derandomize=True, phases=[Phase.generate], **calm)
@given(chance=chances, known=st.booleans())
def test_whatever_comes_nothing_breaks_and_nothing_is_guessed(world: World, chance: Chance, known) -> None:
    check(world, spoilt(world.answers, chance), known=known)


@pytest.mark.timeout(900)
@settings(max_examples=100, derandomize=True, phases=[Phase.generate], **calm)
@given(chance=chances, known=st.booleans())
def test_the_same_with_more_of_chance(world: World, chance: Chance, known) -> None:
    check(world, spoilt(world.answers, chance), known=known)
