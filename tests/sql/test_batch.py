"""Answers from a batch of companies equal the answers for each company alone."""

from __future__ import annotations

import duckdb

from .batch import Batch
from .literal import SHIPPED, Company

ADMIN = [{"app": "account_settings", "admin": True, "permission_set_id": None}]
RULE = "rules.single_admin"
COLUMNS = "subject_id, title, evidence"


class Kept:
    """Knows no answer, so that companies keep their rows for a batch."""

    def of(self, *question: object) -> None:
        return None


def test_an_answer_from_a_batch_is_that_of_the_company_alone(warehouse: duckdb.DuckDBPyConnection) -> None:
    companies = [Company(warehouse, "acme", Kept()) for _ in range(4)]
    for admins, company in enumerate(companies):
        company.snapshot(0)
        for user_id in range(1, 5):
            company.user(user_id, f"User{user_id}", access=ADMIN if user_id <= admins else [])
    thresholds = dict(SHIPPED.rows()["thresholds"])
    companies[2].policy(thresholds=sorted((thresholds | {"single_admin_count": 3}).items()))
    batch = Batch()

    batch.answer(warehouse, [(company.contents, RULE, COLUMNS) for company in companies])

    answers = [batch.of(company.contents, RULE, COLUMNS) for company in companies]
    assert [[title for _, title, _ in answer or []] for answer in answers] == [
        ["Nobody administers the account of acme, which has 4 active users."],
        ["Only User1 (user1@example.com) administers the account of acme, which has 4 active users."],
        [
            "Only User1 (user1@example.com) and User2 (user2@example.com) administer the account of acme, "
            "which has 4 active users."
        ],
        [],
    ]
    for company, answer in zip(companies, answers, strict=True):
        warehouse.execute("BEGIN")
        try:
            assert company.table(RULE, COLUMNS) == answer
        finally:
            warehouse.execute("ROLLBACK")


def test_what_was_not_asked_is_not_known(warehouse: duckdb.DuckDBPyConnection) -> None:
    asked, other = Company(warehouse, "acme", Kept()), Company(warehouse, "acme", Kept())
    asked.snapshot(0)
    other.snapshot(0)
    batch = Batch()
    batch.answer(warehouse, [(asked.contents, RULE, COLUMNS)])

    assert batch.of(other.contents, RULE, COLUMNS) == []
    assert batch.of(other.contents, RULE, "title") is None
    other.user(1, "Ana")
    assert batch.of(other.contents, RULE, COLUMNS) is None
