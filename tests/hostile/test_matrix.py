"""Everything that a server can do wrong, and how a night ends that meets it.

Each case is a company in the second night of the real command. The night ends complete, and then every
table is as after an undisturbed night; or partial, and then only what was not answered is left as it was;
or nothing is published, in a sentence that says why. The night after it, everything is well again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from published import differing

from pipedrive_graph.simulator import faults

from .fleet import LONG, PATIENT, Fleet
from .stage import Ending, Plant, Stage, Target, View, heals

PERMISSIONS = r"users/\d+/permissions"
DETAILS = r"users/\d+/.*"

COMPLETE = Ending()


@dataclass(frozen=True)
class Case:
    """What goes wrong, in which dialects, and how the night ends.

    All cases are companies of one home, with the slow tests. Those that are `alone` are besides nights of
    a home of their own, and of these the `quick` ones are run each time. `todo` says what is not right yet.
    """

    name: str
    plant: Plant
    ending: Ending = COMPLETE
    dialects: tuple[str, ...] = ("official", "brief")
    quick: bool = False
    alone: bool = False
    todo: str | None = None


def here(*actions: faults.Action, at: str = PERMISSIONS, times: int | None = 10, after: int = 0) -> Plant:
    """Let these actions befall so many requests."""
    return lambda stage: stage.simulator.faults.add(at, *actions, times=times, after=after)


def both(*plants: Plant) -> Plant:
    return lambda stage: [plant(stage) for plant in plants]


def everywhere(action: faults.Action) -> Plant:
    """Four times whatever is asked for first, once each of the next lists, and ten of the details."""
    return both(
        here(action, at="users/me", times=4),
        here(action, at="users", times=3),
        here(action, at="roles|permissionSets", times=2),
        here(action, at=DETAILS, times=10),
    )


def of_one(action: faults.Action, what: str = "permissions") -> Plant:
    """Always, for one user of whom nothing has changed."""
    return lambda stage: stage.simulator.faults.add(f"users/{stage.calm}/{what}", action, times=None)


def partial(reason: str, *but: str) -> Ending:
    return Ending(code=4, sentence=f"default is partial: {reason}", but=frozenset(but))


def nothing(reason: str, code: int = 4) -> Ending:
    return Ending(code=code, sentence=reason, kept=True)


def edited(change: Callable[[Any], object], at: str = "users") -> Plant:
    """Change what a list says, each time."""
    return here(faults.edit(change), at=at, times=None)


def rows(change: Callable[[Any], object], at: str = "users") -> Plant:
    """Change each row of a list, each time."""
    return edited(lambda body: [change(row) for row in body["data"]], at)


def first_page_again() -> faults.Action:
    """Ignore `start`: send the page that was sent first, and announce another one."""
    kept: list[Any] = []

    def change(body: Any) -> None:
        kept.append(body["data"])
        body["data"] = kept[0]
        block = body.setdefault("additional_data", {}).setdefault("pagination", {"start": 0})
        block |= {"more_items_in_collection": True, "next_start": block["start"] + len(kept[0])}

    return faults.edit(change)


def nonsense(value: object) -> Plant:
    """Every field of one user that may be missing is of a wrong type."""

    def plant(stage: Target) -> None:
        def change(row: Any) -> None:
            if row["id"] == stage.calm:
                row.update((name, value) for name in row if name not in {"id", "company_id", "is_you"})

        rows(change)(stage)

    return plant


def loop(body: Any) -> None:
    """Two roles are each other's parents; a third is below them."""
    if body["additional_data"]["pagination"]["start"] == 0:
        one, two, three = body["data"][2:5]
        one["parent_role_id"], two["parent_role_id"], three["parent_role_id"] = (
            two["id"],
            one["id"],
            two["id"],
        )


def points_back(body: Any) -> None:
    block = body.get("additional_data", {}).get("pagination", {})
    if block.get("more_items_in_collection"):
        block["next_start"] = 0


def more_flags(body: Any) -> None:
    body["data"] |= {"can_fly": False, "can_" + "x" * 5000: None, "can_\u202ego": 0, "can_\x00": "0"}


ONE_MISSING = r"1 of \d+ calls about single subjects were not answered\."
NO_USERS = r"The list of users was not answered in full: users: {}\. " + (
    r"The snapshot was put aside and nothing was published; run sync again\."
)
MORE = r"The list {} announces more rows than it gives; new ones may be missing\."

SETS = ("permission_sets", "nodes", "lists_not_given")
LOOPING = Ending(
    but=frozenset(
        {"roles", "roles_history", "role_tree", "access_changes", "nodes", "edges", "findings", "peer_groups"}
    )
)

ODD_FLAGS = Ending(odd=("can_fly", "can_xx", "can_\u202e", "can_\x00", "can_\\x00"))

BURSTS = {
    "500": faults.status(500),
    "502 in HTML": faults.html(502),
    "503": faults.status(503, headers={"retry-after": "0"}),
    "504": faults.status(504),
    "cut before the answer": faults.cut("before"),
    "cut within the body": faults.cut("within"),
    "truncated JSON": faults.truncated,
    "HTML with 200": faults.html(),
    "success: false with 200": faults.unsuccessful,
    "an empty body": faults.body(b""),
    "a list of nothing": faults.body(b"[]"),
    "data of another kind": faults.body({"success": True, "data": 7}),
    "no data at all": faults.body({"success": True}),
    "bytes that are no text": faults.body(b'{"success": true, "data": "\xff\xfe"}'),
    "a number that is none": faults.body(b'{"success": true, "data": {"id": NaN}}'),
    "a number without end": faults.body(b'{"success": true, "data": {"id": 1' + 5000 * b"0" + b"}}"),
    "depth without end": faults.body(b"[" * 100_000),
    "said to be compressed": faults.headers(content_encoding="gzip"),
}

CASES = [
    *(Case(f"a burst: {name}", everywhere(action)) for name, action in BURSTS.items()),
    Case("cut after every answer", here(faults.cut("after"), at=".*", times=None)),
    Case("a body that dribbles", here(faults.slow(5), times=3)),
    Case("an answer that dribbles from its first byte on", here(faults.slow_loris(20), times=3)),
    Case("data: null, now and then", here(faults.body({"success": True, "data": None}))),
    # what never becomes better
    Case("500 for one user", of_one(faults.status(500)), partial(ONE_MISSING), alone=True, quick=True),
    Case("garbage for one user", of_one(faults.truncated), partial(ONE_MISSING)),
    Case(
        "data: null for one user",
        of_one(faults.body({"success": True, "data": None})),
        partial(ONE_MISSING),
        alone=True,
    ),
    Case("silence for one user", of_one(faults.silence), partial(ONE_MISSING)),
    Case(
        "500 for the list of users",
        here(faults.status(500), at="users", times=None),
        nothing(NO_USERS.format("answered with status 500: internal error")),
        alone=True,
        quick=True,
    ),
    Case(
        "truncated users",
        here(faults.truncated, at="users", times=None),
        nothing(NO_USERS.format("the body is not JSON")),
    ),
    Case(
        "data: null for the list of users",
        here(faults.body({"success": True, "data": None}), at="users", times=None),
        nothing(NO_USERS.format("data: expected users, got none")),
    ),
    Case(
        "500 for the list of roles",
        here(faults.status(500), at="roles", times=None),
        partial(
            r"The list roles was not answered: roles: answered with status 500: internal error\.",
            "roles",
            "lists_not_given",
        ),
        dialects=("official",),
    ),
    Case(
        "a permission set without an id",
        rows(lambda row: row.update(id=""), at="permissionSets"),
        partial(r"The list permissionSets was not answered: .*row 1: id: expected an id, got ''\.", *SETS),
        dialects=("official",),
    ),
    Case(
        "500 for half of the details",
        here(faults.status(500), at=r"users/\d*[02468]/.*", times=None),
        nothing(
            r"\d+ of \d+ calls about single subjects were not answered; at most \d+ may be missing\. The .*"
        ),
    ),
    Case(
        "500 for everything",
        here(faults.status(500), at=".*", times=None),
        nothing(r"Pipedrive .*status 500: try again later.*", code=1),
        alone=True,
    ),
    # lists that are paged
    Case(
        "a page of users that is repeated for ever",
        here(first_page_again(), at="users", times=None),
        Ending(4, f"default is partial: {MORE.format('users')}", but=None),
        dialects=("brief",),
    ),
    Case(
        "a page of roles that is repeated for ever",
        here(first_page_again(), at="roles", times=None),
        partial(MORE.format("roles")),
        dialects=("official",),
    ),
    Case(
        "a page of somebody's roles that is repeated for ever",
        of_one(first_page_again(), "roleAssignments"),
        partial(ONE_MISSING),
    ),
    Case(
        "next_start points back",
        edited(points_back, "users|roles"),
    ),
    # what is there, but odd
    Case("flags that nobody knows", here(faults.edit(more_flags), times=None), ODD_FLAGS),
    *(
        Case(
            f"{name} in every field of a user",
            nonsense(value),
            # of whom it is not known which sets they have by now, nobody can say that none grants something
            Ending(but=frozenset({"unreadable_values"}), unsure=frozenset({"access_given", "granted_by"})),
        )
        for name, value in {
            "a list": [[1]],
            "an object": {"a": {}},
            "a number": 1.5e300,
        }.items()
    ),
    Case(
        "ids that are none",
        rows(lambda row: row.update(id="x")),
        nothing(NO_USERS.format("data: none of the rows can be read; row 1: id: .*")),
    ),
    Case("roles whose parents loop", edited(loop, "roles"), LOOPING, ("official",), alone=True, quick=True),
]


PLACES = [(case, dialect) for case in CASES for dialect in case.dialects]


def parameters(*, alone: bool) -> Iterator[Any]:
    for number, (case, dialect) in enumerate(PLACES):
        if alone and not case.alone:
            continue
        quick = alone and case.quick and dialect == case.dialects[0]
        marks = [] if quick else [pytest.mark.slow]
        if case.todo:
            marks.append(pytest.mark.xfail(reason=case.todo, strict=True))
        yield pytest.param(case, dialect if alone else number, marks=marks, id=f"{case.name} ({dialect})")


@pytest.mark.slow
@pytest.mark.parametrize(("case", "dialect"), list(parameters(alone=True)))
def test_a_night(stages: dict[str, Stage], case: Case, dialect: str) -> None:
    stage = stages[dialect]
    installation = stage.copy()
    case.plant(stage)
    try:
        result = installation.command("sync", "--json")
    finally:
        stage.simulator.faults.clear()
    stage.check(case.ending, result, installation)
    if case.ending.code:
        stage.heals(installation)


@pytest.fixture(scope="module")
def fleet(impatience: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """All cases as companies of one home, and behind them one of each dialect that is not disturbed."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        # this process answers all of them, and has to be waited for
        patch.setattr("pipedrive_graph.pipedrive.client.RetryPolicy", lambda: PATIENT)
        patch.setattr("pipedrive_graph.pipedrive.client.Timeouts", lambda: LONG)
        dialects = [dialect for _, dialect in PLACES]
        fleet = Fleet(tmp_path_factory.mktemp("fleet"), stack, [*dialects, *DIALECTS])
        fleet.run([case.plant for case, _ in PLACES])
        yield fleet


DIALECTS = ("official", "brief")


@pytest.mark.timeout(1200)  # all companies are read by the first test
@pytest.mark.parametrize(("case", "number"), list(parameters(alone=False)))
def test_a_night_among_others(fleet: Fleet, case: Case, number: int) -> None:
    """Each case once more, now as a company of a fleet: what befalls it does not reach the others."""
    name = fleet.members[number].name
    undisturbed = fleet.members[len(PLACES) + DIALECTS.index(PLACES[number][1])].name
    first, second, third = fleet.nights

    case.ending.check(
        second.sentence(name),
        second.results[name],
        first.view(name),
        second.view(name),
        second.view(undisturbed),
    )
    if case.ending.code:
        assert third.results[name]["status"] == "complete"
        heals(third.view(name), third.view(undisturbed))


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_company_among_hostile_ones_is_shown_as_if_it_were_alone(
    fleet: Fleet, stages: dict[str, Stage], dialect: str
) -> None:
    name = fleet.members[len(PLACES) + DIALECTS.index(dialect)].name

    among_others = dict(fleet.nights[1].view(name).tables())
    alone = dict(View(stages[dialect].undisturbed.published).tables())

    for shown in (among_others, alone):
        shown.pop("collection_status")  # whether the run before was recorded, which only the command does
    assert differing(among_others, alone) == {}
