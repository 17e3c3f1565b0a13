"""Waivers over literal findings: which findings they cover, for how long, and what ends them."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import duckdb
import pytest

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.findings.apply_waivers import update_waived
from pipedrive_graph.published.waiver_notices import notices
from pipedrive_graph.warehouse.sql_project import Models

from .literal import NIGHTS, Company

MODELS = Models(sql_folder())
FLAG = "can_use_api"
GROWING = "duplicate_permission_sets"
COUNTING = "duplicate_email"
SET_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


class Findings:
    """Writes findings and waivers of a company, and applies the waivers."""

    def __init__(self, company: Company) -> None:
        self.company = company

    def found(self, finding_id: str, rule: str, subject: int | str, **values: Any) -> None:
        self.company.insert(
            "findings",
            **{
                "finding_id": finding_id,
                "rule": rule,
                "severity": "medium",
                "subject_kind": "user",
                "subject_id": str(subject),
                "title": "…",
                "evidence": "{}",
                "status": "open",
                "first_seen": NIGHTS[0],
                "opened_at": NIGHTS[0],
                "reopened": 0,
                **values,
            },
        )

    def waiver(self, rule: str, subject: str, thing: str | None = None, **values: Any) -> None:
        self.company.insert(
            "waivers",
            **{
                "waiver_id": f"{rule}/{subject}/{thing}/{values}",
                "rule": rule,
                "subject": subject,
                "object": thing,
                "reason": "it is fine",
                "owner": "Kim",
                "expires": date(2026, 12, 31),
                "read_at": NIGHTS[0],
                **values,
            },
        )

    def settle(self, at: datetime = NIGHTS[1]) -> dict[str, str]:
        """Apply the waivers twice (the second time must change nothing); return the findings' statuses."""
        moment = f"SELECT '{self.company.name}' AS company, TIMESTAMP '{at}' AS at"
        with self.company.built("users", "roles", "permission_sets", "renames") as connection:
            update_waived(connection, MODELS, moment)
            first = self.all()
            update_waived(connection, MODELS, moment)
        assert self.all() == first
        return dict(self.company.rows("SELECT finding_id, status FROM history.findings ORDER BY ALL"))

    def all(self) -> list[tuple[Any, ...]]:
        return self.company.rows("FROM history.findings ORDER BY ALL") + self.company.rows(
            "FROM history.waivers ORDER BY ALL"
        )

    def of(self, finding_id: str) -> tuple[Any, ...]:
        """Status, note, how often it came back, and since when it is open."""
        (row,) = self.company.rows(
            "SELECT status, note, reopened, opened_at FROM history.findings WHERE finding_id = ?", finding_id
        )
        return row

    def change(self, finding_id: str, **values: Any) -> None:
        for name, value in values.items():
            self.company.connection.execute(
                f"UPDATE history.findings SET {name} = ? WHERE finding_id = ?",  # noqa: S608
                [value, finding_id],
            )

    def states(self) -> list[tuple[Any, ...]]:
        return self.company.rows("SELECT subject, state, findings FROM history.waivers ORDER BY ALL")


@pytest.fixture
def findings(company: Company) -> Findings:
    company.user(5, "Ana")
    company.user(6, "Bo")
    company.role(7, "Sales [EU]")
    return Findings(company)


@pytest.mark.parametrize(
    ("subject", "covered"),
    [
        ("5", ["a"]),
        ("ana@example.com", ["a"]),
        ("ANA@Example.com", ["a"]),
        ("Ana", ["a"]),
        ("*@example.com", ["a", "b"]),
        ("?o", ["b"]),
        ("[ab]*", ["a", "b"]),
        ("*", ["a", "b"]),
        ("an", []),
        ("55", []),
        ("Ana (ana@example.com)", []),
        ("*example.com", []),
        ("[", []),
    ],
)
def test_a_subject_is_an_id_an_address_a_name_or_a_pattern(findings, subject, covered) -> None:
    findings.found("a", "dormant_user", 5)
    findings.found("b", "dormant_user", 6)
    findings.waiver("dormant_user", subject)

    assert [name for name, status in findings.settle().items() if status == "waived"] == covered
    assert findings.states() == [(subject, "active" if covered else "unmatched", len(covered))]


@pytest.mark.parametrize(
    ("subject", "read_at", "covered"),
    [
        ("Trusted", NIGHTS[0], False),
        ("Trusted", NIGHTS[3], True),  # the waiver was written about who is called so
        ("trusted@example.com", NIGHTS[0], False),
        ("*@example.com", NIGHTS[0], True),  # covered the address before as well
        ("9", NIGHTS[0], True),
        ("*", NIGHTS[0], True),
    ],
)
def test_a_waiver_does_not_cover_who_was_renamed_after_it_was_read(
    findings, company, subject, read_at, covered
) -> None:
    company.snapshot(0)
    company.snapshot(2)
    company.user(9, "Eve", until=2)
    company.user(9, "Trusted", since=2)
    findings.found("e", "dormant_user", 9)
    findings.waiver("dormant_user", subject, read_at=read_at)

    assert findings.settle(NIGHTS[4]) == {"e": "waived" if covered else "open"}
    renamed = company.fired("renamed_into_exception")
    assert renamed == ([] if covered else [("9", subject)])


def test_a_subject_may_write_a_domain_in_its_own_script(findings, company) -> None:
    company.user(8, "Cid", email="cid@xn--bcher-kva.example")
    findings.found("a", "dormant_user", 8)
    findings.waiver("dormant_user", "cid@b\u00fccher.example")

    assert findings.settle() == {"a": "waived"}


@pytest.mark.parametrize(
    ("subject", "name", "covers_ana"),
    [
        ("ana@example.com", "ANA@example.com", True),
        ("*@example.com", "ana@example.com", True),
        ("ana@*", "ana@example.com", True),
        ("5", "5", True),
        (SET_ID, SET_ID, False),
    ],
)
def test_nobody_is_covered_by_a_name_like_the_address_or_id_of_another(
    findings, company, subject, name, covers_ana
) -> None:
    company.user(8, name, email="eve@evil.example")
    findings.found("ana", "dormant_user", 5)
    findings.found("eve", "dormant_user", 8)
    findings.waiver("dormant_user", subject)

    assert findings.settle() == {"ana": "waived" if covers_ana else "open", "eve": "open"}


def test_nor_is_a_role_or_a_set(findings, company) -> None:
    company.role(8, "7")
    company.role(9, "ana@example.com")
    company.permission_set(SET_ID, [])
    company.permission_set("other", [], name=SET_ID)
    for role_id in (7, 8, 9):
        findings.found(f"role {role_id}", "empty_role", role_id, subject_kind="role")
    for set_id in (SET_ID, "other"):
        findings.found(set_id, GROWING, set_id, subject_kind="permission_set")
    findings.waiver("empty_role", "7")
    findings.waiver("empty_role", "*@example.com")
    findings.waiver(GROWING, SET_ID.upper())

    assert [name for name, status in findings.settle().items() if status == "waived"] == [SET_ID, "role 7"]


def test_any_text_is_also_who_has_no_name_and_who_is_not_known(findings, company) -> None:
    company.user(8)
    for user_id in (8, 9):
        findings.found(f"user {user_id}", "dormant_user", user_id)
    findings.waiver("dormant_user", "*")

    assert findings.settle() == {"user 8": "waived", "user 9": "waived"}


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("user", "5"),
        ("role", "7"),
        ("permission_set", SET_ID),
        ("permission_set", "set-1"),
        ("permission_set", "set[1]@x"),
        ("company", "77"),
        ("company", "acme"),
    ],
)
def test_what_a_finding_itself_calls_its_subject_covers_it(findings, kind, subject) -> None:
    """That is what `waive` writes."""
    findings.found("a", "own", subject, subject_kind=kind)
    findings.waiver("own", subject)

    assert findings.settle() == {"a": "waived"}


def test_roles_sets_and_the_company_are_covered_too(findings, company) -> None:
    company.permission_set("set-1", [])
    findings.found("a", "empty_role", 7, subject_kind="role")
    findings.found("b", GROWING, "set-1", subject_kind="permission_set")
    findings.found("c", "single_admin", 77, subject_kind="company")
    for rule, subject in {"empty_role": "sales [eu]", GROWING: "Set-*", "single_admin": "acme"}.items():
        findings.waiver(rule, subject)

    assert findings.settle() == dict.fromkeys("abc", "waived")


@pytest.mark.parametrize(
    ("thing", "covered"),
    [(None, ["none"]), (FLAG, ["api"]), ("can_*", ["api", "edit"]), ("*", ["api", "edit"]), ("x", [])],
)
def test_a_waiver_covers_no_other_object_unless_it_says_so(findings, thing, covered) -> None:
    findings.found("api", "unexplained_permission", 5, object=FLAG)
    findings.found("edit", "unexplained_permission", 5, object="can_edit")
    findings.found("none", "unexplained_permission", 5)
    findings.found("other", "sensitive_permission", 5, object=FLAG)
    findings.waiver("unexplained_permission", "5", thing)

    assert [name for name, status in findings.settle().items() if status == "waived"] == covered


def test_a_waived_finding_says_by_whom_and_why(findings, company) -> None:
    findings.found("a", "dormant_user", 5)
    findings.waiver("dormant_user", "5")
    findings.settle()

    assert findings.of("a") == ("waived", "Waived by Kim until 2026-12-31: it is fine", 0, NIGHTS[0])
    assert company.rows("SELECT waiver_reason, waiver_owner, waiver_expires FROM findings") == [
        ("it is fine", "Kim", date(2026, 12, 31))
    ]


def test_a_waiver_holds_through_its_last_day(findings) -> None:
    findings.found("a", "dormant_user", 5)
    findings.waiver("dormant_user", "5", expires=date(2026, 11, 21))

    assert findings.settle(datetime.fromisoformat("2026-11-21 23:59")) == {"a": "waived"}
    after = datetime.fromisoformat("2026-11-22 00:00")
    assert findings.settle(after) == {"a": "open"}
    assert findings.of("a") == ("open", "The waiver of Kim (it is fine) expired on 2026-11-21.", 1, after)
    assert findings.states() == [("5", "expired", 1)]


def test_a_waiver_that_is_taken_back_opens_its_finding(findings, company) -> None:
    findings.found("a", "dormant_user", 5)
    findings.waiver("dormant_user", "5")
    findings.settle()
    company.connection.execute("DELETE FROM history.waivers")

    assert findings.settle(NIGHTS[2]) == {"a": "open"}
    assert findings.of("a") == ("open", "The waiver of Kim (it is fine) was removed.", 1, NIGHTS[2])


def test_a_waiver_that_ends_does_so_under_another_that_holds(findings) -> None:
    findings.found("a", "dormant_user", 5)
    findings.waiver("dormant_user", "5", expires=date(2026, 11, 21))
    findings.waiver("dormant_user", "ana*", owner="Lee")
    findings.settle()

    assert findings.settle(NIGHTS[3]) == {"a": "waived"}
    assert findings.of("a")[1:3] == ("Waived by Lee until 2026-12-31: it is fine", 0)


def test_an_event_is_covered_if_it_had_happened_when_the_waiver_was_read(findings) -> None:
    findings.found("before", "reactivated_user", 5, snapshot_id="s0")
    findings.found("after", "reactivated_user", 5, snapshot_id="s2", first_seen=NIGHTS[2])
    findings.waiver("reactivated_user", "5", read_at=NIGHTS[1])

    assert findings.settle(NIGHTS[2]) == {"after": "open", "before": "waived"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "name", "before", "after", "told"),
    [
        (GROWING, "sets", ["a"], ["a", "b"], "sets has more: b"),
        (GROWING, "sets", [{"set": "a"}], [{"set": "a"}, {"set": "b"}], 'sets has more: {"set":"b"}'),
        (
            GROWING,
            "sets",
            [{"user_id": 1, "role_id": 1}],
            [{"user_id": 1, "role_id": 2}],
            'sets has more: {"user_id":1,"role_id":2}',
        ),
        (GROWING, "sets", [{"id": None, "x": 1}], [{"id": None, "x": 2}], 'sets has more: {"id":null,"x":2}'),
        (GROWING, "sets", [{"id": 1}], [1, {"id": 1}], "sets has more: 1"),
        (GROWING, "sets", None, ["a"], "sets has more: a"),
        (GROWING, "sets", [], list("abcdefg"), "sets has more: a, b, c, d, e and 2 others"),
        ("too_many_admins", "admin_ids", [1, 2, 3, 4, 5], [1, 2, 3, 4, 6], "admin_ids has more: 6"),
        ("dormant_admin", "admin_apps", ["sales"], ["nova", "sales"], "admin_apps has more: nova"),
        (
            COUNTING,
            "first_others",
            [{"user_id": 6}],
            [{"user_id": 9}],
            'first_others has more: {"user_id":9}',
        ),
        (
            GROWING,
            "first_others",
            [{"permission_set_id": "y"}],
            [{"permission_set_id": "z"}],
            'first_others has more: {"permission_set_id":"z"}',
        ),
        (COUNTING, "users", 2, 3, "users grew from 2 to 3"),
        (COUNTING, "users", None, 1.5, "users grew from 0 to 1.5"),
    ],
)
def test_growth_ends_a_waiver_for_good(findings, rule, name, before, after, told) -> None:
    findings.found("a", rule, 5, evidence=json.dumps({name: before, "x": 1}))
    findings.waiver(rule, "5")
    findings.settle()
    findings.change("a", evidence=json.dumps({name: after, "x": 1}))

    assert findings.settle(NIGHTS[2]) == {"a": "open"}
    note = f"The waiver of Kim no longer covers it: {told}."
    assert findings.of("a") == ("open", note, 1, NIGHTS[2])
    findings.change("a", evidence=json.dumps({name: before, "x": 1}))
    assert findings.settle(NIGHTS[3]) == {"a": "open"}


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        (GROWING, {"sets": ["a", "b"]}, {"sets": ["b"]}),
        (GROWING, {"sets": ["a", "b"]}, {"sets": ["b", "a"]}),
        (GROWING, {"sets": ["a"]}, {"sets": None}),
        (GROWING, {"sets": [{"role_id": 1, "role": "a"}]}, {"sets": [{"role": "b", "role_id": 1}]}),
        (GROWING, {"sets": [{"id": "x", "liquid": 1}]}, {"sets": [{"id": "x", "liquid": 2}]}),
        (GROWING, {"sets": [{"id": 1, "x_id": None}]}, {"sets": [{"id": 1}]}),
        (GROWING, {"sets": ["a"]}, {}),
        (
            "multiple_roles",
            {"roles": [{"role_id": 7, "role": "A"}]},
            {"roles": [{"role_id": 7, "role": "B"}]},
        ),
        (COUNTING, {"first_others": [{"user_id": 6}]}, {"first_others": [{"user_id": 6, "user": "Bo"}]}),
        ("too_many_admins", {"admin_ids": [1, 2, 3]}, {"admin_ids": [2, 3]}),
        (COUNTING, {"users": 3}, {"users": 2}),
        (COUNTING, {"users": 3, "days": 1}, {"users": 3, "days": 2}),
        (COUNTING, {"users": 3}, {"users": "9"}),
        ("dormant_user", {"days": 90}, {"days": 91}),
    ],
)
def test_what_the_rule_does_not_count_as_growth_is_none(findings, rule, before, after) -> None:
    findings.found("a", rule, 5, evidence=json.dumps(before))
    findings.waiver(rule, "5")
    findings.settle()
    findings.change("a", evidence=json.dumps(after))

    assert findings.settle(NIGHTS[2]) == {"a": "waived"}


def test_a_higher_severity_is_growth(findings) -> None:
    findings.found("a", "dormant_user", 5)
    findings.waiver("dormant_user", "5")
    findings.settle()
    findings.change("a", severity="low")
    assert findings.settle(NIGHTS[2]) == {"a": "waived"}
    findings.change("a", severity="critical")

    assert findings.settle(NIGHTS[3]) == {"a": "open"}
    assert findings.of("a")[1] == (
        "The waiver of Kim no longer covers it: severity rose from medium to critical."
    )


def test_a_waiver_that_is_changed_covers_what_has_grown(findings, company) -> None:
    findings.found("a", COUNTING, 5, evidence='{"users": 2}')
    findings.waiver(COUNTING, "5")
    findings.settle()
    findings.change("a", evidence='{"users": 3}')
    findings.settle(NIGHTS[2])
    company.connection.execute("DELETE FROM history.waivers")
    findings.waiver(COUNTING, "5", reason="three are fine", read_at=NIGHTS[2])

    assert findings.settle(NIGHTS[3]) == {"a": "waived"}
    findings.change("a", evidence='{"users": 4}')
    assert findings.settle(NIGHTS[4]) == {"a": "open"}
    assert findings.of("a")[1:3] == ("The waiver of Kim no longer covers it: users grew from 3 to 4.", 2)


def test_what_comes_back_under_its_waiver_is_waived_unless_it_has_grown(findings) -> None:
    findings.found("a", COUNTING, 5, evidence='{"users": 2}')
    findings.waiver(COUNTING, "5")
    findings.settle()
    findings.change("a", status="resolved")
    assert findings.settle(NIGHTS[2]) == {"a": "resolved"}
    findings.change("a", status="open")
    assert findings.settle(NIGHTS[3]) == {"a": "waived"}
    findings.change("a", status="open", evidence='{"users": 3}')
    assert findings.settle(NIGHTS[4]) == {"a": "open"}


def related(company: Company) -> dict[str, list[tuple[str, str]]]:
    return {
        name: [(one["finding_id"], one["rule"]) for one in json.loads(evidence).get("related", [])]
        for name, evidence in company.rows("SELECT finding_id, evidence FROM findings ORDER BY ALL")
    }


def test_findings_about_the_same_permission_name_each_other(findings, company) -> None:
    toxic = json.dumps({"permissions": [FLAG, "can_export"], "empty": None})
    findings.found("d", "unexplained_permission", 5, object=FLAG)
    findings.found("b", "sensitive_permission", 5, object=FLAG, status="waived")
    findings.found("c", "toxic_exfiltrate", 5, object="toxic_exfiltrate", evidence=toxic)
    findings.found("e", "sensitive_permission", 5, object="can_export")
    findings.found("f", "sensitive_permission", 6, object=FLAG)
    findings.found("g", "permission_outlier", 5, object=FLAG, status="resolved")
    findings.found("h", "dormant_user", 5)
    findings.found("i", "own", 5, object="can_export")
    findings.found("j", "toxic_mass_load", 5, evidence='{"permissions": ["can_export", "can_export"]}')

    assert related(company) == {
        "b": [("c", "toxic_exfiltrate"), ("d", "unexplained_permission")],
        "c": [
            ("i", "own"),
            ("b", "sensitive_permission"),
            ("e", "sensitive_permission"),
            ("j", "toxic_mass_load"),
            ("d", "unexplained_permission"),
        ],
        "d": [("b", "sensitive_permission"), ("c", "toxic_exfiltrate")],
        "e": [("i", "own"), ("c", "toxic_exfiltrate"), ("j", "toxic_mass_load")],
        "f": [],
        "g": [],
        "h": [],
        "i": [("e", "sensitive_permission"), ("c", "toxic_exfiltrate"), ("j", "toxic_mass_load")],
        "j": [("i", "own"), ("e", "sensitive_permission"), ("c", "toxic_exfiltrate")],
    }


def test_what_is_related_is_added_to_the_evidence(findings, company) -> None:
    findings.found("a", "unexplained_permission", 5, object=FLAG, evidence='{"since": null, "n": 1}')
    findings.found("b", "sensitive_permission", 5, object=FLAG)

    (evidence,) = company.rows("SELECT evidence FROM findings WHERE finding_id = 'a'")[0]

    assert json.loads(evidence) == {
        "since": None,
        "n": 1,
        "related": [{"finding_id": "b", "rule": "sensitive_permission"}],
    }


def test_a_hundred_thousand_findings_are_related_at_once(company: Company) -> None:
    company.connection.execute("""
        INSERT INTO history.findings BY NAME
        SELECT
            'acme' AS company, concat(users, '/', rules) AS finding_id, 'user' AS subject_kind,
            concat('rule_', rules) AS rule, CAST(users AS VARCHAR) AS subject_id, 'open' AS status,
            'can_use_api' AS object, '{}' AS evidence
        FROM range(20000) AS a(users) CROSS JOIN range(5) AS b(rules)""")

    ((most, count),) = company.rows(
        "SELECT max(json_array_length(evidence -> 'related')), count(*) FROM findings"
    )

    assert (most, count) == (4, 100_000)


def test_nothing_is_done_where_there_is_no_waiver(findings, connection: duckdb.DuckDBPyConnection) -> None:
    findings.found("a", "dormant_user", 5)

    assert findings.settle() == {"a": "open"}


def test_a_waiver_for_all_companies_is_missed_where_none_has_such_a_finding(findings, connection) -> None:
    findings.waiver("dormant_user", "*", "can_*", waiver_id="w", state="unmatched")
    told = [
        "waivers.toml: the waiver of dormant_user for *, can_*, by Kim matches no open finding; "
        "remove it if it is not needed."
    ]
    assert notices(connection) == notices(connection, "acme") == told

    beta = Findings(Company(connection, "beta"))
    beta.waiver("dormant_user", "*", "can_*", waiver_id="w", state="active")
    assert notices(connection) == notices(connection, "acme") == []


def test_a_waiver_that_has_expired_is_told_once(findings, connection) -> None:
    for company in (findings, Findings(Company(connection, "beta"))):
        company.waiver("dormant_user", "*", state="expired", expires=date(2026, 11, 1))

    assert notices(connection) == [
        "waivers.toml: the waiver of dormant_user for * by Kim expired on 2026-11-01; renew or remove it."
    ]
