"""Rules about admins and about unexplained permissions."""

from __future__ import annotations

import json

import pytest

from .literal import Company


def entry(
    app: str = "sales", admin: bool | None = False, permission_set_id: str | None = None
) -> dict[str, object]:
    return {"app": app, "admin": admin, "permission_set_id": permission_set_id}


ACCOUNT_ADMIN = [entry("account_settings", True)]
SALES_ADMIN = [entry("sales", True)]
NO_ADMIN = [entry("account_settings"), entry("sales")]


def people(company: Company, *accesses: object, **user: object) -> None:
    """Add users with these accesses, numbered from 1."""
    for user_id, access in enumerate(accesses, start=1):
        company.user(user_id, f"User{user_id}", access=access, **user)


@pytest.mark.parametrize(
    ("accesses", "fires"),
    [
        ([ACCOUNT_ADMIN, NO_ADMIN, NO_ADMIN], True),
        ([NO_ADMIN, NO_ADMIN, NO_ADMIN], True),
        ([ACCOUNT_ADMIN, SALES_ADMIN, NO_ADMIN], True),
        ([ACCOUNT_ADMIN, ACCOUNT_ADMIN, NO_ADMIN], False),
        ([ACCOUNT_ADMIN, NO_ADMIN], False),
        ([SALES_ADMIN, [], []], True),
        ([SALES_ADMIN, SALES_ADMIN, []], False),
        # who may be an admin as far as we know
        ([ACCOUNT_ADMIN, None, NO_ADMIN], False),
        ([ACCOUNT_ADMIN, [entry("account_settings", None)], NO_ADMIN], False),
        ([None, None, None], False),
    ],
)
def test_single_admin(company: Company, accesses: list[object], fires: bool) -> None:
    people(company, *accesses)

    assert company.fired("single_admin") == ([("77", None)] if fires else [])


def test_single_admin_counts_live_users(company: Company) -> None:
    people(company, ACCOUNT_ADMIN, NO_ADMIN)
    company.user(8, "Gone", access=ACCOUNT_ADMIN, active=False)
    company.user(9, "Deleted", access=NO_ADMIN, deleted=True)

    assert company.fired("single_admin") == []

    company.user(3, "Third", access=NO_ADMIN)
    assert company.fired("single_admin") == [("77", None)]
    [(title, evidence)] = company.table("rules.single_admin", "title, evidence")
    assert title == (
        "Only User1 (user1@example.com) administers the account of acme, which has 3 active users."
    )
    assert json.loads(evidence) == {
        "admins": [
            {"user": "User1 (user1@example.com)", "last_login": "2026-11-20 02:00:00", "login_known": True}
        ],
        "active_users": 3,
        "threshold_admins": 2,
        "threshold_users": 2,
    }


def test_single_admin_of_older_companies(company: Company) -> None:
    people(company, None, None, None, is_admin=False)

    assert company.table("rules.single_admin", "title, subject_kind, severity") == [
        ("Nobody administers the account of acme, which has 3 active users.", "company", "high")
    ]


@pytest.mark.parametrize(
    ("admins", "users", "fires"),
    [(4, 10, False), (5, 10, True), (5, 100, False), (6, 100, True), (6, 119, True), (6, 120, False),
     (7, 140, False), (8, 140, True)],
)  # fmt: skip
def test_too_many_admins(company: Company, admins: int, users: int, fires: bool) -> None:
    people(company, *[ACCOUNT_ADMIN] * admins, *[SALES_ADMIN] * (users - admins))
    company.user(999, "Gone", access=ACCOUNT_ADMIN, active=False)

    assert company.fired("too_many_admins") == ([("77", None)] if fires else [])


def test_too_many_admins_counts_admins_where_there_is_no_such_app(company: Company) -> None:
    people(company, *[SALES_ADMIN] * 5, None, None)

    [(title, evidence)] = company.table("rules.too_many_admins", "title, evidence")

    assert title == "5 of the 7 active users of acme administer the account."
    found = json.loads(evidence)
    assert found["admins"] == 5
    assert found["admin_ids"] == [1, 2, 3, 4, 5]
    assert found["first_admins"][0] == {
        "user": "User1 (user1@example.com)",
        "admin_apps": ["sales"],
        "last_login": "2026-11-20 02:00:00",
        "login_known": True,
    }


def test_who_may_be_an_admin_is_not_one_too_many(company: Company) -> None:
    people(company, *[ACCOUNT_ADMIN] * 4, None, None)

    assert company.fired("too_many_admins") == []


@pytest.mark.parametrize(
    ("access", "is_admin", "fires"),
    [
        (SALES_ADMIN, False, True),
        ([entry()], True, True),
        ([], True, True),
        (SALES_ADMIN, True, False),
        ([entry()], False, False),
        ([], False, False),
        (SALES_ADMIN, None, False),
        (None, True, False),
        (None, False, False),
        ([entry("sales", None)], True, False),
        ([entry("sales", None)], False, False),
    ],
)
def test_admin_flag_mismatch(company: Company, access: object, is_admin: bool | None, fires: bool) -> None:
    company.user(5, "Ana", access=access, is_admin=is_admin)

    assert company.fired("admin_flag_mismatch") == ([("5", None)] if fires else [])


def test_admin_flag_mismatch_says_which(company: Company) -> None:
    company.user(5, "Ana", access=SALES_ADMIN, is_admin=False)
    company.user(6, "Bob", access=[], is_admin=True, active=False)

    assert company.table("rules.admin_flag_mismatch", "title") == [
        ("Ana (ana@example.com) is no admin by the field is_admin, but by access one of sales.",),
        ("Bob (bob@example.com) is an admin by the field is_admin, but of no app by access.",),
    ]


@pytest.mark.parametrize(
    ("access", "granted", "fires"),
    [
        ([entry(permission_set_id="x")], True, False),
        ([entry(permission_set_id="y")], True, True),
        ([entry(permission_set_id="y")], False, False),
        ([entry(permission_set_id="y")], None, False),
        ([entry(permission_set_id="empty")], True, True),
        ([], True, True),
        ([entry(permission_set_id="y"), entry("global", False, "x")], True, False),
        ([entry("global", True, "y")], True, False),
        ([entry("global", None, "y")], True, False),
        ([entry(permission_set_id="unknown")], True, False),
        ([entry(permission_set_id="y"), entry(permission_set_id="missing")], True, False),
        ([entry(permission_set_id="y"), entry(permission_set_id="absent")], True, True),
        # an entry that names no set grants nothing
        ([entry(permission_set_id="y"), entry()], True, True),
        ([entry(permission_set_id="x"), entry()], True, False),
        ([entry()], True, True),
        ([entry(permission_set_id="unknown"), entry()], True, False),
        (None, True, False),
    ],
)
def test_unexplained_permission(company: Company, access: object, granted: bool | None, fires: bool) -> None:
    company.permission_set("x", ["can_x", "can_y"])
    company.permission_set("y", ["can_y"])
    company.permission_set("empty", [])
    company.permission_set("unknown", None)
    company.coverage("permissionSets/{id}", "absent", "gone")
    company.user(5, "Ana", access=access)
    company.flags(5, can_x=granted)

    assert company.fired("unexplained_permission") == ([("5", "can_x")] if fires else [])


EXFILTRATE = dict.fromkeys(
    ("can_export_data_from_lists", "can_use_api", "can_use_import", "can_see_other_users"), True
)


@pytest.mark.slow
def test_an_entry_that_names_no_set_changes_no_finding(company: Company) -> None:
    company.permission_set("x", ["can_x", "can_y"])
    company.permission_set("y", ["can_x", "can_y"])
    company.coverage("permissionSets/{id}", "absent", "gone")
    company.role(1, "Sales")
    people(
        company,
        ACCOUNT_ADMIN,
        [entry(permission_set_id="x")],
        [entry(permission_set_id="absent")],
        [entry("global", False, "y"), entry(permission_set_id="x")],
        [],
    )
    company.user(6, "Gone", access=[entry("sales", True, "x")], active=False)
    for user_id in range(1, 7):
        company.assign(user_id, 1)
        company.flags(user_id, can_x=True, can_y=False, **(EXFILTRATE if user_id % 2 else {}))
    before = company.findings()

    assert {rule for rule, _, _ in before} >= {
        "unexplained_permission", "missing_permission", "shadow_admin", "toxic_exfiltrate",
        "dangling_permission_set", "inactive_user_with_permissions", "duplicate_permission_sets",
    }  # fmt: skip

    nothing = "[{'app': 'projects', 'admin': false, 'permission_set_id': NULL}]"
    company.rows(f"UPDATE history.users SET access = list_concat(access, {nothing})")  # noqa: S608
    assert company.findings() == before


@pytest.mark.parametrize("rule", ["unexplained_permission", "missing_permission"])
@pytest.mark.parametrize(("signature", "fires"), [("then", True), ("now", False)])
def test_what_was_answered_under_another_access_is_not_compared(
    company: Company, rule: str, signature: str, fires: bool
) -> None:
    company.permission_set("x", ["can_x", "can_y"])
    company.user(5, "Ana", access=[entry(permission_set_id="x")])
    company.insert("access_signatures", user_id=5, signature=signature)
    company.flags(5, can_x=True, can_y=False, can_z=True)
    company.rows("UPDATE history.observations SET signature = 'then'")

    found = {"unexplained_permission": [("5", "can_z")], "missing_permission": [("5", "can_y")]}
    assert company.fired(rule) == (found[rule] if fires else [])
    if not fires:
        assert company.table("users", "user_id, permissions_source") == [(5, None)]
        assert set(company.table("user_permissions", "granted")) == {(None,)}


@pytest.mark.parametrize("given", [True, False])
def test_sets_that_were_not_told_this_time_explain_and_promise_nothing(company: Company, given: bool) -> None:
    company.permission_set("x", ["can_x", "can_y"])
    company.user(5, "Ana", access=[entry(permission_set_id="x")], access_given=given)
    company.flags(5, can_x=True, can_y=False, can_z=True)

    assert company.fired("unexplained_permission") == ([("5", "can_z")] if given else [])
    assert company.fired("missing_permission") == ([("5", "can_y")] if given else [])
    assert company.table("user_role_permissions", "permission, granted_by") == [
        ("can_x", ["x"]),
        ("can_y", ["x"]),
        ("can_z", [] if given else None),
    ]
    ((explanation,),) = company.rows("SELECT explanation FROM why(5, 'can_z')")
    assert explanation == (
        "unexplained: no permission set of the user grants it, and the user is not an admin"
        if given
        else "granted, source not known: the user's permission sets are not known"
    )


def test_unexplained_permission_is_one_finding_each(company: Company) -> None:
    company.role(1, "Sales")
    company.role(2, "Support")
    company.permission_set("y", ["can_y"])
    company.user(5, "Ana", access=[entry("sales", False, "y"), entry("global", False, "y")])
    company.assign(5, 1, 2)
    company.flags(5, can_x=True, can_y=True, can_z=True)

    assert company.fired("unexplained_permission") == [("5", "can_x"), ("5", "can_z")]
    title, evidence = company.table("rules.unexplained_permission", "title, evidence")[0]
    assert title == ("Ana (ana@example.com) holds can_x, which none of the user's permission sets grants.")
    assert json.loads(evidence) == {
        "user": "Ana (ana@example.com)",
        "active": True,
        "last_login": "2026-11-20 02:00:00",
        "login_known": True,
        "permission": "can_x",
        "since": "2026-11-20 02:00:00",
        "observed_at": "2026-11-20 02:00:00",
        "permission_sets": [
            {"app": "global", "set": "Y", "permission_set_id": "y"},
            {"app": "sales", "set": "Y", "permission_set_id": "y"},
        ],
    }


COMMON = {"can_use_api": True, "can_use_import": True, "can_delete_deals": True, "can_add_products": True}


@pytest.fixture
def administered(company: Company) -> Company:
    """Two admins, who have four permissions in common; three of these are sensitive."""
    people(company, ACCOUNT_ADMIN, ACCOUNT_ADMIN)
    company.flags(1, **COMMON, can_merge_deals=True)
    company.flags(2, **COMMON, can_merge_people=True, can_merge_deals=False)
    return company


@pytest.mark.parametrize(
    ("user", "flags", "fires"),
    [
        ({}, COMMON, True),
        ({}, COMMON | {"can_merge_deals": True}, True),
        ({}, COMMON | {"can_add_products": False}, False),
        ({}, COMMON | {"can_add_products": None}, False),
        ({}, dict.fromkeys(list(COMMON)[:3], True), False),
        ({}, {}, False),
        ({"access": SALES_ADMIN}, COMMON, False),
        ({"access": None}, COMMON, False),
        ({"active": False}, COMMON, False),
        ({"active": None}, COMMON, False),
        ({"deleted": True}, COMMON, False),
    ],
)
def test_shadow_admin(
    administered: Company, user: dict[str, object], flags: dict[str, bool | None], fires: bool
) -> None:
    administered.user(5, "Ana", **({"access": NO_ADMIN} | user))
    administered.flags(5, **flags)

    assert administered.fired("shadow_admin") == ([("5", None)] if fires else [])


@pytest.mark.parametrize(
    ("admin", "flags", "fires"),
    [
        # a third who lacks a sensitive one: two are left
        ({}, {"can_use_api": True, "can_use_import": True, "can_add_products": True}, False),
        ({}, COMMON | {"can_add_products": False}, True),
        ({"active": False}, {"can_use_api": True}, True),
        ({"access": SALES_ADMIN}, {"can_use_api": True}, True),
        # what an admin's answer leaves open may be held
        ({}, COMMON | {"can_use_api": None}, True),
        ({}, None, True),
    ],
)
def test_shadow_admin_is_compared_with_every_admin(
    administered: Company, admin: dict[str, object], flags: dict[str, bool | None] | None, fires: bool
) -> None:
    administered.user(3, "Third", **({"access": ACCOUNT_ADMIN} | admin))
    if flags is not None:
        administered.flags(3, **flags)
    administered.user(5, "Ana", access=NO_ADMIN)
    administered.flags(5, **COMMON)

    assert administered.fired("shadow_admin") == ([("5", None)] if fires else [])


def test_shadow_admin_needs_an_admin_to_compare_with(company: Company) -> None:
    people(company, NO_ADMIN, ACCOUNT_ADMIN)
    company.flags(1, **COMMON)

    assert company.fired("shadow_admin") == []


def test_shadow_admin_says_what_a_reviewer_needs(administered: Company) -> None:
    administered.permission_set("x", ["can_use_api", "can_use_import"], type="regular")
    administered.user(5, "Ana", access=[entry("sales", False, "x"), entry("global", False, "gone")])
    administered.flags(5, **COMMON, can_x=True)

    [(title, severity, evidence)] = administered.table("rules.shadow_admin", "title, severity, evidence")

    assert (title, severity) == (
        "Ana (ana@example.com) is not an admin, but holds all 4 permissions that all 2 compared admins hold.",
        "high",
    )
    assert json.loads(evidence) == {
        "user": "Ana (ana@example.com)",
        "last_login": "2026-11-20 02:00:00",
        "login_known": True,
        "permissions": 5,
        "common_permissions": ["can_add_products", "can_delete_deals", "can_use_api", "can_use_import"],
        "sensitive_permissions": ["can_delete_deals", "can_use_api", "can_use_import"],
        "since": "2026-11-20 02:00:00",
        "observed_at": "2026-11-20 02:00:00",
        "admins": 2,
        "first_admins": ["User1 (user1@example.com)", "User2 (user2@example.com)"],
        "permission_sets": [
            {"app": "global", "set": "gone", "type": None, "permission_set_id": "gone"},
            {"app": "sales", "set": "X", "type": "regular", "permission_set_id": "x"},
        ],
        "granted_by_no_known_set": ["can_add_products", "can_delete_deals"],
        "threshold_sensitive": 3,
    }


@pytest.mark.parametrize(
    ("access", "flags", "fires"),
    [
        ([entry(permission_set_id="x")], {"can_x": False}, True),
        ([entry(permission_set_id="x")], {"can_y": True}, True),
        ([entry(permission_set_id="x")], {}, True),
        ([entry(permission_set_id="x")], {"can_x": True}, False),
        ([entry(permission_set_id="x")], {"can_x": None}, False),
        ([entry(permission_set_id="x")], None, False),
        ([entry(permission_set_id="y")], {}, False),
        ([entry(permission_set_id="unknown")], {}, False),
        ([entry(permission_set_id="gone")], {}, False),
        ([entry(permission_set_id="unknown"), entry("global", False, "x")], {}, True),
        ([entry(permission_set_id="x"), entry("global", False, "x")], {}, True),
        ([entry("sales", True, "x")], {}, True),
        ([entry()], {}, False),
        ([], {}, False),
        (None, {}, False),
    ],
)
def test_missing_permission(
    company: Company, access: object, flags: dict[str, bool | None] | None, fires: bool
) -> None:
    company.permission_set("x", ["can_x", "can_x", "can_nobody"])
    company.permission_set("y", [])
    company.permission_set("unknown", None)
    company.user(5, "Ana", access=access)
    company.user(6, "Bob", access=[])
    company.flags(6, can_x=False)
    if flags is not None:
        company.flags(5, **flags)

    assert company.fired("missing_permission") == ([("5", "can_x")] if fires else [])


def test_missing_permission_says_what_a_reviewer_needs(company: Company) -> None:
    company.permission_set("a", ["can_x", "can_y"])
    company.permission_set("b", ["can_x"], app="global", name=None)
    company.user(5, "Ana", access=[entry("sales", False, "a"), entry("global", False, "b")])
    company.user(6, "Bob", access=[])
    company.flags(5, can_x=False)
    company.flags(6, can_y=True)

    rows = company.table("rules.missing_permission", "object, severity, title, evidence")

    assert [row[:3] for row in rows] == [
        ("can_x", "low", "Ana (ana@example.com) does not hold can_x, which A, b grants."),
        ("can_y", "low", "Ana (ana@example.com) does not hold can_y, which A grants."),
    ]
    assert json.loads(rows[0][3]) == {
        "user": "Ana (ana@example.com)",
        "admin": False,
        "last_login": "2026-11-20 02:00:00",
        "login_known": True,
        "permission": "can_x",
        "granted_by": [
            {"permission_set_id": "a", "set": "A", "app": "sales"},
            {"permission_set_id": "b", "set": None, "app": "global"},
        ],
        "named_by_answer": True,
        "since": "2026-11-20 02:00:00",
        "observed_at": "2026-11-20 02:00:00",
    }
    found = json.loads(rows[1][3])
    assert (found["named_by_answer"], found["since"]) == (False, None)


@pytest.mark.parametrize(
    ("state", "fires"),
    [
        ({}, True),
        ({"deleted": None}, True),
        ({"active": False}, False),
        ({"deleted": True}, False),
        ({"active": False, "deleted": True}, False),
        ({"active": None}, False),
    ],
)
def test_only_an_active_user_lacks_a_permission(
    company: Company, state: dict[str, bool | None], fires: bool
) -> None:
    company.permission_set("x", ["can_x"])
    company.user(5, "Ana", access=[entry(permission_set_id="x")], **state)
    company.flags(5, can_x=False)

    assert company.fired("missing_permission") == ([("5", "can_x")] if fires else [])


API = {"can_use_api": True}


def team(company: Company, role_id: int, *answers: dict[str, bool | None] | None, start: int) -> None:
    """Fill a role with users, numbered from `start`; None was never answered for."""
    for user_id, flags in enumerate(answers, start):
        company.user(user_id, f"User{user_id}", access=NO_ADMIN)
        company.assign(user_id, role_id)
        if flags is not None:
            company.flags(user_id, **flags)


@pytest.mark.parametrize(
    ("answers", "fires"),
    [
        ([API, {}, {}], ["10"]),
        ([API, {}], []),
        ([API, API, {}], []),
        ([API, API, {}, {}], []),
        ([API, API, {}, {}, {}], ["10", "11"]),
        ([API, {"can_use_api": False}, {"can_use_api": False}], ["10"]),
        # not known
        ([API, {}, None], []),
        ([API, {}, {"can_use_api": None}], []),
        ([API, {}, {}, None, None, None], ["10"]),
        # not sensitive
        ([{"can_x": True}, {}, {}], []),
    ],
)
def test_sensitive_permission(
    company: Company, answers: list[dict[str, bool | None] | None], fires: list[str]
) -> None:
    company.role(2, "Sales")
    team(company, 2, *answers, start=10)

    assert company.fired("sensitive_permission") == [(user, "can_use_api") for user in fires]


@pytest.mark.parametrize(
    ("user", "fires"),
    [
        ({}, True),
        ({"access": SALES_ADMIN}, False),
        ({"access": None}, False),
        ({"active": False}, False),
        ({"active": None}, False),
        ({"deleted": True}, False),
    ],
)
def test_sensitive_permission_of_an_active_user_who_is_no_admin(
    company: Company, user: dict[str, object], fires: bool
) -> None:
    company.role(2, "Sales")
    team(company, 2, {}, {}, {}, start=10)
    company.user(5, "Ana", **({"access": NO_ADMIN} | user))
    company.assign(5, 2)
    company.flags(5, **API)

    assert company.fired("sensitive_permission") == ([("5", "can_use_api")] if fires else [])


@pytest.mark.parametrize(
    ("active", "live", "fires"), [(True, True, True), (False, True, False), (True, False, False)]
)
def test_sensitive_permission_compares_active_members(
    company: Company, active: bool, live: bool, fires: bool
) -> None:
    company.role(2, "Sales")
    team(company, 2, API, {}, start=10)
    company.user(5, "Ana", active=live)
    company.assign(5, 2, active=active)
    company.flags(5, can_x=True)

    assert company.fired("sensitive_permission") == ([("10", "can_use_api")] if fires else [])


def test_sensitive_permission_counts_admins_among_the_members(company: Company) -> None:
    company.role(2, "Sales")
    team(company, 2, API, {}, {}, start=10)
    company.user(5, "Ana", access=SALES_ADMIN)
    company.assign(5, 2)
    company.flags(5, **API)

    assert company.fired("sensitive_permission") == []


@pytest.mark.parametrize(
    ("others", "fires"),
    [
        (({}, {}), True),
        ((API, {}), False),
        (({},), True),  # too few to tell
        ((), True),
    ],
)
def test_sensitive_permission_is_unusual_in_each_role_that_tells_something(
    company: Company, others: tuple[dict[str, bool | None], ...], fires: bool
) -> None:
    company.role(2, "Sales")
    company.role(3, "Support")
    team(company, 2, API, {}, {}, start=10)
    company.assign(10, 3)
    team(company, 3, *others, start=20)

    assert (("10", "can_use_api") in company.fired("sensitive_permission")) == fires


@pytest.mark.parametrize(
    ("role", "permission", "fires"),
    [
        ("sales", "can_use_api", False),
        ("2", "can_use_api", False),
        ("Support", "can_use_api", False),
        ("Board", "can_use_api", True),
        ("Sales", "can_use_import", True),
    ],
)
def test_sensitive_permission_may_be_allowed(
    company: Company, role: str, permission: str, fires: bool
) -> None:
    company.policy(allowed_permissions=[(role, permission)])
    company.role(2, "Sales")
    company.role(3, "Support")
    team(company, 2, API, {}, {}, start=10)
    company.assign(10, 3)

    assert company.fired("sensitive_permission") == ([("10", "can_use_api")] if fires else [])


@pytest.mark.parametrize(
    ("entry", "fires"),
    [("Integrations", True), ("2", False), ("12", True)],
    ids=["the new name", "its id", "the id that the new name looks like"],
)
def test_a_role_that_was_renamed_is_allowed_by_its_id_only(company: Company, entry: str, fires: bool) -> None:
    company.snapshot(0)
    company.snapshot(1)
    company.policy(allowed_permissions=[(entry, "can_use_api")])
    company.role(2, "Sales", until=1)
    company.role(2, "12" if entry == "12" else "Integrations", since=1)
    team(company, 2, API, {}, {}, start=10)

    assert company.fired("sensitive_permission") == ([("10", "can_use_api")] if fires else [])
    renamed = company.table("rules.renamed_into_exception", "subject_kind, subject_id, object, title")
    assert renamed == (
        [
            (
                "role",
                "2",
                "Integrations",
                "Role 2 was renamed from 'Sales' to 'Integrations', which is named as an exception by"
                " findings.toml, [allowed.permissions].",
            )
        ]
        if entry == "Integrations"
        else []
    )


def test_a_rename_that_an_earlier_version_collected_is_accepted(company: Company) -> None:
    company.snapshot(0, journal_lines=None)
    company.snapshot(1, journal_lines=None)
    company.snapshot(2)
    company.policy(allowed_permissions=[("Integrations", "can_use_api")])
    company.role(2, "Sales", until=1)
    company.role(2, "Integrations", since=1)
    team(company, 2, API, {}, {}, start=10)

    assert company.fired("sensitive_permission") == []
    assert company.fired("renamed_into_exception") == []


def test_a_role_that_had_the_allowed_name_from_the_start_is_allowed(company: Company) -> None:
    company.snapshot(0)
    company.snapshot(1)
    company.policy(allowed_permissions=[("Integrations", "can_use_api")])
    company.role(2, "integrations", until=1)
    company.role(2, "Integrations", 1, since=1)
    team(company, 2, API, {}, {}, start=10)

    assert company.fired("sensitive_permission") == []
    assert company.fired("renamed_into_exception") == []


def by_access(company: Company, *, holds: bool) -> None:
    """Three in Sales were asked, and six were not, who have the access of who holds the API or not."""
    company.snapshot(1, collect="by-access")
    company.role(2, "Sales")
    team(company, 2, API, {}, {}, start=10)
    company.connection.execute(
        "UPDATE history.observations SET signature = if(subject_id = '10', 'a', 'b')"
        " WHERE history_table = 'user_permissions'"
    )
    for user_id in (10, 11, 12):
        company.insert("access_signatures", user_id=user_id, signature="a" if user_id == 10 else "b")
    team(company, 2, *[None] * 6, start=20)
    for user_id in range(20, 26):
        company.insert("access_signatures", user_id=user_id, signature="a" if holds else "b")


@pytest.mark.parametrize("holds", [True, False])
def test_what_is_inferred_can_only_clear_a_sensitive_permission(company: Company, holds: bool) -> None:
    by_access(company, holds=holds)

    assert company.fired("sensitive_permission") == ([] if holds else [("10", "can_use_api")])
    if not holds:
        [(evidence,)] = company.table("rules.sensitive_permission", "evidence")
        assert json.loads(evidence)["roles"] == [
            {"role_id": 2, "role": "Sales", "members": 9, "known": 3, "holders": 1}
        ]


def test_sensitive_permission_says_what_a_reviewer_needs(company: Company) -> None:
    company.role(2, "Sales")
    company.role(3)
    company.permission_set("x", ["can_use_api"])
    team(company, 2, {}, {}, {}, start=10)
    company.user(5, "Ana", access=[entry("sales", False, "x"), entry("global", False, "gone")])
    company.assign(5, 2, 3)
    company.flags(5, **API)

    [(title, severity, evidence)] = company.table("rules.sensitive_permission", "title, severity, evidence")

    assert (title, severity) == (
        "Ana (ana@example.com) holds can_use_api, which is unusual in the same role: 1 of 4 hold it in "
        "Sales.",
        "medium",
    )
    assert json.loads(evidence) == {
        "user": "Ana (ana@example.com)",
        "last_login": "2026-11-20 02:00:00",
        "login_known": True,
        "permission": "can_use_api",
        "since": "2026-11-20 02:00:00",
        "observed_at": "2026-11-20 02:00:00",
        "granted_by": ["X"],
        "roles": [
            {"role_id": 2, "role": "Sales", "members": 4, "known": 4, "holders": 1},
            {"role_id": 3, "role": None, "members": 1, "known": 1, "holders": 1},
        ],
        "threshold_members": 3,
        "threshold_share": 0.5,
    }
