"""The population of an access review and its columns, over literal rows."""

from __future__ import annotations

from datetime import date

import pytest

from pipedrive_graph.config.role_owners import Owners
from pipedrive_graph.errors import DecisionError
from pipedrive_graph.reviews.freeze import OpenReview, freeze, latest, roles_known
from pipedrive_graph.reviews.items import Item

from .literal import NIGHTS, Company

SET = {"app": "sales", "admin": False, "permission_set_id": "plain"}
ADMIN = {"app": "sales", "admin": True, "permission_set_id": None}


def frozen(company: Company, owners: Owners | None = None) -> list[Item]:
    opening = OpenReview(company.name, None, None, NIGHTS[1], "root")
    snapshot = latest(company.connection, company.name)
    company.connection.execute(
        "INSERT INTO policy.rules (rule, title)"
        " VALUES ('dormant_user', 'Dormant user'), ('toxic_mass_load', 'Mass load')"
    )
    of = freeze(company.connection, opening, snapshot, date(2026, 12, 20), owners)
    assert of.name == "Access review of acme, 2026-11-20"
    return list(of.items)


def test_who_has_access(company: Company) -> None:
    company.role(1, "(Unassigned users)")
    company.role(3, "Sales")
    company.user(1, "Live")
    company.user(2, "Unclear", active=None, deleted=None)
    for user_id, name in enumerate(("Nothing", "Role", "Sets", "Boss", "Flag", "Not", "Deleted", "Gone"), 10):
        access = {"Sets": [SET], "Boss": [ADMIN]}.get(name, [])
        company.user(
            user_id,
            name,
            active=name == "Deleted",
            deleted=name == "Deleted",
            access=access,
            until=1 if name == "Gone" else None,
        )
    for user_id in (10, 16):
        company.assign(user_id, 1)
    company.assign(11, 3)
    company.assign(15, 3, active=False)
    company.assign(15, 4, active=None)
    company.flags(14, can_x=True)
    company.flags(15, can_x=False, can_y=None)

    assert sorted(item.name or "" for item in frozen(company)) == [
        "Boss", "Flag", "Live", "Role", "Sets", "Unclear",
    ]  # fmt: skip


def test_what_is_said_of_somebody(company: Company) -> None:
    company.role(3, "Sales")
    company.permission_set("plain", ["can_use_api"])
    company.user(5, "Ana", access=[SET, ADMIN], role_id=3)
    company.assign(5, 3)
    company.flags(5, can_use_api=True, can_use_import=None, can_delete_deals=False, can_other=True)
    for rule, severity, thing, status in (
        ("dormant_user", "medium", None, "waived"),
        ("toxic_mass_load", "high", "toxic_mass_load", "open"),
        ("old", "high", None, "resolved"),
    ):
        company.insert(
            "findings", finding_id=rule, rule=rule, severity=severity, subject_kind="user", subject_id="5",
            object=thing, status=status,
        )  # fmt: skip
    company.insert("reviews", review_id="r0", name="Q3")
    company.insert("review_items", review_id="r0", row_id="user-5", user_id=5)
    for decision, night in (("revoke", 2), ("keep", 3)):
        company.insert(
            "review_decisions", review_id="r0", row_id="user-5", decision=decision, decided_by="kim@x",
            decided_at=NIGHTS[night],
        )  # fmt: skip

    [item] = frozen(company)

    told = item.model_dump(exclude={"row_id", "sha256", "owner", "user_id", "name", "email", "last_login"})
    assert told == {
        "live": True,
        "deleted": False,
        "admin": True,
        "admin_apps": ("sales",),
        "role_id": 3,
        "roles": ({"role_id": 3, "name": "Sales", "source": "observed"},),
        "permission_sets": ({"app": "sales", "permission_set_id": "plain", "name": "Plain"},),
        "sensitive_permissions": (
            {"permission": "can_use_api", "source": "observed"},
            {"permission": "can_use_import", "source": None},
        ),
        "login_known": True,
        "findings": (
            {
                "finding_id": "toxic_mass_load", "severity": "high", "rule": "toxic_mass_load",
                "title": "Mass load", "object": None, "status": "open",
            },
            {
                "finding_id": "dormant_user", "severity": "medium", "rule": "dormant_user",
                "title": "Dormant user", "object": None, "status": "waived",
            },
        ),
        "last": {"decision": "keep", "by": "kim@x", "at": NIGHTS[3], "review": "Q3"},
        "recommendation": "look closer",
        "reason": "Mass load.",
    }  # fmt: skip


def test_what_was_never_answered_is_not_known(company: Company) -> None:
    company.user(5, "Ana", access=None, login_known=False, last_login=None)

    [item] = frozen(company)

    assert (item.roles, item.permission_sets, item.sensitive_permissions, item.admin) == (None,) * 4
    assert item.recommendation == "unknown"


def test_inferred_is_marked(company: Company) -> None:
    company.connection.execute("UPDATE history.snapshots SET collect = 'by-access'")
    company.user(5, "Ana")
    company.user(6, "Ben")
    for user_id in (5, 6):
        company.insert("access_signatures", user_id=user_id, signature="same")
    company.flags(5, can_use_api=True)
    company.connection.execute("UPDATE history.observations SET signature = 'same'")

    sources = {
        item.name: [flag.source for flag in item.sensitive_permissions or ()] for item in frozen(company)
    }

    assert sources == {"Ana": ["observed"], "Ben": ["inferred"]}


def test_the_worst_come_first(company: Company) -> None:
    for user_id, name in enumerate(("Keep", "Zoe", "Amy", "Low", "Worst", "Off"), 1):
        company.user(user_id, name, active=name != "Off", access=[SET])
        company.assign(user_id)
        company.flags(user_id, can_x=True)
    for subject, severity in (("2", "high"), ("3", "high"), ("4", "low"), ("5", "critical")):
        company.insert(
            "findings", finding_id=subject, rule="own", severity=severity, subject_kind="user",
            subject_id=subject, status="open",
        )  # fmt: skip

    assert [item.name for item in frozen(company)] == ["Off", "Worst", "Amy", "Zoe", "Low", "Keep"]


def test_the_owner_of_the_role_decides_and_never_the_user(company: Company) -> None:
    company.role(1, "Company")
    company.role(3, "Sales", 1)
    company.role(4, "EMEA", 3)
    for user_id, name, role_id in ((1, "Mara", 3), (2, "Ben", 4), (3, "Sec", 1), (4, "Two", 3)):
        company.user(user_id, name, role_id=role_id)
        company.assign(user_id, role_id)
    company.assign(4, 1)
    owners = Owners("SEC@example.com", {"sales": "mara@example.com"})

    assert {item.name: item.owner for item in frozen(company, owners)} == {
        "Mara": "SEC@example.com",
        "Ben": "mara@example.com",
        "Sec": None,
        "Two": "mara@example.com",
    }
    assert roles_known(company.connection) == {"Company", "Sales", "EMEA", "1", "3", "4"}


def test_without_owners_the_manager_decides(company: Company) -> None:
    company.policy(
        roster=[
            (2, "ana@example.com", "active", False, "Mara@example.com", None, None),
            (3, "ben@example.com", "active", False, "Ben@Example.com", None, None),
            (4, "eve@example.com", "odd", None, "mara@example.com", None, "is no status"),
            (5, "zoe@example.com", "active", False, "Mara Lind", None, None),
            (6, "mel@example.com", "active", False, None, None, None),
        ]
    )
    for user_id, name in enumerate(("Ana", "Ben", "Eve", "Zoe", "Mel", "Nobody"), 1):
        company.user(user_id, name)

    assert {item.name: item.owner for item in frozen(company)} == {
        "Ana": "Mara@example.com",
        "Ben": None,
        "Eve": None,
        "Zoe": "Mara Lind",
        "Mel": None,
        "Nobody": None,
    }


def test_without_a_snapshot_there_is_nothing_to_review(company: Company) -> None:
    with pytest.raises(DecisionError, match="'beta' has no accepted snapshot yet; run sync first"):
        latest(company.connection, "beta")
