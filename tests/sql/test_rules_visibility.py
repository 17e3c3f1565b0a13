"""Rules about visibility, pipelines and teams."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from .literal import NIGHTS, Company

ITEMS = ("deal", "lead", "org", "person", "product")


@pytest.fixture
def company(new_company: Callable[[str], Company]) -> Company:
    """The default role and three others beside each other, each with a user, on a plan with groups."""
    acme = new_company("acme")
    acme.snapshot(0, visibility=True, plan="premium")
    acme.role(1, "(Unassigned users)")
    for role_id, name in [(2, "Sales"), (3, "Support"), (4, "Finance")]:
        acme.role(role_id, name)
        member(acme, role_id * 10, role_id)
    return acme


def member(company: Company, user_id: int, role_id: int, **values: object) -> None:
    company.user(user_id, f"U{user_id}", role_id=role_id, **values)
    company.assign(user_id, role_id)


def settings(company: Company, role_id: int, value: int | None, **values: int | None) -> None:
    for item in ITEMS:
        company.versions(
            "role_visibility", 0, None, role_id=role_id, item=item, value=values.get(item, value)
        )
    company.observed("role_visibility", role_id, 0)


def hide(company: Company, pipeline_id: int, *role_ids: int) -> None:
    """Insert the hidden pipelines of all four roles: one pipeline, hidden from some."""
    for role_id in range(1, 5):
        hidden = [pipeline_id] if role_id in role_ids else []
        company.versions("role_pipelines", 0, None, role_id=role_id, hidden=hidden)
        company.observed("role_pipelines", role_id, 0)


# ---- default_role_exposed


@pytest.mark.parametrize(
    ("default", "others", "fires"),
    [
        ({"deal": 7}, {"deal": 3}, True),
        ({"person": 7}, {"person": 5}, True),
        ({"deal": 7}, {"deal": 7}, False),
        ({"deal": 7}, {"deal": None}, False),
        ({"deal": 5}, {"deal": 1}, False),
        ({"deal": None}, {"deal": 1}, False),
        ({"org": 7, "lead": 7, "product": 7}, {"org": 1, "lead": 1, "product": 1}, False),
        ({"deal": 7}, {"deal": 7, "person": 1}, False),
    ],
)
def test_default_role_exposed(
    company: Company, default: dict[str, int | None], others: dict[str, int | None], fires: bool
) -> None:
    settings(company, 1, 3, **default)
    for role_id in (2, 3, 4):
        settings(company, role_id, 3, **others)

    assert company.fired("default_role_exposed") == ([("1", None)] if fires else [])


@pytest.mark.parametrize(("active", "fires"), [(True, True), (False, False), (None, False)])
def test_default_role_exposed_compares_with_active_roles(
    company: Company, active: bool | None, fires: bool
) -> None:
    company.role(5, "Old", active=active)
    for role_id in range(1, 5):
        settings(company, role_id, 7)
    settings(company, 5, 1)

    assert company.fired("default_role_exposed") == ([("1", None)] if fires else [])


def test_default_role_exposed_says_what_and_compared_with_which_roles(company: Company) -> None:
    settings(company, 1, 7)
    settings(company, 2, 7, deal=1)
    settings(company, 3, 7, deal=3, person=3)
    settings(company, 4, 7)

    ((severity, title, evidence),) = company.table("rules.default_role_exposed", "severity, title, evidence")
    assert (severity, title) == (
        "high",
        "The default role (Unassigned users), where new users land, shares every new deal and person"
        " with everyone, while other roles do not.",
    )
    at = NIGHTS[0].isoformat(" ")
    assert json.loads(evidence) == {
        "role": "(Unassigned users)",
        "items": ["deal", "person"],
        "settings": [
            {"item": "deal", "value": 7, "since": at, "narrower_roles": 2,
             "first_narrower_roles": ["Sales", "Support"]},
            {"item": "person", "value": 7, "since": at, "narrower_roles": 1,
             "first_narrower_roles": ["Support"]},
        ],
        "members": 0,
        "observed_at": at,
    }  # fmt: skip


# ---- broad_visibility


def crowd(company: Company, number: int, role_id: int) -> None:
    for user_id in range(100, 100 + number):
        member(company, user_id, role_id)


@pytest.mark.parametrize(
    ("more", "admins", "fires"),
    [
        (20, {}, True),
        (20, {"access": [{"app": "projects", "admin": True, "permission_set_id": None}]}, False),
        (20, {"access": None}, False),
        (20, {"active": False}, False),
        (7, {}, True),
        (6, {}, False),
    ],
)
def test_broad_visibility(company: Company, more: int, admins: dict[str, object], fires: bool) -> None:
    """Role 5 is above all others; of 11 users, one is fewer than 10 %, and of 10 users it is not."""
    for role_id in range(1, 5):
        company.role(role_id + 10, f"Below {role_id}", 5)
        settings(company, role_id, 7)
        settings(company, role_id + 10, 1)
    company.role(5, "Board")
    settings(company, 5, 1)
    crowd(company, more, 11)
    member(company, 50, 5, **admins)

    assert company.fired("broad_visibility") == ([("50", None)] if fires else [])


def test_broad_visibility_is_usual_where_everybody_has_it(company: Company) -> None:
    for role_id in range(1, 5):
        settings(company, role_id, 7)
    crowd(company, 20, 2)

    assert company.fired("broad_visibility") == []


@pytest.mark.parametrize(("unplaced", "fires"), [(1, True), (2, False)])
def test_broad_visibility_counts_only_what_is_known(
    new_company: Callable[[str], Company], unplaced: int, fires: bool
) -> None:
    """The user sees all but the users whose role is not known: 24 of 25 (96 %), or 24 of 26 (92 %)."""
    company = new_company("acme")
    company.snapshot(0, visibility=True, plan="ultimate")
    company.role(5, "Board")
    settings(company, 5, 1)
    for role_id in (6, 7):
        company.role(role_id, f"Team {role_id}", 5)
        settings(company, role_id, 1)
    member(company, 60, 7)
    crowd(company, 22, 6)
    member(company, 50, 5)
    for user_id in range(300, 300 + unplaced):
        company.user(user_id, f"U{user_id}", role_id=None)

    assert company.fired("broad_visibility") == ([("50", None)] if fires else [])


@pytest.mark.parametrize(("roles", "fires"), [(2, False), (3, True)])
def test_broad_visibility_needs_three_roles_with_members(
    new_company: Callable[[str], Company], roles: int, fires: bool
) -> None:
    company = new_company("acme")
    company.snapshot(0, visibility=True, plan="ultimate")
    company.role(5, "Board")
    settings(company, 5, 1)
    for role_id in range(6, 5 + roles):
        company.role(role_id, f"Team {role_id}", 5)
        settings(company, role_id, 1)
        member(company, role_id * 10, role_id)
    company.role(9, "Empty", 5)
    settings(company, 9, 1)
    crowd(company, 20, 6)
    member(company, 50, 5)

    assert company.fired("broad_visibility") == ([("50", None)] if fires else [])


def test_broad_visibility_says_how(new_company: Callable[[str], Company]) -> None:
    company = new_company("acme")
    company.snapshot(0, visibility=True, plan="premium")
    for role_id, name, parent, value in [
        (2, "Sales", None, 5), (3, "Support", None, 7), (4, "Desk", 2, 3), (5, "Closed", 4, 1),
    ]:  # fmt: skip
        company.role(role_id, name, parent)
        settings(company, role_id, value)
    member(company, 20, 2)
    crowd(company, 40, 3)
    member(company, 40, 4)
    member(company, 50, 5)

    rows = company.table("rules.broad_visibility", "subject_id, severity, title, evidence")
    assert [row[:3] for row in rows] == [
        ("20", "medium", "U20 (u20@example.com) sees the new deals of 43 of 43 active users by default."),
        ("40", "medium", "U40 (u40@example.com) sees the new deals of 43 of 43 active users by default."),
        ("50", "medium", "U50 (u50@example.com) sees the new deals of 42 of 43 active users by default."),
    ]
    shown = json.loads(rows[1][3])
    names = ("roles", "reach", "owners_seen", "from_everyone", "from_group", "from_branch", "from_below")
    assert [shown[name] for name in names] == [["Desk"], "everyone", 43, 40, 0, 1, 1]
    assert shown["users_with_such_a_view"] == 3


# ---- broad_export


@pytest.mark.parametrize(
    ("granted", "user", "fires"),
    [
        (True, {}, True),
        (False, {}, False),
        (None, {}, False),
        (True, {"active": False}, False),
        (True, {"access": [{"app": "projects", "admin": True, "permission_set_id": None}]}, False),
    ],
)
def test_broad_export(company: Company, granted: bool | None, user: dict[str, object], fires: bool) -> None:
    for role_id in range(1, 5):
        settings(company, role_id, 7)
    member(company, 50, 2, **user)
    company.flags(50, can_export_data_from_lists=granted)

    assert company.fired("broad_export") == ([("50", None)] if fires else [])


@pytest.mark.parametrize(("hidden", "fires"), [(1, True), (2, False)])
def test_broad_export_from_eighty_percent_on(company: Company, hidden: int, fires: bool) -> None:
    """Of five users, the user sees four or three."""
    settings(company, 2, 1)
    settings(company, 3, 1 if hidden > 1 else 7)
    settings(company, 4, 7, person=1)
    member(company, 50, 4)
    member(company, 51, 4)
    company.flags(50, can_export_data_from_lists=True)

    assert company.fired("broad_export") == ([("50", None)] if fires else [])


def test_broad_export_does_not_rest_on_inference_or_unknown_settings(company: Company) -> None:
    settings(company, 2, 7)
    settings(company, 3, None)
    settings(company, 4, None)
    member(company, 50, 2)
    company.flags(50, can_export_data_from_lists=True)

    assert company.fired("broad_export") == []


# ---- visibility_everyone


@pytest.mark.parametrize(
    ("others", "fires"),
    [((1, 3, 5), True), ((1, 3, 7), True), ((1, 7, 7), False), ((1, None, None), False), ((7, 7, 7), False)],
)
def test_visibility_everyone(company: Company, others: tuple[int | None, ...], fires: bool) -> None:
    settings(company, 1, 1, org=7)
    for role_id, value in zip((2, 3, 4), others, strict=True):
        settings(company, role_id, 1, org=value)

    fired = [row for row in company.fired("visibility_everyone") if row[0] == "1"]
    assert fired == ([("1", "org")] if fires else [])


def test_visibility_everyone_ignores_deleted_roles(company: Company) -> None:
    company.role(5, "Old", active=False)
    company.role(6, "Older", active=None)
    settings(company, 1, 7)
    settings(company, 2, 1)
    settings(company, 5, 1)
    settings(company, 6, 1)

    assert company.fired("visibility_everyone") == []


def test_visibility_everyone_on_a_plan_with_two_values(new_company: Callable[[str], Company]) -> None:
    company = new_company("acme")
    company.snapshot(0, visibility=True, plan="growth")
    for role_id in (1, 2, 3):
        company.role(role_id, f"Role {role_id}")
    settings(company, 1, 1)
    settings(company, 2, 1)
    settings(company, 3, 1, deal=3)

    assert company.table("rules.visibility_everyone", "subject_id, object, severity, title") == [
        (
            "3",
            "deal",
            "low",
            "The role Role 3 shares every new deal with everyone, while 2 other roles do not.",
        )
    ]


# ---- visibility_widened


@pytest.mark.parametrize(
    ("before", "after", "fires"),
    [
        (1, 3, True),
        (3, 5, True),
        (3, 7, True),
        (5, 3, False),
        (7, 1, False),
        (None, 7, False),
        (7, None, False),
    ],
)
def test_visibility_widened(company: Company, before: int | None, after: int | None, fires: bool) -> None:
    company.snapshot(1, visibility=True, plan="premium")
    company.versions("role_visibility", 0, 1, role_id=2, item="deal", value=before)
    company.versions("role_visibility", 1, None, role_id=2, item="deal", value=after)

    assert company.fired("visibility_widened") == ([("2", "deal")] if fires else [])


@pytest.mark.parametrize(("now", "fires"), [(7, True), (5, True), (3, False), (1, False), (None, True)])
def test_visibility_widened_ends_when_it_is_set_back(company: Company, now: int | None, fires: bool) -> None:
    for night in (1, 2):
        company.snapshot(night, visibility=True, plan="premium")
    company.versions("role_visibility", 0, 1, role_id=2, item="deal", value=3)
    company.versions("role_visibility", 1, 2, role_id=2, item="deal", value=7)
    company.versions("role_visibility", 2, None, role_id=2, item="deal", value=now)

    rows = company.table("rules.visibility_widened", "subject_id, object, snapshot_id")
    assert [row for row in rows if row[2] == "s1"] == ([("2", "deal", "s1")] if fires else [])


def test_visibility_widened_says_from_what_to_what(company: Company) -> None:
    company.snapshot(1, visibility=True, plan="premium")
    company.versions("role_visibility", 0, 1, role_id=2, item="org", value=1)
    company.versions("role_visibility", 1, None, role_id=2, item="org", value=5)
    company.versions("role_visibility", 1, None, role_id=3, item="org", value=7)

    ((subject, thing, snapshot, severity, title, evidence),) = company.table(
        "rules.visibility_widened", "subject_id, object, snapshot_id, severity, title, evidence"
    )
    assert (subject, thing, snapshot, severity, title) == (
        "2", "org", "s1", "high",
        "The role Sales shares every new org with more people than before: now with its members and the"
        " roles below it.",
    )  # fmt: skip
    shown = json.loads(evidence)
    assert {name: shown[name] for name in ("value_before", "value_after", "value_now", "reach_now", "members")} == {  # noqa: E501
        "value_before": 1, "value_after": 5, "value_now": 5, "reach_now": "branch", "members": 1,
    }  # fmt: skip


# ---- pipelines


@pytest.mark.parametrize(
    ("hidden", "fires"),
    [((2, 3), True), ((2, 3, 4), True), ((2,), False), ((1, 2, 3), False), ((), False)],
)
def test_pipeline_exposed(company: Company, hidden: tuple[int, ...], fires: bool) -> None:
    company.versions("pipelines", 0, None, pipeline_id=8, name="Secret", deleted=False)
    hide(company, 8, *hidden)

    assert company.fired("pipeline_exposed") == ([("8", None)] if fires else [])


@pytest.mark.parametrize(("deleted", "fires"), [(False, True), (None, True), (True, False)])
def test_pipelines_that_are_deleted_are_left_out(company: Company, deleted: bool | None, fires: bool) -> None:
    company.versions("pipelines", 0, None, pipeline_id=8, name="Secret", deleted=deleted)
    company.versions("pipelines", 0, None, pipeline_id=9, name="Unused", deleted=deleted)
    for role_id in range(1, 5):
        company.versions("role_pipelines", 0, None, role_id=role_id, hidden=[9] if role_id == 1 else [8, 9])
        company.observed("role_pipelines", role_id, 0)

    assert company.fired("pipeline_exposed") == ([("8", None)] if fires else [])
    # nobody is in role 1
    assert company.fired("pipeline_unseen") == ([("8", None), ("9", None)] if fires else [])


def test_pipeline_exposed_needs_to_know(company: Company) -> None:
    """Role 1 was never answered; of the others, only one is known."""
    company.versions("pipelines", 0, None, pipeline_id=8, name="Secret", deleted=False)
    company.versions("role_pipelines", 0, None, role_id=2, hidden=[8])
    company.observed("role_pipelines", 2, 0)
    assert company.fired("pipeline_exposed") == []

    company.versions("role_pipelines", 0, None, role_id=1, hidden=[])
    company.observed("role_pipelines", 1, 0)
    assert company.fired("pipeline_exposed") == []


@pytest.mark.parametrize(
    ("hidden", "fires"), [((2, 3, 4), True), ((1, 2, 3, 4), True), ((2, 3), False), ((1,), False)]
)
def test_pipeline_unseen(company: Company, hidden: tuple[int, ...], fires: bool) -> None:
    """Nobody is in role 1."""
    company.versions("pipelines", 0, None, pipeline_id=8, name="Unused", deleted=False)
    hide(company, 8, *hidden)

    assert company.fired("pipeline_unseen") == ([("8", None)] if fires else [])


def test_pipeline_unseen_needs_to_know_all_roles_with_members(company: Company) -> None:
    company.versions("pipelines", 0, None, pipeline_id=8, name="Unused", deleted=False)
    for role_id in (2, 3):
        company.versions("role_pipelines", 0, None, role_id=role_id, hidden=[8])
        company.observed("role_pipelines", role_id, 0)

    assert company.fired("pipeline_unseen") == []


def test_titles_of_the_rules_about_pipelines(company: Company) -> None:
    company.versions("pipelines", 0, None, pipeline_id=8, name="Secret", deleted=False)
    hide(company, 8, 2, 3, 4)

    columns = "subject_kind, severity, title"
    assert company.table("rules.pipeline_exposed", columns) == [
        ("pipeline", "high", "The pipeline Secret is hidden from 3 of 4 roles, but the default role, where new"  # noqa: E501
         " users land, sees it.")
    ]  # fmt: skip
    assert company.table("rules.pipeline_unseen", columns) == [
        ("pipeline", "low", "The pipeline Secret is hidden from all 3 roles that have active members.")
    ]


# ---- team_manager_inactive


@pytest.mark.parametrize(
    ("manager", "active", "deleted", "fires"),
    [
        (20, True, False, False),
        (60, True, False, True),
        (61, True, False, True),
        (62, True, False, False),
        (99, True, False, True),
        (99, True, None, True),
        (None, True, False, False),
        (99, False, False, False),
        (99, None, False, False),
        (99, True, True, False),
    ],
)
def test_team_manager_inactive(
    company: Company, manager: int | None, active: bool | None, deleted: bool | None, fires: bool
) -> None:
    company.user(60, "Off", active=False)
    company.user(61, "Del", deleted=True)
    company.user(62, "Who", active=None)
    company.versions(
        "teams",
        0,
        None,
        team_id=7,
        name="North",
        manager_id=manager,
        active=active,
        deleted=deleted,
        members=[20],
    )

    assert company.fired("team_manager_inactive") == ([("7", None)] if fires else [])


def test_team_manager_inactive_says_who(company: Company) -> None:
    company.user(60, "Off", active=False)
    for team_id, manager in [(7, 60), (8, 99)]:
        company.versions(
            "teams",
            0,
            None,
            team_id=team_id,
            name=f"Team {team_id}",
            manager_id=manager,
            active=True,
            members=[20],
        )

    assert company.table("rules.team_manager_inactive", "subject_kind, subject_id, severity, title") == [
        (
            "team",
            "7",
            "low",
            "The team Team 7 is managed by Off (off@example.com), who is deactivated or deleted.",
        ),
        ("team", "8", "low", "The team Team 8 is managed by user 99, who is not a user of the company."),
    ]


# ---- without the collection


@pytest.mark.parametrize(
    "rule",
    ["default_role_exposed", "broad_visibility", "broad_export", "visibility_everyone", "visibility_widened",
     "pipeline_exposed", "pipeline_unseen", "team_manager_inactive"],
)  # fmt: skip
def test_no_rule_fires_without_the_collection(new_company: Callable[[str], Company], rule: str) -> None:
    company = new_company("acme")
    company.snapshot(0, visibility=True, plan="premium")
    company.snapshot(1, visibility=False)
    for role_id in (1, 2, 3, 4):
        company.role(role_id, f"Role {role_id}", None if role_id == 1 else 1)
        settings(company, role_id, 7 if role_id == 1 else 1)
        member(company, role_id * 10, role_id)
    company.versions("role_visibility", 0, 1, role_id=9, item="deal", value=1)
    company.versions("pipelines", 0, None, pipeline_id=8, name="Secret", deleted=False)
    hide(company, 8, 2, 3, 4)
    company.versions("teams", 0, None, team_id=7, manager_id=99, active=True, deleted=False, members=[20])

    assert company.fired(rule) == []
