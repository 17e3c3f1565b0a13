"""The steps of sql/lifecycle, each over literal rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import pytest

from pipedrive_graph.findings.counts import STATUSES
from pipedrive_graph.findings.rule_header import SEVERITIES, SUBJECT_KINDS
from pipedrive_graph.warehouse import steps

from .literal import MODELS, NIGHTS

NOW = NIGHTS[3]
BEFORE = NIGHTS[1]


@pytest.fixture
def run(empty_run: duckdb.DuckDBPyConnection) -> Iterator[Run]:
    empty_run.execute("BEGIN")
    yield Run(empty_run)
    empty_run.execute("ROLLBACK")


class Run:
    """A batch of one company, acme, whose tables are filled by the test."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        steps.hand_over(connection, "broken_rules", [])

    def hand_over(self, **tables: list[tuple[Any, ...]]) -> None:
        for name, rows in tables.items():
            steps.hand_over(self.connection, name, rows)
        if "rule_reads" in tables:
            steps.make(self.connection, MODELS, "lifecycle.visibility_rules")

    def insert(self, table: str, **values: Any) -> None:
        names, marks = ", ".join(["company", *values]), ", ?" * len(values)
        self.connection.execute(
            f"INSERT INTO {steps.with_temporary_names(table)}({names}) VALUES ('acme'{marks})",  # noqa: S608
            [*values.values()],
        )

    def finding(self, finding_id: str, **values: Any) -> None:
        self.insert(
            "history.findings",
            **{
                "finding_id": finding_id,
                "rule": "dormant_user",
                "severity": "low",
                "subject_kind": "user",
                "subject_id": "5",
                "status": "open",
                "first_seen": BEFORE,
                "last_seen": BEFORE,
                "opened_at": BEFORE,
                "reopened": 0,
                "rule_sha256": "query:1",
                **values,
            },
        )

    def step(self, name: str, columns: str) -> list[tuple[Any, ...]]:
        """Some columns of a step's rows, over the company acme at NOW."""
        query = steps.with_temporary_names(MODELS[f"lifecycle.{name}"].query)
        query = query.replace(
            "landing.batch", "(SELECT 'acme' AS company, 's3' AS snapshot_id, $now AS as_of)"
        )
        parameters = {"now": NOW} if "$now" in query else None
        text = f"SELECT {columns} FROM ({query}) ORDER BY ALL"  # noqa: S608
        return self.connection.execute(text, parameters).fetchall()


def found(**values: Any) -> tuple[Any, ...]:
    """A row that a rule has found."""
    row = {
        "company": "acme",
        "rule": "dormant_user",
        "severity": "low",
        "subject_kind": "user",
        "subject_id": "5",
        "object": None,
        "snapshot_id": None,
        "title": "Ana is dormant.",
        "evidence": "{}",
        "remedy": "Ask.",
    }
    return tuple({**row, **values}.values())


def test_a_rule_about_visibility_reads_settings_or_pipelines(run: Run) -> None:
    run.hand_over(
        rule_reads=[
            ("broad_export", "main.default_reach"),
            ("broad_export", "main.users"),
            ("pipeline_unseen", "main.pipelines"),
            ("pipeline_unseen", "main.role_pipelines"),
            ("team_manager_inactive", "main.teams"),
            ("dormant_user", "main.users"),
        ]
    )

    assert run.step("visibility_rules", "rule, read_settings, read_pipelines") == [
        ("broad_export", True, False),
        ("pipeline_unseen", False, True),
        ("team_manager_inactive", False, False),
    ]


def test_a_rule_abstains_where_it_has_nothing_to_go_by(run: Run) -> None:
    run.insert("history.coverage", endpoint="permissionSets", outcome="unoffered")
    run.insert("history.coverage", endpoint="roles", outcome="refused")
    run.insert("history.coverage", endpoint="users", outcome="answered")
    run.hand_over(
        rules=[(rule, rule == "admin_granted", "1") for rule in ("admin_granted", "empty_role", "idle")],
        rule_needs=[
            ("empty_role", "roles", "list", None),
            ("empty_role", "permissionSets", "list", None),
            ("idle", "users", "list", None),
            ("leaver", "roster/{id}", "own", None),
        ],
        rule_reads=[
            ("admin_granted", "main.event_snapshots"),
            ("idle", "main.event_snapshots"),
            ("external", "main.own_email_domains"),
        ],
    )

    assert run.step("abstentions", "rule, reason, covered") == [
        ("admin_granted", "There is no earlier snapshot to compare with.", True),
        ("empty_role", "Pipedrive did not give the list permissionSets, roles.", True),
        (
            "external",
            "No e-mail domain counts as the company's own. Name the company's domains in findings.toml, "
            "[allowed] email_domains.",
            False,
        ),
        ("leaver", "The company has no roster.", True),
    ]


_READS = {
    "broad_visibility": ("main.default_reach", "main.users"),
    "pipeline_exposed": ("main.pipelines", "main.role_pipelines"),
    "team_manager_inactive": ("main.teams", "main.users"),
    "visibility_everyone": ("main.role_visibility",),
    "dormant_user": ("main.users",),
    "of_mine": ("main.can_see",),
}


@pytest.mark.parametrize(
    ("rows", "reasons"),
    [
        (
            {},
            dict.fromkeys(
                [
                    "broad_visibility", "of_mine", "pipeline_exposed", "team_manager_inactive",
                    "visibility_everyone",
                ],
                "The run did not collect visibility; set visibility = true in the settings.",
            ),
        ),
        (
            {"visibility_meaning": {}, "role_visibility": {"value": 3}, "role_pipelines": {"visible": False}},
            dict.fromkeys(
                ["broad_visibility", "of_mine", "visibility_everyone"],
                "It is not known what the visibility value 3 means in this company; set plan in the settings.",  # noqa: E501
            ),
        ),
        (
            {"visibility_meaning": {}, "role_visibility": {"value": None}, "role_pipelines": {"visible": None}},  # noqa: E501
            dict.fromkeys(
                ["broad_visibility", "of_mine", "visibility_everyone"],
                "Pipedrive did not give the visibility settings of any role.",
            )
            | {"pipeline_exposed": "Pipedrive did not give the pipelines that are hidden from a role."},
        ),
        (
            {
                "visibility_meaning": {},
                "role_visibility": {"value": 3, "reach": "group"},
                "role_pipelines": {"visible": True},
            },
            {},
        ),
    ],
)  # fmt: skip
def test_rules_about_visibility_abstain_without_it(
    run: Run, rows: dict[str, dict[str, Any]], reasons: dict[str, str]
) -> None:
    for table, values in rows.items():
        run.insert(f"main.{table}", **values)
    run.hand_over(
        rules=[(rule, False, "1") for rule in _READS],
        rule_reads=[(rule, table) for rule, tables in _READS.items() for table in tables],
    )

    assert run.step("abstentions", "rule, reason, covered") == [
        (rule, reason, False) for rule, reason in sorted(reasons.items())
    ]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({}, []),
        ({"subject_kind": "deal"}, ["has no valid subject_kind"]),
        ({"subject_kind": None}, ["has no valid subject_kind"]),
        ({"subject_id": None}, ["has no subject_id"]),
        ({"severity": "huge"}, ["has no valid severity"]),
        ({"severity": None}, ["has no valid severity"]),
        ({"title": None}, ["has no title"]),
        *(({"severity": severity}, []) for severity in SEVERITIES),
        *(({"subject_kind": kind}, []) for kind in SUBJECT_KINDS),
    ],
)
def test_a_row_that_is_not_a_finding_is_malformed(run: Run, row: dict[str, Any], problem: list[str]) -> None:
    run.hand_over(found=[found(**row), found(subject_id="6")])

    assert [words for (words,) in run.step("malformed_rows", "problem")] == problem


def test_two_rows_of_one_identity_are_malformed(run: Run) -> None:
    run.hand_over(found=[found(), found(title="Ana sleeps."), found(object="x"), found(snapshot_id="s3")])

    assert run.step("malformed_rows", "rule, subject, problem") == [
        ("dormant_user", "of acme user 5", "occurs more than once; a rule returns one row per identity")
    ]


def test_the_id_of_a_state_stays_and_that_of_an_event_is_of_one_snapshot(run: Run) -> None:
    run.hand_over(found=[found(), found(snapshot_id="s3"), found(object="x")])
    run.insert("lifecycle.rule_fingerprints", rule="dormant_user", rule_sha256="query:1")

    assert run.step("firing", "object, snapshot_id, finding_id, rule_sha256, as_of") == [
        ("x", None, "1e386b6c92d91573", "query:1", NOW),
        (None, "s3", "f25ac7a0bf369382", "query:1", NOW),
        (None, None, "fd7eb278851cab01", "query:1", NOW),
    ]


@pytest.mark.parametrize(
    ("finding", "needs", "outcome", "reason"),
    [
        ({}, ("users", "list"), "answered", "fixed"),
        ({}, ("users", "list"), "failed", None),
        ({}, ("users", "list"), None, None),
        ({"rule_sha256": "query:0"}, ("users", "list"), "answered", "rule changed"),
        ({"rule": "gone"}, ("users", "list"), "failed", "rule changed"),
        ({"status": "waived"}, ("users", "list"), "answered", "fixed"),
        ({"status": "resolved"}, ("users", "list"), "answered", None),
        ({}, ("users/{id}", "all"), "failed", None),
        ({}, ("users/{id}", "all"), "gone", "fixed"),
        ({}, ("users/{id}/access", "all"), "gone", None),
    ],
)
def test_a_finding_is_resolved_on_proof_only(run: Run, finding, needs, outcome, reason) -> None:
    run.finding("a", **finding)
    run.insert("lifecycle.rule_fingerprints", rule="dormant_user", rule_sha256="query:1")
    run.hand_over(rule_needs=[("dormant_user", *needs, None)])
    if outcome:
        run.insert("history.coverage", endpoint=needs[0], outcome=outcome)

    assert run.step("resolved", "finding_id, resolved_reason") == ([("a", reason)] if reason else [])


@pytest.fixture
def role_records(empty_run: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """The answers have role 2 in the list, and role 3 by its id."""
    insert = "INSERT INTO staging.role_records(company, role_id, endpoint) VALUES ('acme', ?, ?)"
    empty_run.execute("ROLLBACK")  # a transaction writes to one database only
    empty_run.executemany(insert, [[2, "roles"], [3, "roles/{id}"]])
    empty_run.execute("BEGIN")
    yield
    empty_run.execute("ROLLBACK")
    empty_run.execute("DELETE FROM staging.role_records")
    empty_run.execute("BEGIN")


@pytest.mark.parametrize(
    ("outcome", "reads", "listed", "resolved"),
    [
        ("refused", "main.roles", True, True),
        ("failed", "main.roles", True, True),
        ("refused", "main.roles", False, False),
        ("refused", "main.role_visibility", True, False),
        ("gone", "main.role_visibility", True, False),
        ("gone", "main.default_reach", True, False),
        ("gone", "main.role_visibility", False, True),
        ("gone", "main.roles", True, True),
    ],
)
def test_settings_of_listed_roles_are_only_needed_by_rules_that_read_settings(
    run: Run, role_records: None, outcome: str, reads: str, listed: bool, resolved: bool
) -> None:
    run.finding("a")
    run.insert("lifecycle.rule_fingerprints", rule="dormant_user", rule_sha256="query:1")
    run.insert("history.coverage", endpoint="roles/{id}", subject_id="2" if listed else "3", outcome=outcome)
    run.hand_over(
        rule_needs=[("dormant_user", "roles/{id}", "all", None)], rule_reads=[("dormant_user", reads)]
    )

    assert run.step("resolved", "finding_id") == ([("a",)] if resolved else [])


@pytest.mark.parametrize(
    ("visible", "deleted", "active", "resolved"),
    [
        ((True, True), False, True, True),
        ((True, None), False, True, False),
        ((True, None), None, None, False),
        ((True, None), False, False, True),
        ((True, None), True, True, True),
    ],
)
def test_a_pipeline_is_not_fixed_while_it_is_not_known_which_roles_see_it(
    run: Run, visible: tuple[bool | None, ...], deleted: bool | None, active: bool | None, resolved: bool
) -> None:
    run.finding("a", rule="pipeline_exposed", subject_kind="pipeline")
    run.finding("b", rule="pipeline_exposed", subject_kind="pipeline", subject_id="6")
    run.insert("lifecycle.rule_fingerprints", rule="pipeline_exposed", rule_sha256="query:1")
    run.hand_over(rule_reads=[("pipeline_exposed", "main.role_pipelines")])
    run.insert("main.visibility_meaning")
    run.insert("main.pipelines", pipeline_id=5, deleted=deleted)
    for role_id, sees in enumerate(visible, 1):
        run.insert("main.roles", role_id=role_id, active=active)
        run.insert("main.role_pipelines", role_id=role_id, pipeline_id=5, visible=sees)

    assert run.step("resolved", "finding_id") == [("a",), ("b",)][not resolved :]


@pytest.mark.parametrize(
    ("seen", "unknown", "resolved"), [(7, 0, True), (7, 1, False), (6, 1, True), (1, 9, False)]
)
def test_a_user_sees_fewer_deals_only_if_enough_is_known(
    run: Run, seen: int, unknown: int, resolved: bool
) -> None:
    run.finding("a", rule="broad_export")
    run.insert("lifecycle.rule_fingerprints", rule="broad_export", rule_sha256="query:1")
    run.insert("main.rule_thresholds", broad_export_share=0.8, broad_visibility_share=0.95)
    run.hand_over(rule_reads=[("broad_export", "main.default_reach")])
    for user_id, item in [(5, "lead"), (6, "deal")]:
        run.insert("main.default_reach", user_id=user_id, item=item, owners=10, owners_seen=1,
                   owners_unknown=9)  # fmt: skip
    run.insert("main.default_reach", user_id=5, item="deal", owners=10, owners_seen=seen,
               owners_unknown=unknown)  # fmt: skip

    assert run.step("resolved", "finding_id") == ([("a",)] if resolved else [])


def test_a_rule_that_cannot_be_run_resolves_nothing(run: Run) -> None:
    run.finding("a")
    run.hand_over(broken_rules=[("dormant_user", "It is broken.")])

    assert run.step("resolved", "finding_id") == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, ("open", None, None, BEFORE, 0, None)),
        ({"status": "waived", "note": "Waived."}, ("waived", None, None, BEFORE, 0, "Waived.")),
        (
            {"status": "resolved", "resolved_reason": "fixed", "resolved_at": NIGHTS[2]},
            ("open", None, None, NOW, 1, "Came back; it was resolved on 2026-11-22 (fixed)."),
        ),
        (
            {
                "status": "resolved",
                "resolved_reason": "acknowledged",
                "resolved_at": NIGHTS[2],
                "acknowledged_at": NIGHTS[2],
            },
            ("resolved", "acknowledged", NIGHTS[2], BEFORE, 0, None),
        ),
    ],
)
def test_what_is_found_again_is_open_again_unless_it_was_acknowledged(run: Run, before, after) -> None:
    run.finding("a", **before)
    run.insert(
        "lifecycle.firing",
        finding_id="a", rule="dormant_user", severity="high", title="New", evidence="{}", as_of=NOW,
        rule_sha256="query:2",
    )  # fmt: skip

    columns = "status, resolved_reason, resolved_at, opened_at, reopened, note"
    assert run.step("seen_again", columns) == [after]
    columns = "first_seen, last_seen, severity, title, rule_sha256"
    assert run.step("seen_again", columns) == [(BEFORE, NOW, "high", "New", "query:2")]


def test_counts_have_a_row_for_every_status_and_severity(run: Run) -> None:
    run.insert("history.snapshots", snapshot_id="s2", started_at=NIGHTS[2], status="complete")
    run.finding("a")
    run.finding("b", opened_at=NOW)
    run.finding("c", status="resolved", resolved_at=NOW, severity="critical")

    counts = run.step("finding_counts", "status, severity, findings, opened, resolved")
    assert {row[:2] for row in counts} == {(status, name) for status in STATUSES for name in SEVERITIES}
    assert [row for row in counts if any(row[2:])] == [
        ("open", "low", 2, 1, 0),
        ("resolved", "critical", 1, 0, 1),
    ]


def test_a_rule_ran_abstained_or_is_broken(run: Run) -> None:
    run.hand_over(
        rules=[("quiet", False, "1"), ("loud", False, "2"), ("idle", False, "3")],
        broken_rules=[("torn", "It is torn.")],
    )
    run.insert("lifecycle.abstentions", rule="idle", reason="Nothing.", covered=True)
    for finding_id in "ab":
        run.insert("lifecycle.firing", finding_id=finding_id, rule="loud")

    assert run.step("rule_runs", "company, snapshot_id, rule, outcome, reason, fired") == [
        ("acme", "s3", "idle", "abstained", "Nothing.", None),
        ("acme", "s3", "loud", "ran", None, 2),
        ("acme", "s3", "quiet", "ran", None, 0),
        ("acme", "s3", "torn", "broken", "It is torn.", None),
    ]


def waiver(run: Run, waiver_id: str, **values: Any) -> None:
    run.insert(
        "history.waivers",
        **{
            "waiver_id": waiver_id,
            "rule": "dormant_user",
            "subject": "5",
            "reason": "fine",
            "owner": "Kim",
            "expires": NIGHTS[4].date(),
            "read_at": BEFORE,
            **values,
        },
    )


def test_of_the_waivers_of_a_finding_the_one_read_last_covers_it(run: Run) -> None:
    run.finding("a", waiver_read_at=BEFORE)
    run.finding("b", subject_id="6")
    run.hand_over(moments=[("acme", NOW)])
    waiver(run, "early")
    waiver(run, "late", read_at=NIGHTS[2])
    waiver(run, "over", read_at=NOW, expires=NIGHTS[2].date())
    for name in ("early", "late", "over"):
        run.insert("lifecycle.waiver_matches", finding_id="a", waiver_id=name)

    assert run.step("waiver_matches", "finding_id, waiver_id") == [
        ("a", "early"), ("a", "late"), ("a", "over"),
    ]  # fmt: skip
    assert run.step("waivers_in_force", "finding_id, read_at, fresh") == [("a", NIGHTS[2], True)]
    assert run.step("waiver_states", "waiver_id, state, findings") == [
        ("early", "active", 1), ("late", "active", 1), ("over", "expired", 1),
    ]  # fmt: skip


def test_more_than_was_waived_is_drift_and_opens_the_finding(run: Run) -> None:
    run.finding("a", status="waived", waived_severity="low", severity="high", waived_evidence='{"n": 1}',
                evidence='{"n": 2}', waiver_owner="Kim", waiver_reason="fine")  # fmt: skip
    run.hand_over(moments=[("acme", NOW)], rule_grows=[("dormant_user", "n")])
    run.insert("lifecycle.waivers_in_force", finding_id="a", owner="Kim", read_at=BEFORE, fresh=False)
    sentence = "severity rose from low to high; n grew from 1 to 2"
    assert run.step("waiver_drift", "finding_id, sentence") == [("a", sentence)]

    run.insert("lifecycle.waiver_drift", finding_id="a", sentence=sentence)
    assert run.step("reopened", "finding_id, was_waived, spent_at, note") == [
        ("a", True, BEFORE, f"The waiver of Kim no longer covers it: {sentence}.")
    ]


@pytest.mark.parametrize(
    ("expires", "note"),
    [
        (NIGHTS[2].date(), "The waiver of Kim (fine) expired on 2026-11-22."),
        (NIGHTS[4].date(), "The waiver of Kim (fine) was removed."),
    ],
)
def test_a_waiver_that_no_longer_covers_opens_the_finding(run: Run, expires: datetime, note: str) -> None:
    run.finding("a", status="waived", waiver_owner="Kim", waiver_reason="fine", waiver_expires=expires)
    run.hand_over(moments=[("acme", NOW)])

    assert run.step("reopened", "finding_id, was_waived, spent_at, note") == [("a", True, None, note)]


def test_the_fingerprint_changes_with_the_query_and_with_the_settings_that_the_rule_goes_by(run: Run) -> None:
    def fingerprint(query: str, *goes_by: str) -> str:
        run.hand_over(
            rules=[("dormant_user", False, query)],
            rule_policies=[("dormant_user", name) for name in goes_by],
        )
        run.connection.execute(
            "CREATE OR REPLACE TEMP TABLE lifecycle_rule_settings AS "
            + steps.with_temporary_names(MODELS["lifecycle.rule_settings"].query)
            .replace("landing.batch", "(SELECT 'acme' AS company) AS batch")
            .replace("AS batch AS batch", "AS batch")
        )
        ((sha256,),) = run.step("rule_fingerprints", "rule_sha256")
        return str(sha256)

    run.insert("policy.thresholds", name="dormant_user_days", value=90)
    run.insert("policy.sensitive_permissions", permission="can_x")
    first = fingerprint("1", "dormant_user_days")

    assert first == fingerprint("1", "dormant_user_days")
    assert len({first, fingerprint("2", "dormant_user_days"), fingerprint("1"),
                fingerprint("1", "sensitive_permissions")}) == 4  # fmt: skip
    run.insert("policy.sensitive_permissions", permission="can_y")
    assert first == fingerprint("1", "dormant_user_days")
    run.connection.execute("UPDATE policy.thresholds SET value = 91")
    assert first != fingerprint("1", "dormant_user_days")


KEPT = {"decision": "change", "role": "keep", "permission_sets": "keep", "admin_rights": "keep"}


@pytest.mark.parametrize(
    ("decision", "kinds"),
    [
        ({"decision": "keep"}, ["account", "admin", "permission", "permission_set", "role"]),
        ({"decision": "revoke"}, []),
        ({**KEPT, "sensitive_permissions": "revoke"}, ["account", "admin", "permission_set", "role"]),
        ({**KEPT, "role": "revoke"}, ["account", "admin", "permission", "permission_set"]),
        ({**KEPT, "permission_sets": "revoke"}, ["account", "admin", "permission", "role"]),
        ({**KEPT, "admin_rights": "revoke"}, ["account", "permission", "permission_set", "role"]),
    ],
)
def test_a_later_decision_ends_a_finding_about_access_that_it_does_not_revoke(
    run: Run, decision: dict[str, str], kinds: list[str]
) -> None:
    run.hand_over(later_decisions=[("acme", "r1", NOW)])
    run.insert("history.reviews", review_id="r1", name="Spring")
    run.insert("history.review_items", review_id="r1", row_id="5", user_id=5)
    run.insert("history.review_items", review_id="r1", row_id="6", user_id=6)
    earlier = {"decision": "keep", "decided_by": "Kim", "decided_at": BEFORE, "review_id": "r1"}
    run.insert("history.review_decisions", row_id="5", **{**earlier, "decided_at": NOW, **decision})
    run.insert("history.review_decisions", row_id="6", **earlier)
    run.insert("history.review_decisions", row_id="5", **{**earlier, "review_id": "r2", "decided_at": NOW})
    still = {"rule": "revoked_access_still_present"}
    for kind in ("account", "admin", "permission", "permission_set", "role"):
        run.finding(kind, evidence=f'{{"kind": "{kind}"}}', **still)
    run.finding("of another user", subject_id="6", evidence='{"kind": "account"}', **still)
    run.finding("of another rule", evidence='{"kind": "account"}')
    run.finding("resolved", status="resolved", evidence='{"kind": "account"}', **still)
    run.finding("about a role", subject_kind="role", evidence='{"kind": "account"}', **still)

    note = f'{decision["decision"]} by Kim in "Spring".'
    expected = [("acme", kind, NOW, note) for kind in kinds]
    assert run.step("decided_again", "company, finding_id, resolved_at, note") == expected
