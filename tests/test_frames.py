"""`pipedrive_graph.open()` gives pandas frames of the published tables."""

from __future__ import annotations

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
        pytest.raises(WarehouseError, match="no table 'user'; there are: users"),
    ):
        graph.table("user")


def test_nothing_published_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPEDRIVE_GRAPH_HOME", str(tmp_path))

    with pytest.raises(WarehouseError, match="run sync first"):
        pipedrive_graph.open()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_text("not a database, but long enough to be looked at" * 100)

    with pytest.raises(WarehouseError, match="Cannot open"):
        pipedrive_graph.open(tmp_path / "x.duckdb")
