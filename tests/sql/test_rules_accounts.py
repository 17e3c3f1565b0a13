"""Rules about accounts: dormant, never used, inactive and yet with access."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from .literal import NIGHTS, Company

AS_OF = NIGHTS[0]
SECOND = timedelta(seconds=1)


def ago(days: int) -> datetime:
    return AS_OF - timedelta(days=days)


def entry(
    app: str = "sales", admin: bool | None = False, permission_set_id: str | None = None
) -> dict[str, object]:
    return {"app": app, "admin": admin, "permission_set_id": permission_set_id}


ADMIN = [entry("sales", True)]


@pytest.mark.parametrize(
    ("user", "fires"),
    [
        ({"last_login": ago(90) - SECOND}, True),
        ({"last_login": ago(90)}, False),
        ({"last_login": None, "created": ago(30) - SECOND}, True),
        ({"last_login": None, "created": ago(30)}, False),
        ({"last_login": None, "created": ago(300), "login_known": False}, False),
        ({"last_login": ago(200), "access": None, "is_admin": True}, True),
        ({"last_login": ago(200), "access": [], "is_admin": True}, False),
        ({"last_login": ago(200), "access": [entry("sales", None)]}, False),
        ({"last_login": ago(200), "access": None}, False),
        ({"last_login": ago(200), "active": False}, False),
        ({"last_login": ago(200), "active": None}, False),
        ({"last_login": ago(200), "deleted": True}, False),
        ({"last_login": ago(200), "deleted": None}, True),
    ],
)
def test_dormant_admin(company: Company, user: dict[str, object], fires: bool) -> None:
    company.user(5, "Ana", **({"access": ADMIN} | user))

    assert company.fired("dormant_admin") == ([("5", None)] if fires else [])
    assert not fires or company.fired("dormant_user") == []


def test_dormant_admin_is_not_the_account_that_collects(company: Company) -> None:
    company.user(1, "Robot", access=ADMIN, last_login=None)

    assert company.fired("dormant_admin") == []


def test_admin_who_is_new_to_us_and_has_no_date_of_creation(company: Company) -> None:
    company.user(5, "Ana", access=ADMIN, last_login=None, created=None)
    company.user(6, "Bob", access=ADMIN, last_login=None, created=None)
    company.snapshot(1, started_at=NIGHTS[0] + timedelta(days=31))
    company.connection.execute(
        "UPDATE history.users SET valid_from = valid_from + INTERVAL 2 DAY WHERE user_id = 6"
    )

    assert company.fired("dormant_admin") == [("5", None)]


def test_dormant_admin_says_what_a_reviewer_needs(company: Company) -> None:
    company.user(5, "Ana", access=[entry("sales", True), entry("global", True)], last_login=ago(100))
    company.user(6, "Bob", access=None, is_admin=True, last_login=None)

    rows = company.table("rules.dormant_admin", "subject_kind, severity, title, evidence")

    assert [row[:3] for row in rows] == [
        (
            "user",
            "high",
            "Ana (ana@example.com) is an admin of global, sales and has not logged in since 2026-08-12.",
        ),
        ("user", "high", "Bob (bob@example.com) is an admin and never logged in."),
    ]
    assert json.loads(rows[0][3]) == {
        "user": "Ana (ana@example.com)",
        "admin_apps": ["global", "sales"],
        "last_login": "2026-08-12 02:00:00",
        "login_known": True,
        "days_since_login": 100,
        "created": "2025-11-20 02:00:00",
        "first_seen": "2026-11-20 02:00:00",
        "threshold_days": 90,
        "threshold_never_days": 30,
    }


@pytest.mark.parametrize(
    ("user", "fires"),
    [
        ({"last_login": ago(90) - SECOND}, True),
        ({"last_login": ago(90)}, False),
        ({"last_login": None}, False),
        ({"last_login": ago(200), "access": ADMIN}, False),
        ({"last_login": ago(200), "access": None}, False),
        ({"last_login": ago(200), "access": None, "is_admin": False}, True),
        ({"last_login": ago(200), "active": False}, False),
    ],
)
def test_dormant_user(company: Company, user: dict[str, object], fires: bool) -> None:
    company.user(5, "Ana", **user)

    assert company.fired("dormant_user") == ([("5", None)] if fires else [])


@pytest.mark.parametrize(
    ("user", "fires"),
    [
        ({"created": ago(14) - SECOND}, True),
        ({"created": ago(14)}, False),
        ({"created": None}, False),
        ({"last_login": ago(300)}, False),
        ({"login_known": False}, False),
        ({"access": ADMIN}, False),
        ({"access": None}, False),
        ({"active": False}, False),
        ({"active": None}, False),
    ],
)
def test_never_logged_in(company: Company, user: dict[str, object], fires: bool) -> None:
    company.user(5, "Ana", **({"last_login": None, "created": ago(100)} | user))

    assert company.fired("never_logged_in") == ([("5", None)] if fires else [])


def test_never_logged_in_counts_from_our_first_sight(company: Company) -> None:
    company.user(5, "Ana", last_login=None, created=None)
    company.snapshot(1, started_at=NIGHTS[0] + timedelta(days=14, seconds=1))

    assert company.fired("never_logged_in") == [("5", None)]
    assert company.table("rules.never_logged_in", "title") == [
        ("Ana (ana@example.com) never logged in, and is here since 2026-11-20.",)
    ]


@pytest.mark.parametrize(
    ("user", "fires"),
    [
        ({"active": False}, True),
        ({"deleted": True}, True),
        ({"active": None, "deleted": True}, True),
        ({}, False),
        ({"active": None}, False),
    ],
)
def test_inactive_user_with_role(company: Company, user: dict[str, object], fires: bool) -> None:
    company.role(2, "Sales")
    company.user(5, "Ana", **user)
    company.assign(5, 2)

    assert company.fired("inactive_user_with_role") == ([("5", "2")] if fires else [])


def test_each_role_of_an_inactive_user_is_a_finding(company: Company) -> None:
    company.role(1, "(Unassigned users)")
    company.role(2, "Sales")
    company.user(5, "Ana", active=False)
    company.assign(5, 1, 2, 99)
    company.assign(5, 3, active=False)
    company.assign(5, 4, active=None)

    assert company.fired("inactive_user_with_role") == [("5", "2"), ("5", "99")]
    assert company.table("rules.inactive_user_with_role", "title") == [
        ("Ana (ana@example.com) is deactivated but still assigned to the role 99.",),
        ("Ana (ana@example.com) is deactivated but still assigned to the role Sales.",),
    ]


@pytest.mark.parametrize(
    ("name", "fires"), [("(Unassigned users)", False), ("Everybody", True), (None, False)]
)
def test_default_role_of_an_inactive_user(company: Company, name: str | None, fires: bool) -> None:
    company.role(1, name)
    company.user(5, "Ana", active=False)
    company.assign(5, 1)

    assert company.fired("inactive_user_with_role") == ([("5", "1")] if fires else [])


@pytest.mark.parametrize(
    ("user", "flags", "fires"),
    [
        ({"active": False}, {"can_x": True}, True),
        ({"deleted": True}, {"can_x": True}, True),
        ({"active": False, "access": [entry(permission_set_id="a")]}, {}, True),
        ({"active": False, "access": [entry(permission_set_id="gone")]}, {"can_x": False}, True),
        ({"active": False, "access": [entry()]}, {"can_x": False, "can_y": None}, False),
        ({"active": False, "access": None}, {}, False),
        ({"access": [entry(permission_set_id="a")]}, {"can_x": True}, False),
        ({"active": None}, {"can_x": True}, False),
    ],
)
def test_inactive_user_with_permissions(
    company: Company, user: dict[str, object], flags: dict[str, bool | None], fires: bool
) -> None:
    company.permission_set("a", ["can_x"])
    company.user(5, "Ana", **user)
    company.flags(5, **flags)

    assert company.fired("inactive_user_with_permissions") == ([("5", None)] if fires else [])


@pytest.mark.parametrize(("asked", "fires"), [(0, False), (1, True)])
@pytest.mark.parametrize(
    ("rule", "found"), [("inactive_user_with_role", "2"), ("inactive_user_with_permissions", None)]
)
def test_what_was_told_before_the_user_was_deactivated_may_be_gone(
    company: Company, rule: str, found: str | None, asked: int, fires: bool
) -> None:
    company.role(2, "Sales")
    company.user(5, "Ana", until=1)
    company.user(5, "Ana", active=False, since=1)
    for table in ("user_roles", "user_permissions"):
        company.observed(table, 5, 0, asked)
    company.assign(5, 2)
    company.flags(5, can_x=True)

    assert company.fired(rule) == ([("5", found)] if fires else [])


def test_inactive_user_with_permissions_counts_one_as_one(company: Company) -> None:
    company.permission_set("a", ["can_x"])
    company.user(5, "Ana", deleted=True, access=[entry("sales", False, "a")])
    company.flags(5, can_x=True)

    assert company.table("rules.inactive_user_with_permissions", "title") == [
        ("Ana (ana@example.com) is deleted but still holds 1 permission and 1 permission set.",)
    ]


def test_inactive_user_with_permissions_lists_them(company: Company) -> None:
    company.permission_set("a", None)
    sets = [entry("sales", False, "a"), entry("global", False, "a"), entry("nova", False, "gone")]
    company.user(5, "Ana", deleted=True, access=sets)
    company.flags(5, can_y=True, can_x=True)

    [(title, evidence)] = company.table("rules.inactive_user_with_permissions", "title, evidence")

    assert title == ("Ana (ana@example.com) is deleted but still holds 2 permissions and 2 permission sets.")
    assert json.loads(evidence) == {
        "user": "Ana (ana@example.com)",
        "active": True,
        "deleted": True,
        "last_login": "2026-11-20 02:00:00",
        "login_known": True,
        "permissions": ["can_x", "can_y"],
        "permission_sets": [
            {"permission_set_id": "a", "set": "A"},
            {"permission_set_id": "gone", "set": None},
        ],
        "permissions_since": "2026-11-20 02:00:00",
        "permissions_observed_at": "2026-11-20 02:00:00",
    }


@pytest.mark.parametrize(
    ("user", "fires"),
    [
        ({"active": False}, True),
        ({"deleted": True}, True),
        ({"active": False, "access": None, "is_admin": True}, True),
        ({"active": False, "access": None}, False),
        ({"active": False, "access": []}, False),
        ({"active": None}, False),
        ({}, False),
    ],
)
def test_inactive_admin(company: Company, user: dict[str, object], fires: bool) -> None:
    company.user(5, "Ana", **({"access": ADMIN} | user))

    assert company.fired("inactive_admin") == ([("5", None)] if fires else [])


@pytest.mark.parametrize(
    ("one", "other", "fires"),
    [
        ({}, {}, True),
        ({"email": "X@EXAMPLE.com"}, {"email": "x@example.COM "}, True),
        ({"email": "x@example.com"}, {"email": "x@example.org"}, False),
        ({"active": False}, {}, False),
        ({"deleted": True}, {}, False),
        ({"active": None}, {}, False),
        ({"email": None}, {"email": None}, False),
        ({"email": ""}, {"email": ""}, False),
        ({"email": "(deleted user)"}, {"email": "(deleted user)"}, False),
    ],
)
def test_duplicate_email(
    company: Company, one: dict[str, object], other: dict[str, object], fires: bool
) -> None:
    company.user(5, "Ana", **({"email": "x@example.com"} | one))
    company.user(6, "Bob", **({"email": "x@example.com"} | other))
    company.user(7, "Cid")

    assert company.fired("duplicate_email") == ([("5", None), ("6", None)] if fires else [])


def test_duplicate_email_lists_the_others(company: Company) -> None:
    company.user(5, "Ana", email="x@example.com")
    company.user(6, "Bob", email="X@example.com", access=ADMIN, last_login=None, created=None)
    company.user(7, "Cid", email="x@example.com", active=False)

    [(title, severity, evidence), _] = company.table("rules.duplicate_email", "title, severity, evidence")

    assert (title, severity) == (
        "Ana (x@example.com) shares the e-mail address with another active user.",
        "low",
    )
    assert json.loads(evidence) == {
        "user": "Ana (x@example.com)",
        "email": "x@example.com",
        "admin": False,
        "created": "2025-11-20 02:00:00",
        "first_seen": "2026-11-20 02:00:00",
        "last_login": "2026-11-20 02:00:00",
        "login_known": True,
        "users": 2,
        "first_others": [
            {
                "user_id": 6,
                "user": "Bob (X@example.com)",
                "admin": True,
                "created": None,
                "last_login": None,
                "login_known": True,
            }
        ],
    }


def test_addresses_are_the_same_in_their_own_script_and_in_punycode(company: Company) -> None:
    company.policy(email_domains=[("b\u00fccher.example",)])
    company.user(5, "Ana", email="x@b\u00fccher.example")
    company.user(6, "Bob", email="X@xn--bcher-kva.example\u200b")
    company.user(7, "Cid", email="Desk <info@bu\u0308cher.example>")
    company.user(8, "Eve", email="eve@xn--bcher-kvb.example")

    assert company.fired("duplicate_email") == [("5", None), ("6", None)]
    assert company.fired("external_email_domain") == [("8", None)]
    assert company.fired("shared_mailbox") == [("7", None)]
    assert company.table("own_email_domains", "domain, users") == [("b\u00fccher.example", 3)]


def test_duplicate_email_of_very_many_shows_the_first(company: Company) -> None:
    for user_id in range(1, 31):
        company.user(user_id, f"User{user_id}", email="x@example.com")

    rows = company.rows(
        "SELECT evidence ->> '$.users', evidence -> '$.first_others[*].user_id'"
        " FROM rules.duplicate_email ORDER BY CAST(subject_id AS INTEGER)"
    )

    assert [count for count, _ in rows] == ["30"] * 30
    assert json.loads(json.dumps([int(n) for n in rows[2][1]])) == [1, 2, *range(4, 22)]


@pytest.mark.parametrize(
    ("own", "users", "fires"),
    [
        (3, 4, True),
        (2, 4, False),  # nobody is at home here
        (4, 4, False),
    ],
)
def test_external_email_domain(company: Company, own: int, users: int, fires: bool) -> None:
    for user_id in range(users):
        domain = "example.com" if user_id < own else f"other{user_id}.example"
        company.user(user_id, "Ana", email=f"ana{user_id}@{domain}")

    assert company.fired("external_email_domain") == ([("3", None)] if fires else [])


@pytest.mark.parametrize(("strangers", "fires"), [(3, True), (4, False)])
def test_external_email_domain_of_under_a_share_of_the_users(
    company: Company, strangers: int, fires: bool
) -> None:
    for user_id in range(80):
        domain = "partner.example" if user_id < strangers else "example.com"
        company.user(user_id, "Ana", email=f"ana{user_id}@{domain}")

    expected = [(str(user_id), None) for user_id in range(strangers)] if fires else []
    assert company.fired("external_email_domain") == expected


@pytest.mark.parametrize("email", [None, "nobody", "nobody@ "])
def test_a_share_of_the_users_is_one_of_those_without_a_domain_too(
    company: Company, email: str | None
) -> None:
    for user_id in range(57):
        company.user(user_id, "Ana", email=f"ana{user_id}@example.com")
    for user_id in (101, 102, 103):
        company.user(user_id, "Pat", email=f"pat{user_id}@partner.example")

    assert company.fired("external_email_domain") == []  # 3 of 60

    company.user(200, "Nobody", email=email)

    assert company.fired("external_email_domain") == [("101", None), ("102", None), ("103", None)]
    assert company.table("own_email_domains", "domain, users") == [("example.com", 57)]


def test_users_without_a_domain_have_none_of_the_companys(company: Company) -> None:
    for user_id in range(4):
        company.user(user_id, "Nobody", email=f"nobody{user_id}@")
        company.user(user_id + 4, "Ana", email=f" ana{user_id}@example.com ")

    assert company.table("own_email_domains", "domain, users") == [("example.com", 4)]


@pytest.mark.parametrize(
    ("user", "fires"),
    [
        ({"email": "eve@EXAMPLE.COM"}, False),
        ({"email": " eve@example.com "}, False),
        ({"email": "eve@ "}, False),
        ({"email": "eve@example.com."}, False),
        ({"email": "eve@mail.example.com"}, True),
        ({"email": "eve@example.com@evil.example"}, True),
        ({"email": None}, False),
        ({"email": ""}, False),
        ({"email": "eve"}, False),
        ({"email": "eve@"}, False),
        ({"email": "eve@evil.example", "active": False}, False),
        ({"email": "eve@evil.example", "active": None}, False),
        ({"email": "eve@evil.example", "deleted": True}, False),
    ],
)
def test_external_email_domain_of_one(company: Company, user: dict[str, object], fires: bool) -> None:
    for user_id in (1, 2, 3):
        company.user(user_id, f"User{user_id}")
    company.user(5, "Eve", **user)

    assert company.fired("external_email_domain") == ([("5", None)] if fires else [])


def test_external_email_domain_goes_by_the_allow_list(company: Company) -> None:
    company.policy(email_domains=[("partner.example",)])
    for user_id in (1, 2, 3):
        company.user(user_id, f"User{user_id}")
    company.user(4, "Eve", email="eve@partner.example")

    assert company.fired("external_email_domain") == [("1", None), ("2", None), ("3", None)]
    title, severity, evidence = company.table("rules.external_email_domain", "title, severity, evidence")[0]
    assert (title, severity) == (
        "User1 (user1@example.com) is active with an address at example.com, which is not one of the"
        " company's own domains.",
        "medium",
    )
    assert json.loads(evidence) == {
        "user": "User1 (user1@example.com)",
        "domain": "example.com",
        "users_of_domain": 3,
        "public_provider": False,
        "public_list": None,
        "own_domains": [{"domain": "partner.example", "users": 1}],
        "own_domains_from": "findings.toml",
        "admin": False,
        "created": "2025-11-20 02:00:00",
        "first_seen": "2026-11-20 02:00:00",
        "last_login": "2026-11-20 02:00:00",
        "login_known": True,
        "threshold_users": 3,
        "threshold_share": 0.05,
    }


@pytest.mark.parametrize("strangers", [2, 3, 9])
def test_a_public_provider_is_never_proposed_as_an_own_domain(company: Company, strangers: int) -> None:
    company.public_providers("gmail.com")
    for user_id in range(100, 140 - strangers):
        company.user(user_id, f"User{user_id}")
    for user_id in range(1, strangers + 1):
        company.user(user_id, "Eve", email=f"eve{user_id}@GMail.com")

    assert company.fired("external_email_domain") == [(str(n), None) for n in range(1, strangers + 1)]
    assert company.table("email_domains", "domain, users, public, named, own, public_list") == [
        ("example.com", 40 - strangers, False, False, True, "a list 1.0 of 2026-02-23"),
        ("gmail.com", strangers, True, False, False, "a list 1.0 of 2026-02-23"),
    ]
    [*_, (evidence,)] = company.table("rules.external_email_domain", "evidence")
    found = json.loads(evidence)
    assert (found["public_provider"], found["public_list"]) == (True, "a list 1.0 of 2026-02-23")
    assert found["own_domains_from"] == "proposed: findings.toml names none"


def test_findings_toml_may_name_a_public_provider_and_others_that_the_list_lacks(company: Company) -> None:
    company.public_providers("gmail.com")
    company.policy(public_domains=[("post.example",)], email_domains=[])
    for user_id in range(1, 5):
        company.user(user_id, "Eve", email=f"eve{user_id}@{'gmail.com' if user_id < 4 else 'post.example'}")

    assert company.table("email_domains", "domain, public, own") == [
        ("gmail.com", True, False),
        ("post.example", True, False),
    ]
    assert company.table("own_email_domains", "domain") == []
    assert company.fired("external_email_domain") == []

    company.policy(email_domains=[("gmail.com",), ("unused.example",)])
    assert company.table("own_email_domains", "domain, users, named") == [
        ("gmail.com", 3, True),
        ("unused.example", 0, True),
    ]
    assert company.fired("external_email_domain") == [("4", None)]


@pytest.mark.parametrize(
    ("email", "user", "fires"),
    [
        ("info@example.com", {}, True),
        ("Sales@Example.com", {}, True),
        (" admin+crm@example.com", {}, True),
        ("info.desk@example.com", {}, False),
        ("ana@info.example", {}, False),
        ("info", {}, False),
        ("", {}, False),
        (None, {}, False),
        ("info@example.com", {"active": False}, False),
        ("info@example.com", {"active": None}, False),
        ("info@example.com", {"deleted": True}, False),
    ],
)
def test_shared_mailbox(company: Company, email: str | None, user: dict[str, object], fires: bool) -> None:
    company.user(5, "Desk", email=email, **user)

    assert company.fired("shared_mailbox") == ([("5", None)] if fires else [])


def test_shared_mailbox_says_what_a_reviewer_needs(company: Company) -> None:
    company.policy(mailbox_names=[("desk",)])
    company.user(5, "Desk", email="desk@example.com", access=ADMIN, last_login=None)
    company.user(6, "Info", email="info@example.com")

    [(title, severity, evidence)] = company.table("rules.shared_mailbox", "title, severity, evidence")

    assert (title, severity) == (
        "Desk (desk@example.com) can log in, as an admin, with an address that several people may read.",
        "medium",
    )
    assert json.loads(evidence) == {
        "user": "Desk (desk@example.com)",
        "mailbox": "desk",
        "admin": True,
        "admin_apps": ["sales"],
        "created": "2025-11-20 02:00:00",
        "first_seen": "2026-11-20 02:00:00",
        "last_login": None,
        "login_known": True,
    }
