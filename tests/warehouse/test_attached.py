# ruff: noqa: S608 - the names in the queries stand in the published file and in this one
"""The published file under whatever name a program attaches it, in each DuckDB that may read it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from duckdb_queries import Session, answers
from installation import MODELS, Installation
from published import query

from pipedrive_graph.builder import build
from pipedrive_graph.simulator.server import Options, Simulator
from pipedrive_graph.warehouse.sql_model import Kind

Ask = Callable[[list[Session]], list[Any]]
"""Runs sessions in one version of DuckDB."""

OTHERS = ["1.5.0", "1.5.6", "2.0.0", "2.0.1"]
"""The oldest and the newest patch of each minor version that may be installed."""

OTHER_TABLES = [
    "CREATE TABLE users (a INTEGER)",
    "CREATE TABLE roles (a INTEGER)",
    "CREATE TABLE permissions AS SELECT 'can_use_apii' AS permission",
    "CREATE TEMP TABLE user_permissions (a INTEGER)",
    "CREATE VIEW snapshots AS SELECT 1 AS a",
]
"""What a program may have under the same names."""

NEAR = "Invalid Input Error: There is no permission 'can_use_apii'; did you mean can_use_api?"
NOBODY = (
    "Invalid Input Error: There is no user 'nobody'; give an e-mail address or an id, as in the table users."
)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation after one night."""
    with Simulator(Options(users=20, limit=2000)) as simulator:
        installation = Installation.of(tmp_path_factory.mktemp("attached") / "home", simulator)
        installation.night()
        yield installation


@pytest.fixture(scope="session", params=[None, *(pytest.param(v, marks=pytest.mark.slow) for v in OTHERS)])
def ask(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Runs sessions in the installed DuckDB, and in the slow tests in others."""
    version = request.param
    if version is None:
        return lambda sessions: [answers(session) for session in sessions]
    folder = tmp_path_factory.mktemp(f"duckdb-{version}")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    installed = subprocess.run([*command, f"duckdb=={version}"], capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip(f"pip cannot install duckdb {version} here: {installed.stderr.strip().splitlines()[-1]}")

    def run(sessions: list[Session]) -> list[Any]:
        ended = subprocess.run(
            [sys.executable, Path(__file__).parents[1] / "duckdb_queries.py"],
            input=json.dumps(sessions), env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (ended.returncode, ended.stderr) == (0, "")
        output = json.loads(ended.stdout)
        assert output["version"] == version
        return list(output["answers"])

    return run


def questions(night: Installation) -> list[str]:
    """A call of every macro that has rows, and the calls that are an error; `{g}` stands before each name."""
    email, permission = query(
        night.published,
        "SELECT email, permission FROM user_permissions JOIN users USING (company, user_id)"
        " WHERE granted AND active AND NOT admin ORDER BY ALL LIMIT 1",
    )[0]
    return [
        f"FROM {{g}}who_can('{permission}')",
        f"FROM {{g}}why('{email}', '{permission}')",
        f"FROM {{g}}access_of('{email}')",
        "FROM {g}access_at((SELECT max(started_at) FROM {g}snapshots))",
        "FROM {g}no_such_permission('can_use_apii')",
        "FROM {g}no_such_user('nobody')",
        "SELECT name FROM {g}who_can('can_use_apii') WHERE live",
        "SELECT count(*) FROM {g}access_of('nobody')",
        "FROM {g}data_dictionary",
    ]


def attach(night: Installation, name: str = "", options: str = "READ_ONLY") -> str:
    return f"ATTACH '{night.published}' {f'AS {name}' if name else ''} ({options})"


def called(night: Installation, prefix: str) -> list[str]:
    return [question.format(g=prefix) for question in questions(night)]


@pytest.mark.slow
def test_all_ways_to_attach_the_file_give_the_same_answers(night: Installation, ask: Ask) -> None:
    moved = night.home.parent / "another name.duckdb"
    moved.write_bytes(night.published.read_bytes())
    ways: dict[str, Session] = {
        "opened": {"opens": str(night.published), "first": [], "queries": called(night, "")},
        "opened, qualified": {
            "opens": str(night.published),
            "first": [],
            "queries": called(night, "identity_graph."),
        },
        "opened under another name": {"opens": str(moved), "first": [], "queries": called(night, "")},
    }
    ways |= {
        f"attached {name or 'without a name'}, called with {prefix or 'nothing'}": {
            "opens": ":memory:",
            "first": [*OTHER_TABLES, attach(night, name), *uses],
            "queries": called(night, prefix),
        }
        for name, uses, prefix in [
            ("g", [], "g."),
            ("g", [], "G.main."),
            ("g", [], '"g" . '),
            ("", [], "identity_graph."),
            ("g", ["USE g"], ""),
            ("g", ["USE g"], "main."),
            ("g", ["USE g"], "g."),
            ('"my graph"', [], '"my graph".'),
            ('"my graph"', ["USE \"my graph\""], ""),
            ("größe", [], "größe.main."),
        ]
    }  # fmt: skip

    found = dict(zip(ways, ask(list(ways.values())), strict=True))

    who, why, of, at, near, nobody, error, other_error, dictionary = found["opened"]
    assert all(isinstance(rows, list) and rows for rows in (who, why, of, at))
    assert near == [["There is no permission 'can_use_apii'; did you mean can_use_api?"]]
    assert nobody == [[NOBODY.removeprefix("Invalid Input Error: ")]]
    assert (error, other_error) == (NEAR, NOBODY)
    assert len(dictionary) > 300
    for way, answer in found.items():
        assert answer == found["opened"], way


@pytest.mark.slow
def test_of_two_attached_files_each_macro_reads_its_own(night: Installation, ask: Ask) -> None:
    other = night.home.parent / "other.duckdb"
    other.write_bytes(night.published.read_bytes())
    build.publish(night.settings, MODELS, on_wait=print)  # another file, although with the same rows
    first = [attach(night, "new"), f"ATTACH '{other}' AS old (READ_ONLY)"]
    wrong = "Invalid Input Error: who_can would read the database {}, which is another file than its own; "
    wrong += "name its own, as in who_can(…, graph := 'g'), or USE it first."
    (told,) = ask(
        [
            {
                "opens": ":memory:",
                "first": [
                    *first,
                    "CREATE VIEW of_new AS FROM new.who_can('can_use_api')",
                    "CREATE VIEW named AS FROM new.who_can('can_use_api', graph := 'new')",
                ],
                "queries": [
                    "SELECT count(*) > 0 FROM new.who_can('can_use_api')",
                    "SELECT count(*) > 0 FROM old.who_can('can_use_api')",
                    "SELECT count(*) > 0 FROM new.who_can('can_use_api') JOIN old.who_can('can_use_api')"
                    " USING (company, user_id)",
                    "SELECT count(*) > 0 FROM new.who_can('can_use_api', graph := 'new')"
                    " JOIN old.who_can('can_use_api', graph := 'old') USING (company, user_id)",
                    "SELECT count(*) > 0 FROM new.who_can('can_use_api', graph := 'old')",
                    "SELECT count(*) > 0 FROM of_new, old.who_can('can_use_api')",
                    "SELECT count(*) > 0 FROM named",
                    "SELECT count(*) > 0 FROM new.who_can('can_use_api') -- not old.who_can('can_use_api')",
                    "SELECT 'old.who_can(' AS text, count(*) > 0 FROM new.who_can('can_use_api')",
                    "SELECT count(*) FROM new.data_dictionary WHERE kind = 'macro'",
                    "SELECT count(*) FROM old.data_dictionary WHERE kind = 'macro'",
                ],
            }
        ]
    )

    assert told == [
        [[True]],
        [[True]],
        wrong.format("old"),
        [[True]],
        wrong.format('"old"'),
        wrong.format("old"),
        [[True]],
        [[True]],
        [["old.who_can(", True]],
        [[10]],
        [[10]],
    ]


@pytest.mark.slow
def test_it_works_as_dbt_attaches_it(night: Installation, ask: Ask, tmp_path: Path) -> None:
    """dbt works in a file of its own, and attaches others under their alias or the file's stem."""
    call = "who_can('can_use_api')"
    sessions: list[Session] = [
        {
            "opens": ":memory:",
            "first": [
                f"ATTACH '{tmp_path / f'dev_{alias}.duckdb'}' AS dev",
                "USE dev",
                attach(night, alias if alias == "g" else ""),
                f'CREATE TABLE "dev"."main"."as_table" AS (SELECT * FROM {alias}.{call})',
                f'CREATE VIEW "dev"."main"."as_view" AS '
                f"(SELECT * FROM {alias}.who_can('can_use_api', graph := '{alias}'))",
            ],
            "queries": [
                f"SELECT count(*) FROM {alias}.{call}",
                'SELECT count(*) FROM "dev"."main"."as_table"',
                'SELECT count(*) FROM "dev"."main"."as_view"',
            ],
        }
        for alias in ("g", "identity_graph")
    ]

    ((count,),) = query(night.published, f"SELECT count(*) FROM {call}")
    assert count > 0
    assert ask(sessions) == [[[[count]]] * 3] * 2


def test_it_works_as_metabase_and_evidence_open_it(night: Installation, ask: Ask) -> None:
    """Both open the file itself, read-only, or attach it in their first statements, and wrap the query."""
    call = "SELECT name, roles FROM {g}who_can('can_use_api') WHERE live"
    wrapped = [
        "-- Metabase:: userID: 1 queryType: native queryHash: 12ab\n{call}",
        "WITH root as ({call}) SELECT COUNT(*) FROM root",
        "DESCRIBE {call}",
        "SELECT * FROM ({call}) AS source LIMIT 1048575",
    ]
    direct, attached = ask(
        [
            {
                "opens": opens,
                "first": first,
                "queries": [text.format(call=call.format(g=prefix)) for text in wrapped],
            }
            for opens, first, prefix in [
                (str(night.published), [], ""),
                (":memory:", [attach(night, "g")], "g."),
            ]
        ]
    )

    rows = [list(row) for row in query(night.published, call.format(g=""))]
    assert rows
    assert direct == attached
    assert direct == [rows, [[len(rows)]], direct[2], rows]
    assert [column[:2] for column in direct[2]] == [["name", "VARCHAR"], ["roles", "VARCHAR[]"]]


@pytest.mark.slow
def test_every_name_can_be_written_without_quotes(night: Installation, ask: Ask) -> None:
    statements = {}
    for table, column in query(
        night.published,
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal ORDER BY ALL",
    ):
        statements[table, column] = (
            f"EXPLAIN SELECT {column}, {column}::VARCHAR, CAST({column} AS VARCHAR), count(*) FROM {table}"
            f" WHERE {column} IS NOT NULL GROUP BY {column} ORDER BY {column} DESC"
        )
    for macro in MODELS.of("main", Kind.MACRO):
        call = f"{macro.name}({', '.join(f'{name} := 1' for name in macro.header.parameters)})"
        columns = ", ".join(macro.columns)
        casts = ", ".join(f"{column}::VARCHAR" for column in macro.columns)
        known = " AND ".join(f"{column} IS NOT NULL" for column in macro.columns)
        statements[macro.name, columns] = (
            f"EXPLAIN SELECT {columns}, {casts} FROM {call} WHERE {known}"
            f" GROUP BY {columns} ORDER BY {columns}"
        )

    (told,) = ask([{"opens": str(night.published), "first": [], "queries": list(statements.values())}])

    failed = [name for name, answer in zip(statements, told, strict=True) if isinstance(answer, str)]
    assert len(statements) > 350
    # kept for those who write it in quotes; changed_at is the same
    assert failed == [("access_changes", "at")]


def test_what_python_binds_without_a_query_needs_a_name(night: Installation) -> None:
    """`connection.sql()` binds before there is a query, and DuckDB has no text to look into."""
    call = "FROM {g}who_can('can_use_api'{more})"
    with duckdb.connect() as connection:
        connection.execute(attach(night, "g"))
        with pytest.raises(duckdb.Error, match="identity_graph"):
            connection.sql(call.format(g="g.", more="")).fetchall()
        named = connection.sql(call.format(g="g.", more=", graph := 'g'")).fetchall()
        connection.execute("USE g")
        used = connection.sql(call.format(g="", more="")).fetchall()
    with duckdb.connect() as connection:
        connection.execute(attach(night))
        by_stem = connection.sql(call.format(g="identity_graph.", more="")).fetchall()
    with duckdb.connect(night.published, read_only=True) as connection:
        opened = connection.sql(call.format(g="", more="")).fetchall()

    assert named == used == by_stem == opened != []
