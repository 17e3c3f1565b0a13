"""Who sees whose items: the tables and macros of visibility over literal rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from .literal import NIGHTS, Company

ITEMS = ("deal", "lead", "org", "person", "product")


def entry(app: str, admin: bool | None = False) -> dict[str, object]:
    return {"app": app, "admin": admin, "permission_set_id": None}


def settings(company: Company, role_id: int, value: int | None, **values: int | None) -> None:
    """Insert the settings of a role: one value for all kinds of items, or another for some."""
    for item in ITEMS:
        company.versions(
            "role_visibility", 0, None, role_id=role_id, item=item, value=values.get(item, value)
        )
    company.observed("role_visibility", role_id, 0)


@pytest.fixture
def company(new_company: Callable[[str], Company]) -> Company:
    """A tree of roles with a user each, on a plan with groups.

    Board (2) is above Sales (3), which is above Inside Sales (4); Support (5) is beside Board.
    """
    acme = new_company("acme")
    acme.snapshot(0, visibility=True, plan="premium")
    acme.role(1, "(Unassigned users)")
    acme.role(2, "Board")
    acme.role(3, "Sales", 2)
    acme.role(4, "Inside Sales", 3)
    acme.role(5, "Support")
    for user_id, name, role_id in [
        (20, "Bea", 2), (30, "Sam", 3), (31, "Sue", 3), (40, "Ian", 4), (50, "Ute", 5),
    ]:  # fmt: skip
        acme.user(user_id, name, role_id=role_id)
        acme.assign(user_id, role_id)
    return acme


def reach(company: Company, item: str = "deal") -> list[tuple[Any, ...]]:
    """The rows of default_reach about one kind of item."""
    columns = "user_id, reach, owners_seen, owners_unknown, share, from_everyone, from_group, from_branch, from_below"  # noqa: E501
    return company.rows(f"SELECT {columns} FROM default_reach WHERE item = '{item}' ORDER BY ALL")  # noqa: S608


# ---- what a value means


@pytest.mark.parametrize(
    ("plan", "meaning", "basis"),
    [
        ("lite", "everyone", "plan"),
        ("growth", "everyone", "plan"),
        ("premium", "group", "plan"),
        ("ultimate", "group", "plan"),
        ("Premium", "group", "plan"),
        ("platinum", "group", "roles"),
        (None, "group", "roles"),
    ],
)
def test_what_three_means_on_a_plan(
    new_company: Callable[[str], Company], plan: str | None, meaning: str, basis: str
) -> None:
    company = new_company("acme")
    company.snapshot(0, visibility=True, plan=plan)
    for role_id in (1, 2, 3):
        company.role(role_id)
    settings(company, 2, 3)

    assert company.table("visibility_meaning", "three_means, basis") == [(meaning, basis)]
    assert company.table("role_visibility", "role_id, item, value, reach") == [
        (role_id, item, value, known)
        for role_id, value, known in [(1, None, None), (2, 3, meaning), (3, None, None)]
        for item in ITEMS
    ]


@pytest.mark.parametrize(
    ("roles", "value", "row"),
    [
        ([(1, True)], 3, ("everyone", "single role")),
        ([(1, True)], 7, ("group", "values")),
        ([(1, True)], 5, ("group", "values")),
        ([(1, True), (2, True)], 3, (None, None)),
        ([(1, True), (2, True)], 5, ("group", "values")),
        ([(1, True), (2, True), (3, True)], 3, ("group", "roles")),
        ([(1, True), (2, True), (3, False)], 3, (None, None)),
        ([(1, True), (2, True), (3, None)], 3, (None, None)),
        ([(1, None)], 3, (None, None)),
        ([(1, True), (2, False)], 3, (None, None)),
    ],
)
def test_what_three_means_without_a_plan(
    new_company: Callable[[str], Company],
    roles: list[tuple[int, bool | None]],
    value: int,
    row: tuple[Any, ...],
) -> None:
    company = new_company("acme")
    company.snapshot(0, visibility=True)
    for role_id, active in roles:
        company.role(role_id, active=active)
    settings(company, 1, value)

    assert company.table("visibility_meaning", "three_means, basis") == [row]


@pytest.mark.parametrize("visibility", [False, None])
@pytest.mark.parametrize(
    "table",
    ["visibility_meaning", "role_visibility", "pipelines", "role_pipelines", "teams", "team_members",
     "default_reach"],
)  # fmt: skip
def test_tables_are_empty_unless_the_latest_snapshot_collected_visibility(
    new_company: Callable[[str], Company], visibility: bool | None, table: str
) -> None:
    company = new_company("acme")
    company.snapshot(0, visibility=True, plan="premium")
    company.snapshot(1, visibility=visibility, plan="premium")
    company.role(2, "Sales")
    company.user(20, "Bea", role_id=2)
    settings(company, 2, 7)
    company.versions("pipelines", 0, None, pipeline_id=1, name="New", deleted=False)
    company.versions("teams", 0, None, team_id=1, name="Team", members=[20])

    assert company.table(table, "*") == []


def test_values_and_their_reach(company: Company) -> None:
    for role_id, value in [(1, 1), (2, 3), (3, 5), (4, 7), (5, None)]:
        settings(company, role_id, value)

    assert company.rows(
        "SELECT role_id, value, reach, since, observed_at FROM role_visibility WHERE item = 'lead' ORDER BY ALL"  # noqa: E501
    ) == [
        (1, 1, "owner", NIGHTS[0], NIGHTS[0]),
        (2, 3, "group", NIGHTS[0], NIGHTS[0]),
        (3, 5, "branch", NIGHTS[0], NIGHTS[0]),
        (4, 7, "everyone", NIGHTS[0], NIGHTS[0]),
        (5, None, None, NIGHTS[0], NIGHTS[0]),
    ]


# ---- default_reach


def test_members_of_the_roles_above_see_what_is_below(company: Company) -> None:
    for role_id in range(1, 6):
        settings(company, role_id, 1)

    assert reach(company) == [
        (20, "below", 4, 0, 0.8, 0, 0, 0, 3),
        (30, "below", 2, 0, 0.4, 0, 0, 0, 1),
        (31, "below", 2, 0, 0.4, 0, 0, 0, 1),
        (40, "owner", 1, 0, 0.2, 0, 0, 0, 0),
        (50, "owner", 1, 0, 0.2, 0, 0, 0, 0),
    ]


def test_group_branch_and_everyone(company: Company) -> None:
    settings(company, 2, 5)
    settings(company, 3, 3)
    settings(company, 4, 1)
    settings(company, 5, 7)

    assert reach(company) == [
        (20, "everyone", 5, 0, 1.0, 1, 0, 0, 3),
        (30, "everyone", 5, 0, 1.0, 1, 1, 1, 1),
        (31, "everyone", 5, 0, 1.0, 1, 1, 1, 1),
        (40, "everyone", 3, 0, 0.6, 1, 0, 1, 0),
        (50, "owner", 1, 0, 0.2, 0, 0, 0, 0),
    ]


def test_an_item_has_its_own_setting(company: Company) -> None:
    for role_id in range(1, 6):
        settings(company, role_id, 1, person=7)

    assert reach(company, "person") == [
        (user_id, "everyone", 5, 0, 1.0, 4, 0, 0, 0) for user_id in (20, 30, 31, 40, 50)
    ]


def test_admins_of_deals_and_global_admins_see_everything(company: Company) -> None:
    for role_id in range(1, 6):
        settings(company, role_id, 1)
    for user_id, access in [
        (60, [entry("sales", True)]),
        (61, [entry("global", True)]),
        (62, [entry("account_settings", True)]),
        (63, [entry("sales", None)]),
    ]:
        company.user(user_id, f"U{user_id}", role_id=5, access=access)
        company.assign(user_id, 5)
    company.user(64, "U64", role_id=5, access=None, is_admin=True)
    company.user(65, "U65", role_id=5, access=[entry("sales", None)], is_admin=False)

    assert [row[:5] for row in reach(company) if row[0] >= 60] == [
        (60, "admin", 11, 0, 1.0),
        (61, "admin", 11, 0, 1.0),
        (62, "owner", 1, 0, 1 / 11),
        (63, None, 1, 10, None),
        (64, "admin", 11, 0, 1.0),
        (65, "owner", 1, 0, 1 / 11),
    ]


def test_unknown_settings_roles_and_states(company: Company) -> None:
    settings(company, 2, 1)
    settings(company, 3, 1)
    settings(company, 4, None)
    company.user(60, "Nil", role_id=None)
    company.user(61, "Off", role_id=3, active=False)
    company.user(62, "Who", role_id=3, active=None)
    company.user(63, "Old", role_id=99)
    company.assign(63, 99)

    # 5 and 99 have no settings; 60 has no role
    assert [row[:5] for row in reach(company)] == [
        (20, None, 4, 3, None),
        (30, None, 2, 3, None),
        (31, None, 2, 3, None),
        (40, None, 1, 3, None),
        (50, None, 1, 3, None),
        (60, None, 1, 6, None),
        (63, None, 1, 3, None),
    ]


def test_everyone_is_the_widest_whatever_is_not_known(company: Company) -> None:
    settings(company, 2, 1)
    settings(company, 3, 7)
    settings(company, 4, None)
    settings(company, 5, 1)

    assert [row[:5] for row in reach(company)] == [
        (20, "everyone", 4, 0, 0.8),
        (30, "everyone", 3, 0, 0.6),
        (31, "everyone", 3, 0, 0.6),
        (40, "everyone", 3, 0, 0.6),
        (50, "everyone", 3, 1, None),
    ]


def test_the_users_own_role_counts_if_there_is_no_assignment(company: Company) -> None:
    for role_id in range(1, 6):
        settings(company, role_id, 1)
    company.user(60, "Flo", role_id=4)
    company.user(61, "Flip", role_id=4)
    company.assign(61, 5)
    company.assign(61, 4, active=False)

    assert company.rows("SELECT user_id, role_ids FROM user_visibility WHERE user_id >= 60 ORDER BY ALL") == [
        (60, [4]),
        (61, [5]),
    ]
    assert reach(company)[0][:3] == (20, "below", 5)


def test_a_loop_of_roles_sees_itself(company: Company) -> None:
    company.role(6, "Ring", 7)
    company.role(7, "Loop", 6)
    for role_id in range(1, 8):
        settings(company, role_id, 1)
    for user_id, role_id in [(60, 6), (70, 7)]:
        company.user(user_id, f"U{user_id}", role_id=role_id)
        company.assign(user_id, role_id)

    assert [row[:3] for row in reach(company) if row[0] >= 60] == [(60, "below", 2), (70, "below", 2)]


# ---- macros


def test_who_can_see(company: Company) -> None:
    settings(company, 3, 3)
    company.user(60, "Adm", role_id=5, access=[entry("sales", True)])
    company.assign(60, 5)
    company.user(61, "Off", role_id=3, active=False)
    company.assign(61, 3)

    expected = [
        (60, "Adm", "yes: an admin of the app sees everything"),
        (20, "Bea", "yes: the user's role is above the owner's role"),
        (30, "Sam", "yes: the user is the owner"),
        (31, "Sue", "yes: the owner's role shares with its members, and the user is a member"),
    ]
    columns = "user_id, name, reason"
    for item in ("deal", "deals", "DEAL", "organization", "org", "people", "products"):
        assert company.rows(f"SELECT {columns} FROM who_can_see('{item}', 'sam@EXAMPLE.com')") == expected  # noqa: S608
    assert company.rows("SELECT DISTINCT company, owner_id, owner, item FROM who_can_see('persons', 30)") == [
        ("acme", 30, "Sam (sam@example.com)", "person")
    ]


@pytest.mark.parametrize(
    ("viewer", "owner", "sees", "reason"),
    [
        (30, 30, True, "yes: the user is the owner"),
        (20, 40, True, "yes: the user's role is above the owner's role"),
        (40, 20, True, "yes: the owner's role shares with the roles below it, such as the user's role"),
        (50, 20, False, "no: the owner's role does not share with the user's role, which is not above it"),
        (30, 31, True, "yes: the owner's role shares with its members, and the user is a member"),
        (40, 50, True, "yes: the owner's role shares with everyone"),
        (20, 61, True, "yes: the user's role is above the owner's role"),
        (50, 61, None, "not known: the default visibility of the owner's role, or what it means"),
        (60, 30, None, "not known: the role of the user"),
        (30, 60, None, "not known: the role of the owner"),
        (60, 50, True, "yes: the owner's role shares with everyone"),
        (62, 50, False, "no: the user is deactivated or deleted"),
        (63, 50, None, "not known: whether the user is active"),
        (63, 30, False, "no: the owner's role does not share with the user's role, which is not above it"),
        (64, 30, None, "not known: whether the user is an admin"),
        (50, 62, False, "no: the owner's role does not share with the user's role, which is not above it"),
    ],
)
def test_can_see(company: Company, viewer: int, owner: int, sees: bool | None, reason: str) -> None:
    settings(company, 2, 5)
    settings(company, 3, 3)
    settings(company, 4, None)
    settings(company, 5, 7)
    company.user(60, "Nil", role_id=None)
    company.user(61, "Ivy", role_id=4)
    company.assign(61, 4)
    company.user(62, "Off", role_id=3, active=False)
    company.user(63, "Who", role_id=5, active=None)
    company.user(64, "Amy", role_id=5, access=None)

    assert company.rows(f"SELECT sees, reason FROM can_see({viewer}, '{owner}', 'deal')") == [(sees, reason)]  # noqa: S608


def test_without_the_collection_only_the_tree_and_admin_rights_are_known(
    new_company: Callable[[str], Company],
) -> None:
    company = new_company("acme")
    company.snapshot(0)
    company.role(2, "Board")
    company.role(3, "Sales", 2)
    for user_id, name, role_id in [(20, "Bea", 2), (30, "Sam", 3), (31, "Sue", 3)]:
        company.user(user_id, name, role_id=role_id)
    company.user(40, "Adm", role_id=3, access=[entry("global", True)])

    assert company.rows(
        "SELECT user_id, sees, reason FROM viewers_of('deal', 'sam@example.com') ORDER BY ALL"
    ) == [
        (20, True, "yes: the user's role is above the owner's role"),
        (30, True, "yes: the user is the owner"),
        (31, None, "not known: the latest snapshot did not collect visibility"),
        (40, True, "yes: an admin of the app sees everything"),
    ]


NOT_COLLECTED = "The latest snapshot of acme did not collect visibility; set visibility = true in the settings, and run sync."  # noqa: E501


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("FROM who_can_see('deal', 'bob@example.com')", "There is no user 'bob@example.com'; did you mean"),
        (
            "SELECT count(*) FROM who_can_see('task', 30)",
            "The kind of item 'task' does not exist; use deal, lead, org,",
        ),
        ("FROM who_can_see(NULL, 30)", "The kind of item '' does not exist; use deal, lead, org,"),
        ("FROM who_can_see('task', 99)", "There is no user '99'"),
        (
            "SELECT sees FROM can_see(99, 30, 'deal')",
            "There is no user '99'; give an e-mail address or an id",
        ),
        (
            "SELECT sees FROM can_see(30, 99, 'deal')",
            "There is no user '99'; give an e-mail address or an id",
        ),
        (
            "SELECT sees FROM can_see(30, 31, 'task')",
            "The kind of item 'task' does not exist; use deal, lead, org,",
        ),
    ],
)
def test_unknown_names_are_errors(
    company: Company, connection: duckdb.DuckDBPyConnection, query: str, sentence: str
) -> None:
    company.user(33, "Bobby")

    with pytest.raises(duckdb.Error) as error:
        company.rows(query)

    assert sentence in str(error.value)


def test_who_can_see_without_the_collection_is_an_error(
    connection: duckdb.DuckDBPyConnection, new_company: Callable[[str], Company]
) -> None:
    company = Company(connection, "acme")
    company.snapshot(0)
    company.user(30, "Sam")

    with pytest.raises(duckdb.Error) as error:
        company.rows("FROM who_can_see('deal', 30)")

    assert NOT_COLLECTED in str(error.value)


# ---- pipelines and teams


def test_pipelines_and_hidden_ones(company: Company) -> None:
    company.snapshot(1, visibility=True)
    company.versions("pipelines", 0, None, pipeline_id=1, name="New", deleted=False)
    company.versions("pipelines", 0, None, pipeline_id=2, name=None, deleted=True)
    company.versions("pipelines", 1, None, pipeline_id=3, name="Late", deleted=None)
    company.versions("role_pipelines", 0, None, role_id=2, hidden=[2, 3, 9])
    company.versions("role_pipelines", 0, None, role_id=3, hidden=[])
    company.versions("role_pipelines", 0, 1, role_id=5, hidden=[1])
    company.observed("role_pipelines", 2, 0)
    company.observed("role_pipelines", 3, 0, 1)
    company.observed("role_pipelines", 5, 0)

    assert company.table("pipelines", "pipeline_id, name, label, deleted, first_seen") == [
        (1, "New", "New", False, NIGHTS[0]),
        (2, None, "2", True, NIGHTS[0]),
        (3, "Late", "Late", None, NIGHTS[1]),
    ]
    assert company.rows(
        "SELECT role_id, list(visible ORDER BY pipeline_id), any_value(observed_at)"
        " FROM role_pipelines GROUP BY ALL ORDER BY ALL"
    ) == [
        (1, [None, None, None], None),
        (2, [True, False, False], NIGHTS[0]),
        (3, [True, True, True], NIGHTS[1]),
        (4, [None, None, None], None),
        (5, [None, None, None], NIGHTS[0]),
    ]


def test_a_pipeline_that_is_newer_than_a_roles_answer_is_not_known(company: Company) -> None:
    company.versions("pipelines", 1, None, pipeline_id=3, name="Late", deleted=False)
    company.versions("role_pipelines", 0, None, role_id=2, hidden=[])
    company.observed("role_pipelines", 2, 0)

    assert company.rows("SELECT visible FROM role_pipelines WHERE role_id = 2") == [(None,)]


@pytest.mark.parametrize(("observed", "visible"), [(0, None), (1, None), (2, True), (3, True)])
def test_a_pipeline_that_was_gone_is_known_from_answers_since_its_return(
    company: Company, observed: int, visible: bool | None
) -> None:
    for night in range(1, 4):
        company.snapshot(night, visibility=True)
    company.versions("pipelines", 0, 1, pipeline_id=3, name="Back", deleted=False)
    company.versions("pipelines", 2, 3, pipeline_id=3, name="Back", deleted=False)
    company.versions("pipelines", 3, None, pipeline_id=3, name="Renamed", deleted=False)
    company.versions("role_pipelines", 0, None, role_id=2, hidden=[])
    company.observed("role_pipelines", 2, 0, observed)

    assert company.rows("SELECT visible FROM role_pipelines WHERE role_id = 2") == [(visible,)]


def test_teams_and_members(company: Company) -> None:
    company.versions(
        "teams", 0, None, team_id=1, name="North", manager_id=30, active=True, deleted=False, members=[30, 99]
    )
    company.versions("teams", 0, None, team_id=2, name=None, manager_id=None, members=[31])
    company.versions("teams", 0, None, team_id=3, name="Gone", members=None)
    company.versions("teams", 0, 1, team_id=4, name="Ended", members=[20])

    assert company.table("teams", "team_id, label, manager_id, active, deleted, members") == [
        (1, "North", 30, True, False, 2),
        (2, "2", None, None, None, 1),
        (3, "Gone", None, None, None, None),
    ]
    assert company.table("team_members", "team_id, user_id, manager") == [
        (1, 30, True),
        (1, 99, False),
        (2, 31, None),
    ]


# ---- the model against an independent one


def sees(viewer: Any, owner: Any, parents: dict[int, int | None], values: dict[int, int], plan: str) -> bool:
    """Whether a viewer sees an owner's new items, decided pair by pair from the description of Pipedrive."""
    if not viewer["active"]:
        return False
    if viewer["id"] == owner["id"] or viewer["admin"]:
        return True

    def above(role: int) -> set[int]:
        found: set[int] = set()
        while (parent := parents[role]) is not None and parent not in found:
            found.add(parent)
            role = parent
        return found

    if viewer["role"] in above(owner["role"]):
        return True
    value = values[owner["role"]]
    if value == 7 or (value == 3 and plan in ("lite", "growth")):
        return True
    if value == 1:
        return False
    if viewer["role"] == owner["role"]:
        return True
    return value == 5 and owner["role"] in above(viewer["role"])


@pytest.mark.parametrize("plan", ["growth", "ultimate"])
@pytest.mark.parametrize("seed", range(10))
def test_the_macros_and_the_table_agree_with_a_model_of_pairs(
    connection: duckdb.DuckDBPyConnection, seed: int, plan: str
) -> None:
    """Twenty random trees: 144 triples each for the macros, and all triples for the table."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    company = Company(connection, "acme")
    company.snapshot(0, visibility=True, plan=plan)
    parents: dict[int, int | None] = {}
    values: dict[str, dict[int, int]] = {item: {} for item in ITEMS}
    for role in range(1, rng.randint(2, 9)):
        parents[role] = rng.choice([None, *parents]) if role > 1 else None
        company.role(role, f"Role {role}", parents[role])
        for item in ITEMS:
            values[item][role] = rng.choice([1, 3] if plan == "growth" else [1, 3, 5, 7])
            company.versions("role_visibility", 0, None, role_id=role, item=item, value=values[item][role])
    users = []
    for user_id in range(101, 113):
        user = {
            "id": user_id, "role": rng.choice([*parents]), "admin": rng.random() < 0.1,
            "active": rng.random() < 0.9,
        }  # fmt: skip
        users.append(user)
        access = (
            [entry(rng.choice(["sales", "global"]), True)] if user["admin"] else [entry("projects", True)]
        )
        company.user(user_id, f"U{user_id}", role_id=user["role"], active=user["active"], access=access)
        company.assign(user_id, user["role"])

    asked = {owner["id"]: rng.choice(ITEMS) for owner in users}
    with company.built("viewers_of", "default_reach", "role_visibility", "role_tree", "users") as db:
        answers = {
            owner: dict(db.execute(f"SELECT user_id, sees FROM viewers_of('{item}', {owner})").fetchall())  # noqa: S608
            for owner, item in asked.items()
        }
        reached = {
            (user_id, item): (seen, unknown)
            for user_id, item, seen, unknown in db.execute(
                "SELECT user_id, item, owners_seen, owners_unknown FROM default_reach"
            ).fetchall()
        }
    assert answers == {
        owner["id"]: {
            viewer["id"]: sees(viewer, owner, parents, values[asked[owner["id"]]], plan) for viewer in users
        }
        for owner in users
    }
    live = [user for user in users if user["active"]]
    assert reached == {
        (viewer["id"], item): (sum(sees(viewer, owner, parents, values[item], plan) for owner in live), 0)
        for viewer in live
        for item in ITEMS
    }


# ---- the graph and the changes


def test_edges_and_nodes(company: Company) -> None:
    settings(company, 3, 3, deal=None)
    company.versions("pipelines", 0, None, pipeline_id=1, name="New", deleted=False)
    company.versions("pipelines", 0, None, pipeline_id=2, name="Old", deleted=True)
    company.versions("role_pipelines", 0, None, role_id=3, hidden=[2])
    company.observed("role_pipelines", 3, 0)
    company.versions(
        "teams", 0, None, team_id=7, name="North", manager_id=99, active=True, deleted=False, members=[30, 98]
    )

    with company.built("edges", "nodes") as db:
        edges = db.execute(
            "SELECT kind, source, target, CAST(properties AS VARCHAR) FROM edges"
            " WHERE kind NOT IN ('member_of', 'child_of') AND source IN ('role:3', 'user:30', 'user:98', 'user:99')"  # noqa: E501
            " ORDER BY ALL"
        ).fetchall()
        nodes = db.execute(
            "SELECT node_id, kind, label, CAST(properties AS VARCHAR) FROM nodes"
            " WHERE kind NOT IN ('role') AND node_id NOT IN"
            " ('user:20', 'user:30', 'user:31', 'user:40', 'user:50') ORDER BY ALL"
        ).fetchall()
        loose = db.execute(
            "SELECT source, target FROM edges WHERE source NOT IN (SELECT node_id FROM nodes)"
            " OR target NOT IN (SELECT node_id FROM nodes)"
        ).fetchall()
    assert edges == [
        ("in_team", "user:30", "team:7", "{}"),
        ("in_team", "user:98", "team:7", "{}"),
        ("manages", "user:99", "team:7", "{}"),
        ("sees", "role:3", "pipeline:1", "{}"),
        ("shares", "role:3", "item:deal", '{"reach":null,"value":null}'),
        *[
            ("shares", "role:3", f"item:{item}", '{"reach":"group","value":3}')
            for item in ("lead", "org", "person", "product")
        ],
    ]
    assert nodes == [
        *[(f"item:{item}", "item", item, "{}") for item in ITEMS],
        ("pipeline:1", "pipeline", "New", '{"deleted":false}'),
        ("pipeline:2", "pipeline", "Old", '{"deleted":true}'),
        ("team:7", "team", "North", '{"active":true,"deleted":false,"members":2}'),
        ("user:98", "user", "user 98", "{}"),
        ("user:99", "user", "user 99", "{}"),
    ]
    assert loose == []


def test_changes_of_settings_are_changes_of_the_role(company: Company) -> None:
    for night in (1, 2, 3):
        company.snapshot(night, visibility=True)
    for since, until, value in [(0, 1, 3), (1, 2, None), (2, None, 7)]:
        company.versions("role_visibility", since, until, role_id=3, item="deal", value=value)
    company.versions("role_visibility", 1, None, role_id=3, item="lead", value=1)
    company.versions("role_pipelines", 0, 3, role_id=3, hidden=[2])
    company.versions("role_pipelines", 3, None, role_id=3, hidden=[])

    columns = "snapshot_id, kind, subject_kind, subject_id, object_kind, object, before, after"
    assert company.table("access_changes", columns) == [
        ("s2", "changed", "role", "3", "attribute", "deal_default_visibility", "3", "7"),
        ("s3", "changed", "role", "3", "attribute", "hidden_pipelines", "[2]", "[]"),
    ]
