"""The sentences of the access report about visibility."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipedrive_graph.reports.access.source import SnapshotFacts, Source
from pipedrive_graph.reports.access.visibility import COLUMNS, LIMITS, NOT_COLLECTED, visibility

ITEMS = ("deal", "lead", "org", "person", "product")
AT = datetime.fromisoformat("2026-11-20 02:00")
NOW = SnapshotFacts("s1", AT, AT, "complete", "every-user", 1, 0, None)


def source(
    meanings: list[tuple[Any, ...]], settings: list[tuple[Any, ...]] = (), views: list[tuple[Any, ...]] = ()
) -> Source:
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE visibility_meaning (company VARCHAR, three_means VARCHAR, basis VARCHAR)"
    )
    connection.execute(
        "CREATE TABLE role_visibility (company VARCHAR, role_id BIGINT, item VARCHAR, reach VARCHAR)"
    )
    connection.execute(
        "CREATE TABLE default_reach (company VARCHAR, user_id BIGINT, item VARCHAR, reach VARCHAR,"
        " owners_seen BIGINT, owners_unknown BIGINT, owners BIGINT, share DOUBLE, from_everyone BIGINT, from_group BIGINT,"  # noqa: E501
        " from_branch BIGINT, from_below BIGINT)"
    )
    for table, rows in [
        ("visibility_meaning", meanings),
        ("role_visibility", settings),
        ("default_reach", views),
    ]:
        for row in rows:
            marks = ", ".join("?" * len(row))
            if table == "default_reach":
                marks = "?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?"
            connection.execute(f"INSERT INTO {table} VALUES ('acme', {marks})", list(row))  # noqa: S608
    return Source(connection, Path("unused"), "acme", NOW, None)


def test_a_run_without_visibility_says_so() -> None:
    seen = visibility(source([]))

    assert (seen.note, seen.shares, seen.views) == (NOT_COLLECTED, {}, {})


@pytest.mark.parametrize(
    ("meaning", "sentence"),
    [
        (("everyone", "plan"), "The value 3 of a setting means the entire company here, according to the plan in"  # noqa: E501
         " the settings."),
        (("group", "values"), "The value 3 of a setting means the owner's role here, because a role has a wider"  # noqa: E501
         " value than that."),
        ((None, None), "It is not known what the value 3 of a setting means in this company, so it is not known"  # noqa: E501
         " who sees the items of some roles; name the company's plan in the settings."),
    ],
)  # fmt: skip
def test_the_note_says_what_three_means(meaning: tuple[Any, ...], sentence: str) -> None:
    assert visibility(source([meaning])).note == f"{LIMITS} {sentence}"


def test_a_role_shares_each_kind_of_item() -> None:
    reaches = dict(zip(ITEMS, ["group", "owner", "everyone", "everyone", None], strict=True))
    settings = [(2, item, reach) for item, reach in reaches.items()]
    settings += [(3, item, "branch") for item in ITEMS]

    assert COLUMNS == ("Deals", "Leads", "Organizations", "Persons", "Products")
    assert visibility(source([("group", "plan")], settings)).shares == {
        2: ("role", "owner", "everyone", "everyone", "not known"),
        3: ("role and below",) * 5,
    }


def test_a_person_sees_items_for_reasons() -> None:
    views = [(7, item, "everyone", 41, 0, 1200, 20, 12, 5, 3) for item in ("lead", "deal")]
    views += [(7, "org", None, 1, 3, 1200, 0, 0, 0, 0), (7, "person", "owner", 1, 0, 1200, 0, 0, 0, 0)]
    views += [(7, "product", "below", 2, 0, 1200, 0, 0, 0, 1)]
    views += [(8, item, "admin", 1200, 0, 1200, 0, 0, 0, 0) for item in ITEMS]

    assert visibility(source([("group", "plan")], views=views)).views == {
        7: (
            "New deals and leads: those of 41 of 1,200 active users: the user's own; 20 whose role shares with"  # noqa: E501
            " everyone; 12 in the same role, which shares with its members; 5 in a role above, which shares with"  # noqa: E501
            " the roles below it; 3 in a role below the user's own.",
            "New organizations: the user's own; for 3 active users it is not known.",
            "New persons: only the user's own.",
            "New products: those of 2 of 1,200 active users: the user's own; 1 in a role below the user's own.",  # noqa: E501
        ),
        8: (
            "New deals, leads, organizations, persons and products: those of all 1,200 active users, as an admin"  # noqa: E501
            " of the app.",
        ),
    }
