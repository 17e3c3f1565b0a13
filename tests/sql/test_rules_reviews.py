"""The rule that compares decisions of access reviews with the present access."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from .literal import NIGHTS, Company

RULE = "revoked_access_still_present"
ADMIN = {"app": "sales", "admin": True, "permission_set_id": "boss"}
SET = {"app": "global", "admin": False, "permission_set_id": "plain"}

REVIEWED = {
    "roles": [{"role_id": 3, "name": "Sales", "source": "observed"}],
    "permission_sets": [{"app": "global", "permission_set_id": "plain", "name": "Plain"}],
    "admin": True,
    "admin_apps": ["sales"],
    "sensitive_permissions": [{"permission": "can_export", "source": "observed"}],
}
"""What user 5 had when the review was opened."""

ALL = {
    "role": "revoke",
    "permission_sets": "revoke",
    "sensitive_permissions": "revoke",
    "admin_rights": "revoke",
}


def during(night: int, hours: int = 8) -> datetime:
    """A time after one night and before the next."""
    return NIGHTS[night] + timedelta(hours=hours)


def review(company: Company, name: str = "r1", **item: Any) -> None:
    """A review of user 5 that was opened after night 0."""
    company.insert("reviews", review_id=name, name=f"Review {name}", snapshot_id="s0", opened_at=during(0))
    company.insert("review_items", review_id=name, row_id="user-5", user_id=5, **(REVIEWED | item))


def decide(company: Company, decision: str, at: datetime, name: str = "r1", **parts: str) -> None:
    company.insert(
        "review_decisions",
        review_id=name,
        row_id="user-5",
        decision=decision,
        decided_at=at,
        decided_by="kim@example.com",
        snapshot_id="s0",
        **parts,
    )


def told(company: Company, night: int, *tables: str) -> None:
    """That user 5 was answered for until this night."""
    for table in tables or ("users", "user_roles", "user_permissions"):
        company.observed(table, 5, 0, night)


@pytest.fixture
def acme(company: Company) -> Company:
    """A company of which a second night is known, and in which user 5 was reviewed after the first."""
    company.snapshot(1)
    company.role(1, "(Unassigned users)")
    company.role(3, "Sales")
    company.permission_set("plain", ["can_see"])
    review(company)
    return company


def everything(company: Company, **user: Any) -> None:
    """User 5 as before the review, told of in full in the second night."""
    told(company, 1)
    company.user(5, "Ana", **{"access": [ADMIN, SET]} | user)
    company.assign(5, 1, 3)
    company.flags(5, can_export=True, can_see=True, can_other=False)


@pytest.mark.parametrize(
    ("decision", "parts", "found"),
    [
        ("revoke", {}, ["account"]),
        ("change", ALL, ["admin:sales", "can_export", "plain", "role:3"]),
        ("change", {"role": "revoke"}, ["role:3"]),
        ("change", {"permission_sets": "revoke"}, ["plain"]),
        ("change", {"sensitive_permissions": "revoke", "role": "keep"}, ["can_export"]),
        ("change", {"admin_rights": "revoke"}, ["admin:sales"]),
        ("keep", {}, []),
    ],
)
def test_what_was_revoked_and_is_there(acme: Company, decision: str, parts: dict, found: list[str]) -> None:
    everything(acme)
    decide(acme, decision, during(0), **parts)

    assert acme.fired(RULE) == [("5", thing) for thing in found]


def test_evidence_of_an_account(acme: Company) -> None:
    everything(acme)
    decide(acme, "revoke", during(0), comment="left")

    [(title, severity, evidence)] = acme.table(f"rules.{RULE}", "title, severity, evidence")

    assert (title, severity) == (
        "Ana (ana@example.com) can still sign in, which was to be revoked by the decision of 2026-11-20.",
        "high",
    )
    since = "2026-11-20 02:00:00"
    assert json.loads(evidence) == {
        "user": "Ana (ana@example.com)",
        "kind": "account",
        "decision": "revoke",
        "decided_by": "kim@example.com",
        "decided_at": "2026-11-20 10:00:00",
        "comment": "left",
        "review": "Review r1",
        "review_id": "r1",
        "snapshot_decided_at": "s0",
        "still_there": [
            {"kind": "account", "id": None, "label": None, "since": since},
            {"kind": "role", "id": "3", "label": "Sales", "since": since},
            {"kind": "permission_set", "id": "boss", "label": "boss", "since": since},
            {"kind": "permission_set", "id": "plain", "label": "Plain", "since": since},
            {"kind": "admin", "id": "sales", "label": "sales", "since": since},
            {"kind": "permission", "id": "can_export", "label": "can_export", "since": since},
            {"kind": "permission", "id": "can_see", "label": "can_see", "since": since},
        ],
        "since": since,
        "active": True,
        "last_login": since,
        "login_known": True,
    }


@pytest.mark.parametrize(
    ("parts", "title"),
    [
        ({"role": "revoke"}, "is still in the role Sales"),
        ({"permission_sets": "revoke"}, "still has the permission set Plain"),
        ({"admin_rights": "revoke"}, "is still an admin of sales"),
        ({"sensitive_permissions": "revoke"}, "still holds can_export"),
    ],
)
def test_titles(acme: Company, parts: dict[str, str], title: str) -> None:
    everything(acme)
    decide(acme, "change", during(0), **parts)

    assert acme.table(f"rules.{RULE}", "title") == [
        (f"Ana (ana@example.com) {title}, which was to be revoked by the decision of 2026-11-20.",)
    ]


def test_what_came_after_the_review_was_opened_is_not_of_it(acme: Company) -> None:
    everything(acme)
    acme.flags(5, can_new=True)
    decide(acme, "change", during(0), **ALL)

    assert ("5", "can_new") not in acme.fired(RULE)


@pytest.mark.parametrize("night", [0, 1])
def test_only_a_read_that_began_after_the_decision_counts(acme: Company, night: int) -> None:
    everything(acme)
    decide(acme, "revoke", during(night))

    assert acme.fired(RULE) == ([("5", "account")] if night == 0 else [])


def test_a_deactivated_account_that_still_has_something(acme: Company) -> None:
    told(acme, 1)
    acme.user(5, "Ana", until=1, access=[SET])
    acme.user(5, "Ana", since=1, active=False, access=[SET])
    acme.assign(5, 1)
    decide(acme, "revoke", during(0))

    assert acme.table(f"rules.{RULE}", "object, title") == [
        (
            "account",
            "Ana (ana@example.com) is no longer active, but still has access, which was to be revoked by the"
            " decision of 2026-11-20.",
        )
    ]


@pytest.mark.parametrize("changed", [{"active": False}, {"deleted": True}])
def test_a_closed_account_with_nothing_but_the_default_role(acme: Company, changed: dict[str, bool]) -> None:
    told(acme, 1)
    acme.user(5, "Ana", until=1, access=[SET])
    acme.user(5, "Ana", since=1, access=[], **changed)
    acme.assign(5, 3, until=1)
    acme.assign(5, 1, since=1)
    acme.flags(5, until=1, can_export=True)
    decide(acme, "revoke", during(0))

    assert acme.fired(RULE) == []


@pytest.mark.parametrize(
    ("since", "comes"),
    [
        (1, False),  # away in night 1, there again in night 2: granted anew
        (None, True),
    ],
)
def test_what_was_away_for_a_night_is_another_grant(acme: Company, since: int | None, comes: bool) -> None:
    acme.snapshot(2)
    told(acme, 2)
    if since is None:
        acme.user(5, "Ana", access=[SET])
        acme.assign(5, 3)
        acme.flags(5, can_export=True)
    else:
        acme.user(5, "Ana", until=1, access=[SET, ADMIN])
        acme.user(5, "Ana", since=1, until=2, access=[])
        acme.user(5, "Ana", since=2, access=[SET, ADMIN])
        acme.assign(5, 3, until=1)
        acme.assign(5, 3, since=2)
        acme.flags(5, until=1, can_export=True)
        acme.flags(5, since=1, until=2, can_export=False)
        acme.flags(5, since=2, can_export=True)
    decide(acme, "change", during(0), **ALL)

    found = [("5", "can_export"), ("5", "plain"), ("5", "role:3")]
    assert acme.fired(RULE) == (found if comes else [])


def test_a_night_in_which_it_was_not_known_is_no_break(acme: Company) -> None:
    acme.snapshot(2)
    told(acme, 2)
    for first, last, access in ((0, 1, [SET]), (1, 2, None), (2, None, [SET])):
        acme.user(5, "Ana", since=first, until=last, access=access)
    for first, last, flag in ((0, 1, True), (1, 2, None), (2, None, True)):
        acme.assign(5, 3, since=first, until=last, active=flag)
        acme.flags(5, since=first, until=last, can_export=flag)
    decide(acme, "change", during(0), **ALL)

    assert acme.fired(RULE) == [("5", "can_export"), ("5", "plain"), ("5", "role:3")]
    sinces = acme.table(f"rules.{RULE}", "json_extract_string(evidence, '$.since')")
    assert sinces == [("2026-11-20 02:00:00",)] * 3


@pytest.mark.parametrize(
    ("tables", "found"),
    [
        ((), []),
        (("user_roles", "user_permissions"), []),
        (("users",), ["admin:sales", "plain"]),
        (("users", "user_roles"), ["admin:sales", "plain", "role:3"]),
        (("users", "user_permissions"), ["admin:sales", "can_export", "plain"]),
    ],
)
def test_what_was_not_answered_since_fires_nothing(
    acme: Company, tables: tuple[str, ...], found: list[str]
) -> None:
    if tables:
        told(acme, 1, *tables)
    acme.user(5, "Ana", access=[ADMIN, SET])
    acme.assign(5, 3)
    acme.flags(5, can_export=True)
    decide(acme, "change", during(0), **ALL)

    assert acme.fired(RULE) == [("5", thing) for thing in found]


def test_what_is_not_known_now_fires_nothing(acme: Company) -> None:
    told(acme, 1)
    acme.user(5, "Ana", active=None, deleted=None, access=None)
    acme.assign(5, 3, active=None)
    acme.flags(5, can_export=None)
    decide(acme, "revoke", during(0))

    assert acme.fired(RULE) == []


@pytest.mark.parametrize(
    ("later", "parts", "found"),
    [
        ("keep", {}, []),
        ("revoke", {}, ["account"]),
        ("change", {"role": "revoke", "permission_sets": "keep"}, ["role:3"]),
    ],
)
def test_the_latest_decision_counts_in_whatever_review(
    acme: Company, later: str, parts: dict, found: list[str]
) -> None:
    everything(acme)
    review(acme, "r2")
    decide(acme, "change", during(0), **ALL)
    decide(acme, later, during(0, 9), "r2", **parts)

    assert acme.fired(RULE) == [("5", thing) for thing in found]


def test_a_decision_that_was_replaced_does_not_count(acme: Company) -> None:
    everything(acme)
    decide(acme, "revoke", during(0))
    decide(acme, "keep", during(0, 9))

    assert acme.fired(RULE) == []


def test_an_admin_of_whom_no_app_is_told(acme: Company) -> None:
    told(acme, 1)
    review(acme, "r2", admin_apps=[], permission_sets=None)
    acme.user(5, "Ana", access=None, is_admin=True)
    decide(acme, "change", during(0), "r2", **ALL)

    assert acme.table(f"rules.{RULE}", "object, title") == [
        (
            "admin",
            "Ana (ana@example.com) is still an admin of an unknown app, which was to be revoked by"
            " the decision of 2026-11-20.",
        )
    ]


def test_dirty_data(acme: Company) -> None:
    # who is gone, of another company, or in no review's population, is nobody's finding
    everything(acme)
    beta = Company(acme.connection, "beta")
    beta.snapshot(0)
    review(beta)
    decide(beta, "revoke", during(0))
    acme.insert("reviews", review_id="r9", name="R", snapshot_id="none", opened_at=during(0))
    acme.insert("review_items", review_id="r9", row_id="user-6", user_id=6)
    acme.insert("review_decisions", review_id="r9", row_id="user-6", decision="revoke", decided_at=during(0))
    acme.insert("review_decisions", review_id="r9", row_id="nobody", decision="revoke", decided_at=during(0))
    assert acme.fired(RULE) == []

    # entries that say the same twice, and sets and roles that do not exist, are each found once
    acme.insert("review_items", review_id="r9", row_id="user-7", user_id=7)
    for table in ("users", "user_roles"):
        acme.observed(table, 7, 0, 1)
    acme.user(7, None, access=[SET, SET, SET | {"app": None, "permission_set_id": "gone"}])
    acme.assign(7, 98)
    acme.insert("review_decisions", review_id="r9", row_id="user-7", decision="revoke", decided_at=during(0))
    [(subject, evidence)] = acme.table(f"rules.{RULE}", "subject_id, evidence")
    assert subject == "7"
    assert [(thing["kind"], thing["label"]) for thing in json.loads(evidence)["still_there"]] == [
        ("account", None),
        ("role", "role 98"),
        ("permission_set", "gone"),
        ("permission_set", "Plain"),
    ]
