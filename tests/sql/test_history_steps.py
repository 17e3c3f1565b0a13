"""The steps of sql/history, each over literal rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

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
        self.staged: set[str] = set()

    def insert(self, table: str, *rows: dict[str, Any]) -> None:
        """Insert rows about acme; columns that are not named are NULL."""
        schema, _, name = table.rpartition(".")
        if schema == "staging":
            # a transaction writes to one database only, so rows of staging are in temporary tables
            table = f"staging_{name}"
            if name not in self.staged:
                self.connection.execute(f"CREATE TEMP TABLE {table} AS FROM staging.{name} LIMIT 0")
                self.staged.add(name)
        for row in rows:
            values = {"company": "acme", **row}
            names, marks = ", ".join(values), ", ".join("?" for _ in values)
            self.connection.execute(f"INSERT INTO {table}({names}) VALUES ({marks})", [*values.values()])  # noqa: S608

    def step(self, name: str, columns: str = "* EXCLUDE (company)") -> list[tuple[Any, ...]]:
        """Some columns of a step's rows, over the company acme at NOW."""
        query = steps.with_temporary_names(MODELS[f"merge.{name}"].query)
        for table in self.staged:
            query = re.sub(rf"\bstaging\.{table}\b", f"staging_{table}", query)
        query = query.replace(
            "landing.batch", "(SELECT 'acme' AS company, 's3' AS snapshot_id, $now AS as_of)"
        )
        parameters = {"now": NOW} if "$now" in query else None
        text = f"SELECT {columns} FROM ({query}) ORDER BY ALL"  # noqa: S608
        return self.connection.execute(text, parameters).fetchall()


PERMISSIONS = "user_permissions"


def proven(history_table: str, *subjects: int) -> list[dict[str, Any]]:
    return [{"history_table": history_table, "subject_id": str(subject)} for subject in subjects]


def test_coverage_of_an_answer_that_is_held_back(run: Run) -> None:
    run.insert(
        "staging.coverage",
        {"endpoint": "users", "outcome": "answered"},
        {"endpoint": "users/{id}/permissions", "subject_id": "1", "outcome": "answered"},
        {"endpoint": "users/{id}/permissions", "subject_id": "2", "outcome": "answered"},
        {"endpoint": "users/{id}/roleAssignments", "subject_id": "2", "outcome": "refused"},
    )
    run.insert("staging.held_answers", {"user_id": 2}, {"company": "other", "user_id": 1})

    assert run.step("coverage") == [
        ("users", None, "answered"),
        ("users/{id}/permissions", "1", "answered"),
        ("users/{id}/permissions", "2", "held"),
        ("users/{id}/roleAssignments", "2", "refused"),
    ]


def test_answers_that_were_applied_as_a_whole(run: Run) -> None:
    answers = [
        {"user_id": user_id, "digest": f"d{user_id}", "unchanged": False} for user_id in (1, 2, 3, 4, 5, 6)
    ]
    run.insert("staging.permissions_answered", *answers, {"user_id": 7, "digest": None})
    run.insert("staging.users", *({"user_id": user_id} for user_id in (1, 3, 4, 5, 6, 7)))
    run.insert(
        "staging.vendor_changes",
        {"user_id": 3, "permission": "p", "change": "revoked", "held": True},
        {"user_id": 1, "permission": "p", "change": "revoked", "held": False},
    )
    run.insert("staging.held_answers", {"user_id": 4})
    run.insert(
        "staging.unanswered_permissions",
        {"user_id": 5, "permission": "p", "observed_at": BEFORE},
        {"user_id": 6, "permission": "p", "observed_at": None},
    )

    assert run.step("permission_answers") == [(1, "d1"), (6, "d6")]


def test_permissions_that_still_exist(run: Run) -> None:
    name = {"denied": True, "named": False, "named_at": BEFORE, "missing": 2}
    run.insert(
        "staging.permission_names",
        {"permission": "stays", **name, "leaves": False},
        {"permission": "goes", **name, "leaves": True},
    )

    assert run.step("permission_names") == [("stays", True, BEFORE, 2)]


def test_an_answer_that_repeats_the_previous_one_proves_nothing_new(run: Run) -> None:
    run.insert("staging.proven", *proven("users", 1), *proven(PERMISSIONS, 1, 2, 3))
    run.insert(
        "staging.permissions_answered",
        {"user_id": 1, "digest": "d", "unchanged": True},
        {"user_id": 2, "digest": "d", "unchanged": False},
        {"company": "other", "user_id": 3, "digest": "d", "unchanged": True},
    )

    assert run.step("newly_proven") == [(PERMISSIONS, "2"), (PERMISSIONS, "3"), ("users", "1")]


def test_what_was_observed_with_which_access(run: Run) -> None:
    run.insert("staging.proven", *proven("users", 1), *proven(PERMISSIONS, 1, 2, 3))
    run.insert(
        "staging.access_signatures",
        {"user_id": 1, "signature": "a"},
        {"user_id": 2, "signature": "b"},
        {"company": "other", "user_id": 3, "signature": "c"},
    )
    run.insert(
        "staging.vendor_changes",
        {"user_id": 2, "permission": "p", "change": "revoked", "held": True},
        {"user_id": 2, "permission": "q", "change": "revoked", "held": True},
        {"user_id": 3, "permission": "p", "change": "granted", "held": False},
    )

    assert run.step("observed") == [
        (PERMISSIONS, "1", NOW, "a", True),
        (PERMISSIONS, "2", NOW, "b", False),
        (PERMISSIONS, "3", NOW, None, True),
        ("users", "1", NOW, None, True),
    ]


@pytest.mark.parametrize(
    ("omitted", "sentence"),
    [
        ([], None),
        ([(1, "p", None)], None),
        (
            [(1, "p", BEFORE), (2, "q", None)],
            "1 permission of 1 user that Pipedrive gave before is missing in its answers"
            " (see unanswered_permissions), such as p.",
        ),
        (
            [(1, "q", BEFORE), (1, "p", BEFORE), (2, "p", BEFORE)],
            "3 permissions of 2 users that Pipedrive gave before are missing in its answers"
            " (see unanswered_permissions), such as p.",
        ),
    ],
)
def test_omitted_permissions_in_a_sentence(
    run: Run, omitted: list[tuple[Any, ...]], sentence: str | None
) -> None:
    keys = ("user_id", "permission", "observed_at")
    run.insert("staging.unanswered_permissions", *(dict(zip(keys, row, strict=True)) for row in omitted))

    assert run.step("omissions") == ([("s3", sentence)] if sentence else [])


def test_corrections_of_inferred_permissions(run: Run) -> None:
    run.insert(
        "history.access_signatures",
        *({"user_id": user_id, "signature": "same"} for user_id in (1, 2, 3, 4)),
    )
    run.insert(
        "staging.access_signatures",
        *({"user_id": user_id, "signature": "same"} for user_id in (1, 3, 4)),
        {"user_id": 2, "signature": "another"},
    )
    run.insert("staging.proven", *proven(PERMISSIONS, 1, 2, 3))
    run.insert(
        "permission_sources",
        *({"user_id": user_id, "source": "inferred"} for user_id in (1, 2, 4)),
        {"user_id": 3, "source": "observed"},
    )
    for user_id in (1, 2, 3, 4):
        run.insert(
            "user_permissions",
            {"user_id": user_id, "permission": "kept", "granted": True},
            {"user_id": user_id, "permission": "denied", "granted": True},
            {"user_id": user_id, "permission": "not_named", "granted": True},
            {"user_id": user_id, "permission": "unknown", "granted": None},
        )
        run.insert(
            "staging.user_permissions",
            {"user_id": user_id, "permission": "kept", "granted": True},
            {"user_id": user_id, "permission": "denied", "granted": False},
            {"user_id": user_id, "permission": "not_inferred", "granted": True},
            {"user_id": user_id, "permission": "unknown", "granted": True},
        )

    assert run.step("corrections") == [
        (1, "denied", NOW, True, False),
        (1, "not_inferred", NOW, False, True),
        (1, "not_named", NOW, True, False),
    ]


STATUS, ROLE = "roster/{id}", "roster/{id}/expectedRole"


def person(user_id: int, *, active: bool = True, deleted: bool = False) -> dict[str, Any]:
    return {"user_id": user_id, "active": active, "deleted": deleted, "valid_from": BEFORE}


def finding(user_id: int, status: str = "open") -> dict[str, Any]:
    return {
        "finding_id": f"f{user_id}",
        "subject_kind": "user",
        "subject_id": str(user_id),
        "status": status,
    }


def test_users_that_the_roster_covers(run: Run) -> None:
    run.insert(
        "history.users",
        *map(person, (1, 2, 3, 4)),
        person(5, active=False),
        person(6, deleted=True),
        person(7, active=False),
        {**person(8), "valid_to": NOW},
        {**person(9), "company": "other"},
    )
    addresses = {1: "ann", 2: "bob", 3: "cleo", 4: "nobody", 8: "ann", 9: "ann"}
    run.insert(
        "history.user_addresses",
        *(
            {"company": "other" if user_id == 9 else "acme", "user_id": user_id, "address": name}
            for user_id, name in addresses.items()
        ),
    )
    run.insert(
        "policy.roster",
        {"email": "ann", "expected_role": "Sales"},
        {"email": "ann", "expected_role": "Sales", "problem": "repeated"},
        {"email": "bob", "problem": "has no status"},
        # the rows of cleo contradict each other in the role, so the row that is used names none
        {"email": "cleo", "expected_role": None},
        {"email": "cleo", "expected_role": "Sales", "problem": "contradicts line 4"},
    )
    run.insert("history.findings", finding(5), finding(6, "waived"), finding(7, "resolved"), finding(4))

    assert run.step("roster_coverage") == [
        (STATUS, "1", "answered"),
        (STATUS, "3", "answered"),
        (STATUS, "5", "answered"),
        (STATUS, "6", "answered"),
        (ROLE, "1", "answered"),
        (ROLE, "5", "answered"),
        (ROLE, "6", "answered"),
    ]
