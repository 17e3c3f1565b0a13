"""A company that changes while it is read, and a server that goes away while it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from published import differing, query, tables

from pipedrive_graph.simulator import faults

from .stage import Ending, Stage, company


@pytest.fixture(params=["official", "brief"])
def stage(request, impatience, tmp_path: Path):
    """A stage of its own, whose company the test may change."""
    with company(dialect=request.param) as simulator:
        yield Stage.of(simulator, tmp_path)


def meanwhile(change: Callable[[], object]) -> faults.Action:
    """Let something happen in the company after an answer has been made, and before it is sent."""

    def act(reply: faults.Reply) -> faults.Reply:
        change()
        return reply

    return act


BOTH = ["official", pytest.param("brief", marks=pytest.mark.slow)]
"""Dialects; the second with the slow tests."""

LAST_PAGE = {"official": 0, "brief": 3}
"""How many pages of users come before the last."""

IDS = "SELECT user_id FROM users ORDER BY 1"


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["brief"], indirect=True)
def test_a_list_that_grows_while_it_is_paged_has_everybody(stage: Stage) -> None:
    people, installation = stage.simulator.company, stage.copy()
    stage.simulator.faults.add("users", meanwhile(lambda: people.invite("late@example.com")))

    result = installation.command("sync", "--json")

    stage.check(Ending(), result, installation)
    assert query(installation.published, IDS) == [(user,) for user in sorted(people.users)]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["brief"], indirect=True)
def test_a_list_that_shrinks_while_it_is_paged_loses_nobody(stage: Stage) -> None:
    """Who slips onto a page that was read already is asked for by id; who is gone was listed: unknown."""
    people, installation = stage.simulator.company, stage.copy()
    second, slips = sorted(people.users)[1], sorted(people.users)[6]
    stage.simulator.faults.add("users", meanwhile(lambda: people.remove_user(second)))
    stage.simulator.requests.clear()

    result = installation.command("sync", "--json")

    assert result.code == 4
    assert result.sentence.startswith("default is partial: 2 of ")
    assert f"users/{slips}" in {request.path for request in stage.simulator.requests}
    assert query(installation.published, IDS) == [(user,) for user in sorted({*people.users, second})]
    stage.heals(installation)
    assert query(installation.published, IDS) == [(user,) for user in sorted(people.users)]


@pytest.mark.slow
@pytest.mark.parametrize("stage", BOTH, indirect=True)
def test_who_vanishes_between_list_and_details_is_unknown_and_gone_the_night_after(stage: Stage) -> None:
    people, installation = stage.simulator.company, stage.copy()
    stage.simulator.faults.add(
        "users",
        meanwhile(lambda: people.remove_user(stage.calm)),
        after=LAST_PAGE[stage.simulator.options.dialect],
    )

    result = installation.command("sync", "--json")

    assert result.code == 4
    assert result.sentence.startswith("default is partial: 2 of ")
    flags = "SELECT permission, granted FROM user_permissions WHERE user_id = ? ORDER BY 1"
    assert query(installation.published, flags, stage.calm) == query(
        stage.before.published, flags, stage.calm
    )
    stage.heals(installation)
    assert (stage.calm,) not in query(installation.published, IDS)


NAMES = {
    "right to left, and back": "\u202eevil\u202c \u200f\u05d0\u05d1\u200e",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f4\U000e0067",
    "combining": "Z\u0351\u0353\u031fa\u0300lgo",
    "lines": "one\ntwo\r\nthree\u2028four\x85five\x0bsix",
    "quotes": 'O\'Brien "Bob" \\ ;DROP TABLE users--',
    "formula": '=HYPERLINK("http://x")',
    "nothing": "",
    "spaces": "  \t ",
}

ESCAPES = {r"\ud800": "\ufffd", r"\udfff\ud83d": "\ufffd\ufffd", r"a\u0000b": "a\x00b"}
"""Escapes that are no text, or hardly, and what is kept of them."""


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["official", pytest.param("brief", marks=pytest.mark.slow)], indirect=True)
def test_names_of_every_kind_are_kept_as_they_are(stage: Stage) -> None:
    people = [user for user in stage.simulator.company.users.values() if not user.deleted]
    for user, name in zip(people, NAMES.values(), strict=False):
        user.name = name
    for role, name in zip(stage.simulator.company.roles.values(), NAMES.values(), strict=False):
        role.name = name
    for user, escape in zip(people[-3:], ESCAPES, strict=True):
        user.name = f"<{escape}>"  # in JSON with a backslash before the one that is there
    unescaped = [replaced(escape.replace("\\", "\\\\").encode(), escape.encode()) for escape in ESCAPES]
    stage.simulator.faults.add("users", *unescaped, times=None)
    installation = stage.copy()

    result = installation.command("sync", "--json")

    assert result.code == 0
    kept = dict(query(installation.published, "SELECT user_id, name FROM users"))
    assert [kept[user.id] for user in people[-3:]] == [f"<{text}>" for text in ESCAPES.values()]
    assert [kept[user.id] for user, _ in zip(people, NAMES, strict=False)] == list(NAMES.values())
    roles = dict(query(installation.published, "SELECT role_id, name FROM roles"))
    for role, name in zip(stage.simulator.company.roles.values(), NAMES.values(), strict=False):
        assert roles[role.id] == name


def replaced(old: bytes, new: bytes) -> faults.Action:
    return lambda reply: replace(reply, body=reply.body.replace(old, new))


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["official"], indirect=True)
def test_a_name_of_ten_million_characters(stage: Stage) -> None:
    stage.simulator.company.users[stage.calm].name = "n" * 10_000_000

    result = stage.copy().command("sync", "--json")

    assert (result.code, result.err) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["official", pytest.param("brief", marks=pytest.mark.slow)], indirect=True)
def test_a_server_that_dies_half_way_and_is_there_again_the_day_after(stage: Stage) -> None:
    installation, simulator = stage.copy(), stage.simulator
    undisturbed = tables(stage.undisturbed.published, clock=False)
    dies = threading.Thread(target=simulator.stop)
    simulator.faults.add(r"users/\d+/.*", meanwhile(dies.start), after=15)
    simulator.faults.add(r"users/\d+/.*", faults.silence, times=None)

    result = installation.command("sync", "--json")

    dies.join()
    assert result.code == 4
    assert result.sentence.startswith("Pipedrive has stopped answering (")
    assert installation.published.read_bytes() == stage.before.published.read_bytes()
    (begun,) = (path.parent.name for path in installation.landing().path.glob("*/draft.json"))
    simulator.faults.clear()
    simulator.start()

    again = installation.command("sync", "--json")

    assert again.code == 0
    assert again.objects[0]["snapshot_id"] == begun
    assert differing(tables(installation.published, clock=False), undisturbed) == {}
