"""`pipedrive_graph.open()` gives pandas frames of the published tables."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pandas as pd
import pytest

import pipedrive_graph
from pipedrive_graph.errors import WarehouseError


@pytest.fixture
def published(tmp_path: Path) -> Path:
    path = tmp_path / "identity_graph.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE users AS SELECT 'acme' AS company, 7 AS user_id, 'Ana' AS name")
        connection.execute("COMMENT ON TABLE users IS 'One row per user now.'")
    return path


def test_a_table_as_a_frame(published: Path) -> None:
    with pipedrive_graph.open(published) as graph:
        frame = graph.table("users")

    assert isinstance(frame, pd.DataFrame)
    assert frame.to_dict("records") == [{"company": "acme", "user_id": 7, "name": "Ana"}]


def test_the_tables_and_what_they_hold(published: Path) -> None:
    with pipedrive_graph.open(published) as graph:
        assert graph.tables().to_dict("records") == [
            {"table_name": "users", "comment": "One row per user now."}
        ]


def test_a_query_with_parameters(published: Path) -> None:
    with pipedrive_graph.open(published) as graph:
        assert list(graph.query("SELECT name FROM users WHERE user_id = ?", 7)["name"]) == ["Ana"]


def test_a_table_that_is_not_there(published: Path) -> None:
    with (
        pipedrive_graph.open(published) as graph,
        pytest.raises(WarehouseError, match=r"no table 'user'; did you mean users\?"),
    ):
        graph.table("user")


def test_a_table_as_an_attribute(published: Path) -> None:
    with pipedrive_graph.open(published) as graph:
        assert list(graph.users["name"]) == ["Ana"]
        assert {"users", "who_can", "why", "access_of", "access_at", "query"} <= set(dir(graph))
        with pytest.raises(AttributeError, match=r"no table 'usrs'; did you mean users\?"):
            _ = graph.usrs
        assert not hasattr(graph, "_repr_html_")


def test_every_column_has_the_type_that_is_declared(published: Path) -> None:
    query = """
        SELECT
            CAST(id AS BIGINT) AS id, CAST(id AS HUGEINT) AS total, CAST(yes AS BOOLEAN) AS yes,
            CAST(seen AS TIMESTAMP) AS seen, CAST(name AS VARCHAR) AS name, CAST(names AS VARCHAR[]) AS names,
            CAST(share AS DOUBLE) AS share
        FROM (VALUES
            (9007199254740993, TRUE, '2026-11-20 02:00', 'Ana', ['a', NULL], 0.5),
            (NULL, NULL, NULL, NULL, NULL, NULL)
        ) AS test(id, yes, seen, name, names, share)"""
    with pipedrive_graph.open(published) as graph:
        full = graph.query(query)
        nothing = graph.query(f"{query} WHERE FALSE")
        unknown = graph.query(f"{query} WHERE id IS NULL")

    text = str(pd.Series(["text"]).dtype)
    types = ["Int64", "boolean", "datetime64[us]", text, "object", "float64"]
    for frame in (full, nothing, unknown):
        assert [str(type_) for type_ in frame.drop(columns="total").dtypes] == types
    assert full["id"].to_list() == [9007199254740993, pd.NA]
    assert full["yes"].to_list() == [True, pd.NA]
    assert full["seen"].to_list() == [pd.Timestamp("2026-11-20 02:00"), pd.NaT]
    assert full["names"].to_list() == [["a", None], None]
    assert full["name"].isna().to_list() == [False, True]


def test_a_sum_is_a_whole_number(published: Path) -> None:
    with pipedrive_graph.open(published) as graph:
        frame = graph.query("SELECT sum(CAST(user_id AS BIGINT)) AS total FROM users")

    assert (str(frame["total"].dtype), frame["total"].to_list()) == ("Int64", [7])


def test_the_macros_are_methods(published: Path) -> None:
    with duckdb.connect(str(published)) as connection:
        for macro in ("who_can(a)", "why(a, b)", "access_of(a)", "access_at(a)"):
            told = " || ' ' || ".join(macro.partition("(")[2].rstrip(")").split(", "))
            connection.execute(f"CREATE MACRO {macro} AS TABLE SELECT {told} AS asked")
    with pipedrive_graph.open(published) as graph:
        asked = [
            graph.who_can("can_x"),
            graph.why("ana@example.com", "can_x"),
            graph.why(7, "can_x"),
            graph.access_of(7),
            graph.access_at(date(2026, 11, 20)),
            graph.access_at(datetime(2026, 11, 20, 3, tzinfo=timezone(timedelta(hours=2)))),
            graph.access_at("2026-11-20"),
        ]

    assert [frame["asked"].item() for frame in asked] == [
        "can_x",
        "ana@example.com can_x",
        "7 can_x",
        "7",
        "2026-11-20",
        "2026-11-20 01:00:00",
        "2026-11-20",
    ]


def test_what_is_asked_for_and_not_there(published: Path) -> None:
    with duckdb.connect(str(published)) as connection:
        connection.execute("CREATE MACRO who_can(a) AS TABLE SELECT error('There is no ' || a || '.') AS x")
    with pipedrive_graph.open(published) as graph:
        with pytest.raises(WarehouseError, match=r"^There is no can_y\.$"):
            graph.who_can("can_y")
        with pytest.raises(WarehouseError, match=r"^There is no column nam; did you mean name\?$"):
            graph.query("SELECT nam FROM users")


def test_one_company_alone(published: Path) -> None:
    with duckdb.connect(str(published)) as connection:
        connection.execute("INSERT INTO users VALUES ('globex', 8, 'Bob')")
        connection.execute("CREATE TABLE current_snapshot AS SELECT DISTINCT company FROM users")
        connection.execute("CREATE MACRO everybody() AS TABLE SELECT name FROM users")

    with pipedrive_graph.open(published, company="globex") as graph:
        assert list(graph.users["name"]) == ["Bob"]
        assert list(graph.query("FROM everybody()")["name"]) == ["Bob"]
        assert list(graph.tables()["table_name"]) == ["current_snapshot", "users"]
    with pytest.raises(WarehouseError, match=r"^There is no company 'globx'; did you mean globex\?$"):
        pipedrive_graph.open(published, company="globx")


def test_nothing_published_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPEDRIVE_GRAPH_HOME", str(tmp_path))

    with pytest.raises(WarehouseError, match="run sync first"):
        pipedrive_graph.open()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_text("not a database, but long enough to be looked at" * 100)

    with pytest.raises(WarehouseError, match=r"; if it is damaged, run sync: it is published again"):
        pipedrive_graph.open(tmp_path / "x.duckdb")
