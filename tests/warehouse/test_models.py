"""Loading files of sql/ as models: dependencies come from the query, and errors name the file."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import sqlglot

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse.lineage import column_lineage
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models


def write(folder: Path, name: str, query: str, **settings: str) -> None:
    """A file of sql/ with a header."""
    path = folder / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = settings.pop("columns", "company user_id").split()
    lines = ["One row per test.", "", *[f"{key}: {text}" for key, text in settings.items()]]
    lines += ["columns:", *[f"  {column}: a column" for column in columns]]
    path.write_text("\n".join(f"-- {line}".rstrip() for line in lines) + f"\n{query}\n")


def test_reads_are_taken_from_the_query(tmp_path: Path) -> None:
    write(tmp_path, "graph/below", "SELECT company, user_id FROM history.users")
    write(
        tmp_path,
        "graph/above",
        "WITH chosen AS (SELECT * FROM below) SELECT company, user_id FROM chosen "
        "WHERE user_id IN (SELECT user_id FROM staging.typed)",
    )
    write(tmp_path, "staging/typed", "SELECT company, user_id FROM landing.answers")

    models = Models(tmp_path)

    assert models["main.above"].reads == {"main.below", "staging.typed"}
    assert models["main.below"].reads == {"history.users"}
    order = [model.qualified for model in models]
    assert order.index("main.below") < order.index("main.above")
    assert models["main.above"].kind is Kind.TABLE


def test_a_macro_is_followed_to_its_tables(tmp_path: Path) -> None:
    write(tmp_path, "graph/people", "SELECT company, user_id FROM history.users")
    write(tmp_path, "macros/who", "SELECT company, user_id FROM people WHERE user_id = wanted", kind="macro")
    write(tmp_path, "graph/some", "SELECT company, user_id FROM who(1)")

    models = Models(tmp_path)

    assert models["main.some"].reads == {"main.who"}
    assert models.tables_read(models["main.some"]) == {"main.people"}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("SELECT company FROM nobody", "sql/graph/a.sql: reads main.nobody, which does not exist."),
        ("SELECT (company", "sql/graph/a.sql: "),
        ("SELECT 1; SELECT 2", "sql/graph/a.sql: expected one bare SELECT."),
        ("DELETE FROM history.users", "sql/graph/a.sql: expected one bare SELECT."),
        ("CREATE TABLE x AS SELECT 1", "sql/graph/a.sql: expected one bare SELECT."),
        ("COPY (SELECT 1) TO 'x'", "sql/graph/a.sql: expected one bare SELECT."),
        ("", "sql/graph/a.sql: expected one bare SELECT."),
        (
            "WITH b AS (SELECT 1) SELECT * FROM b",
            "sql/graph/a.sql: the CTE b hides a table of that name; rename it.",
        ),
    ],
)
def test_a_query_that_cannot_be_used_is_named(tmp_path: Path, query: str, sentence: str) -> None:
    write(tmp_path, "graph/b", "SELECT company, user_id FROM history.users")
    write(tmp_path, "graph/a", query)
    with pytest.raises(ModelError) as caught:
        Models(tmp_path)
    assert str(caught.value).startswith(sentence)


def test_a_kind_that_is_none(tmp_path: Path) -> None:
    write(tmp_path, "graph/a", "SELECT 1", kind="cube")
    with pytest.raises(ModelError, match=r"sql/graph/a\.sql: unknown kind 'cube'; use one of table, view, "):
        Models(tmp_path)


def test_files_that_need_each_other(tmp_path: Path) -> None:
    write(tmp_path, "graph/a", "SELECT company, user_id FROM b")
    write(tmp_path, "graph/b", "SELECT company, user_id FROM a")
    with pytest.raises(ModelError, match=r"depend on each other in a cycle: main\.\w → main\.\w → main\.\w"):
        Models(tmp_path)


def test_a_folder_without_files(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There are no SQL files in"):
        Models(tmp_path)


def test_lineage_by_column(tmp_path: Path) -> None:
    write(
        tmp_path,
        "graph/a",
        "SELECT u.company, u.user_id, upper(u.name || u.email) AS called, count(*) AS number "
        "FROM history.users AS u GROUP BY ALL",
        columns="company user_id called number",
    )
    write(tmp_path, "graph/b", "WITH x AS (SELECT * FROM a) SELECT company, called AS label FROM x",
          columns="company label")  # fmt: skip

    models = Models(tmp_path)

    assert column_lineage(models, models) == {
        "main.a": {
            "company": [("history.users", "company")],
            "user_id": [("history.users", "user_id")],
            "called": [("history.users", "email"), ("history.users", "name")],
            "number": [],
        },
        "main.b": {
            "company": [("main.a", "company")],
            "label": [("main.a", "called")],
        },
    }


def test_every_key_of_the_published_tables_has_an_origin() -> None:
    models = Models(sql_folder())
    published = models.published()
    lineage = column_lineage(models, published)
    assert list(lineage) == [model.qualified for model in published]
    for model in published:
        assert list(lineage[model.qualified]) == list(model.header.columns)
        # the texts of the rules are the same for all companies
        assert lineage[model.qualified]["rule" if model.name == "rules" else "company"], model.name


@pytest.mark.slow
def test_the_lineage_of_all_takes_little_more_than_reading_their_queries() -> None:
    models = Models(sql_folder())
    shown = [model for model in models if model.schema in {"main", "rules"} and not model.kind.is_macro]
    started = time.process_time()
    for model in shown:
        sqlglot.parse_one(model.query, dialect="duckdb")
    read = time.process_time()
    column_lineage(models, shown)
    # about 4 times as long; 20 times, where what the tables are is prepared for each column anew
    assert time.process_time() - read < 10 * (read - started)
