"""`pipedrive-graph sql`: what is asked, wherever it comes from, printed for people and for programs."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from installation import Installation

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.warehouse.sql_project import Models


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with a published file of two small tables."""
    home = tmp_path_factory.mktemp("sql")
    with duckdb.connect(str(home / "identity_graph.duckdb")) as connection:
        connection.execute(
            """
            CREATE TABLE users AS SELECT * FROM (VALUES
                (7, 'Ana', TRUE, ['sales', 'global'], TIMESTAMP '2026-11-20 09:00:00.25', 0.5),
                (8, 'B|b', NULL, [], NULL, NULL)
            ) AS people(user_id, name, admin, apps, last_login, share)"""
        )
        connection.execute("COMMENT ON TABLE users IS 'One row per user now. Key: user_id.'")
        connection.execute("CREATE TABLE numbers AS SELECT i FROM range(5000) AS numbers(i)")
        connection.execute("CREATE MACRO who_can(flag) AS TABLE SELECT error('There is no ' || flag || '.')")
        connection.execute(
            "COMMENT ON MACRO TABLE who_can IS 'One row per holder. Parameters: flag: a flag.'"
        )
        dictionary = Models(sql_folder())["published.data_dictionary"]
        connection.execute(f"CREATE VIEW data_dictionary AS {dictionary.query}")
    return home


@pytest.fixture
def installation(home: Path) -> Installation:
    return Installation(home)


def test_a_table_for_people(installation) -> None:
    result = installation.command("sql", "FROM users")

    assert [line.rstrip() for line in result.out.splitlines()] == [
        "user_id  name  admin  apps           last_login           share",
        "      7  Ana   true   sales, global  2026-11-20 09:00:00    0.5",
        "      8  B|b   NULL                  NULL                  NULL",
    ]


def test_what_is_too_wide_is_printed_row_by_row(installation) -> None:
    query = "SELECT repeat('x', 50) AS a, repeat('y', 60) AS b, 'z' AS c" + ", 'more' AS more" * 12
    result = installation.command("sql", query)

    assert [line.rstrip() for line in result.out.splitlines()][:4] == [
        "row 1",
        f"a     {'x' * 50}",
        f"b     {'y' * 60}",
        "c     z",
    ]


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        ("json", [
            '{"user_id": 7, "name": "Ana", "admin": true, "apps": ["sales", "global"],'
            ' "last_login": "2026-11-20T09:00:00.250000", "share": 0.5}',
            '{"user_id": 8, "name": "B|b", "admin": null, "apps": [], "last_login": null, "share": null}',
        ]),
        ("markdown", [
            "| user_id | name | admin | apps | last_login | share |",
            "| ---: | --- | --- | --- | --- | ---: |",
            "| 7 | Ana | true | sales, global | 2026-11-20 09:00:00 | 0.5 |",
            r"| 8 | B\|b |  |  |  |  |",
        ]),
        ("csv", [
            "user_id,name,admin,apps,last_login,share",
            '7,Ana,true,"[""sales"", ""global""]",2026-11-20 09:00:00.250000,0.5',
            "8,B|b,,[],,",
        ]),
    ],
)  # fmt: skip
def test_other_formats(installation, form: str, lines: list[str]) -> None:
    result = installation.command("sql", "FROM users", "--format", form)

    assert (result.code, result.err) == (0, "")
    # the share is a DECIMAL, which JSON does not know
    assert result.out.splitlines() == lines


def test_a_number_stays_one_in_a_csv_and_a_formula_does_not(installation) -> None:
    result = installation.command("sql", "--csv", "SELECT -5 AS number, '-5' AS text")

    assert list(csv.reader(io.StringIO(result.out))) == [["number", "text"], ["-5", "'-5"]]


def test_people_are_shown_a_hundred_rows_and_told_of_the_rest(installation) -> None:
    result = installation.command("sql", "FROM numbers")

    lines = result.out.splitlines()
    assert len(lines) == 102
    assert lines[-1].rstrip() == "… 4,900 more rows; --limit 0 shows all"


@pytest.mark.parametrize("query", ["CALL duckdb_settings()", "PRAGMA functions"])
def test_rows_that_cannot_be_counted_are_told_all_the_same(installation, query: str) -> None:
    result = installation.command("sql", query)

    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[-1].rstrip() == "… more rows; --limit 0 shows all"


@pytest.mark.parametrize(
    "query",
    [
        "call enable_logging('QueryLog', storage='file', storage_path='/tmp/logs'); select 1",
        'from "enable_logging"()',
        "set logging_storage = 'file'",
        "from query('from enable_' || 'logging()')",
        "from pandas_scan(1::pointer)",
        "pragma enable_profiling = 'json'",
        "call force_checkpoint()",
    ],
)
def test_a_query_that_would_change_the_process_is_refused(installation, query: str) -> None:
    result = installation.command("sql", query)

    assert result.code == 1
    assert result.sentence.startswith("A query may only read the published file, and ")
    assert result.sentence.endswith(" does more: remove it.")


def test_json_and_tables_hold_nothing_that_a_terminal_obeys(installation) -> None:
    name = "a\x1b[31m\x9bb\u202ec\u200bd\u2028e"
    query = f"SELECT '{name}' AS \"{name}\""
    for form in ("table", "markdown", "csv", "json"):
        result = installation.command("sql", query, "--format", form)
        assert result.code == 0
        assert not set("\x1b\x9b\u202e\u200b\u2028") & set(result.out)
    assert result.objects == [{name: name}]


@pytest.mark.slow
def test_a_limit_of_ones_own(installation) -> None:
    two = installation.command("sql", "FROM numbers;", "--limit", "4999")
    every = installation.command("sql", "FROM numbers", "--limit", "0")
    as_json = installation.command("sql", "FROM numbers", "--format", "json", "--limit", "2")

    assert two.out.splitlines()[-1].rstrip() == "… 1 more row; --limit 0 shows all"
    assert len(every.out.splitlines()) == 5001
    assert [line["i"] for line in as_json.objects] == [0, 1]
    assert as_json.err == "… 4,998 more rows; --limit 0 shows all\n"


def test_other_programs_get_every_row(installation) -> None:
    assert len(installation.command("sql", "FROM numbers", "--format", "json").objects) == 5000


def test_a_query_from_a_file(installation, tmp_path: Path) -> None:
    (tmp_path / "query.sql").write_text("-- how many\nSELECT count(*) AS people FROM users;\nSELECT 2 AS two")
    result = installation.command("sql", "--format", "json", "--file", str(tmp_path / "query.sql"))

    assert result.objects == [{"people": 2}, {"two": 2}]


def test_a_query_that_is_no_utf8_is_told(installation) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pipedrive_graph", "sql", "-"],
        input=b"SELECT '\xff'", env=installation.environment,
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.decode().splitlines()[-1].endswith("Cannot read stdin as text in UTF-8.")


@pytest.mark.parametrize("form", ["json", "table"])
def test_a_map_whose_keys_are_no_texts(installation, form) -> None:
    result = installation.command("sql", "--format", form, "SELECT [MAP {DATE '2026-01-01': 2}] AS days")
    assert result.code == 0
    assert '{"2026-01-01": 2}' in result.out


@pytest.mark.parametrize("arguments", [["-"], []], ids=["dash", "pipe"])
def test_a_query_from_a_pipe(installation, arguments: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pipedrive_graph", "sql", "--format", "json", *arguments],
        input="SELECT name FROM users WHERE user_id = 7", env=installation.environment,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {"name": "Ana"}


def test_without_a_query_it_says_what_there_is(installation) -> None:
    result = installation.command("sql")

    assert [line.split() for line in result.out.splitlines()][:5] == [
        ["table", "or", "macro", "rows"],
        ["numbers", "5,000"],
        ["users", "2", "One", "row", "per", "user", "now"],
        ["data_dictionary"],
        ["who_can(flag)", "One", "row", "per", "holder"],
    ]
    assert "FROM data_dictionary WHERE name = 'users'" in result.out


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("FROM user", "There is no table user; did you mean users?"),
        ("SELECT nam FROM users", "There is no column nam; did you mean name?"),
        ("SELECT u.nam FROM users AS u", "The table u has no column nam; did you mean name?"),
        ("SELECT *\nFROM users\nWHERE nam = 'x'", "line 3: There is no column nam; did you mean name?"),
        ("FROM who_cann('x')", "There is no macro who_cann; did you mean who_can?"),
        ("FROM who_can()", "The macro who_can takes other arguments: who_can(flag)."),
        ("FROM who_can('can_y')", "There is no can_y."),
        ("SELECT lowr('x')", "There is no function lowr; did you mean lower?"),
        ("SELEC 1", 'Syntax error at or near "SELEC".'),
        (
            "DELETE FROM users",
            "The published file is read-only and does not accept DELETE; use SELECT.",
        ),
        ("FROM 'x.csv'", "A query may only read the published file, not x.csv."),
        (
            "FROM read_csv('/etc/passwd')",
            "A query may only read the published file, not /etc/passwd.",
        ),
        ("ATTACH '/tmp/x.db'", "A query may only read the published file, not /tmp/x.db."),
        ("COPY users TO 'x.csv'", "A query may only read the published file, not x.csv."),
        (
            "SET enable_external_access = true",
            "A query may only read the published file, and cannot change that.",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(installation, query: str, sentence: str) -> None:
    result = installation.command("sql", query)

    assert (result.code, result.out, result.sentence) == (1, "", sentence)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([" -- nothing"], "The query is empty."),
        ([""], "QUERY is empty. Is the variable that should fill it set?"),
        (["SELECT 1", "--file", __file__], "Give a query or --file, not both."),
        (["SELECT 1", "--format", "xml"], "'xml' is not one of 'table', 'csv', 'json', 'markdown'."),
        (["--file", "/nowhere.sql"], "File '/nowhere.sql' does not exist."),
    ],
)
def test_wrong_usage(installation, arguments: list[str], sentence: str) -> None:
    result = installation.command("sql", *arguments)

    assert result.code == 2
    assert sentence in result.err


def test_what_another_version_published(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    with duckdb.connect(str(installation.published)) as connection:
        connection.execute("CREATE TABLE users AS SELECT 1 AS user_id")

    result = installation.command("sql")

    assert result.code == 1
    assert result.sentence.endswith("another version; run sync first, which publishes it again.")
