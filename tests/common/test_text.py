from __future__ import annotations

import pytest

from pipedrive_graph.common.text import markdown_cell, markdown_table, meant, near, one_of, similar

KNOWN = ["users", "user_roles", "roles", "Sales EMEA"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("usres", ["users"]), ("USERS", ["users"]), ("sales emae", ["Sales EMEA"]), ("zzz", [])],
)
def test_the_most_similar_name_is_suggested_in_whatever_case(name: str, expected: list[str]) -> None:
    assert similar(name, KNOWN) == expected


def test_a_suggestion_ends_a_sentence_or_stands_within_it() -> None:
    assert (near("usres", KNOWN), near("zzz", KNOWN)) == ("; did you mean users?", ".")
    assert (meant("usres", KNOWN), meant("zzz", KNOWN)) == (" (did you mean users?)", "")
    assert one_of("role", KNOWN) == "; did you mean roles?"
    assert one_of("zzz", KNOWN) == "; there are: users, user_roles, roles, Sales EMEA."


def test_a_table_in_markdown() -> None:
    cells = [["1", markdown_cell("a|b\nc")]]
    assert list(markdown_table(["id", "name"], cells)) == ["| id | name |", "|---|---|", r"| 1 | a\|b c |"]
