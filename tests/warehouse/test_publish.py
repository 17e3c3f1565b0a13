"""The published file: whole at every moment, explained, and useful on its own in either DuckDB."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from installation import MODELS, Installation, rebuild
from published import CONTRACT, query

from pipedrive_graph.builder import build
from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.simulator.server import Options, Simulator
from pipedrive_graph.warehouse import database
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import PUBLISHED

TYPES = {"user_id": "BIGINT", "role_id": "BIGINT", "permission_set_id": "VARCHAR", "subject_id": "VARCHAR"}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory):
    """An installation after one night."""
    with Simulator(Options(users=60, limit=2000)) as simulator:
        installation = Installation.of(tmp_path_factory.mktemp("publish") / "home", simulator)
        installation.night()
        yield installation


@pytest.fixture
def somebody(night: Installation) -> tuple[str, str]:
    """The address of a user, and a permission that they hold."""
    return query(
        night.published,
        "SELECT email, permission FROM user_permissions JOIN users USING (company, user_id)"
        " WHERE granted AND active AND NOT admin ORDER BY ALL LIMIT 1",
    )[0]


def calls(email: str, permission: str) -> dict[str, str]:
    """A call of every macro that does not need the collection of visibility; each returns rows."""
    return {
        "who_can": f"FROM who_can('{permission}')",
        "why": f"FROM why('{email}', '{permission}')",
        "access_of": f"FROM access_of('{email}')",
        "access_at": "FROM access_at((SELECT max(started_at) FROM snapshots))",
        "can_see": f"FROM can_see('{email}', '{email}', 'deal')",
    }


def test_the_contract(night) -> None:
    columns: dict[str, dict[str, str]] = {}
    for table, column, type_ in query(
        night.published, "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
    ):
        columns.setdefault(table, {})[column] = type_

    for table, names in CONTRACT.items():
        assert {"company", *names.split()} <= columns[table].keys(), table
    del columns["data_dictionary"]  # it tells of the file, and of no company
    assert [*columns["rules"]] == [
        *("rule", "title", "severity", "event", "meaning", "remedy", "controls", "needs", "sql_sha256")
    ]
    for table in columns:
        # the rules are the same for all companies
        assert next(iter(columns[table])) == ("rule" if table == "rules" else "company"), table
        for column, type_ in columns[table].items():
            assert type_ == TYPES.get(column, type_), (table, column)
            assert "WITH TIME ZONE" not in type_


def test_every_table_column_and_macro_has_a_comment(night) -> None:
    assert query(night.published, "SELECT table_name FROM duckdb_tables() WHERE comment IS NULL") == []
    assert (
        query(
            night.published, "SELECT column_name FROM duckdb_columns() WHERE comment IS NULL AND NOT internal"
        )
        == []
    )
    macros = query(
        night.published,
        "SELECT function_name, comment FROM duckdb_functions()"
        " WHERE NOT internal AND database_name = 'identity_graph' ORDER BY 1",
    )
    assert [name for name, _ in macros] == [
        "access_at",
        "access_of",
        "can_see",
        "no_such_item",
        "no_such_permission",
        "no_such_user",
        "viewers_of",
        "who_can",
        "who_can_see",
        "why",
    ]
    assert all(comment for _, comment in macros)


def test_the_data_dictionary_has_every_column_and_macro(night) -> None:
    dictionary = "SELECT name, column_name FROM data_dictionary"
    columns = query(
        night.published,
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal ORDER BY ALL",
    )

    assert query(night.published, f"{dictionary} WHERE kind <> 'macro' ORDER BY ALL") == columns
    assert query(night.published, f"{dictionary} WHERE kind = 'macro' ORDER BY ALL") == [
        ("access_at", None),
        ("access_of", None),
        ("can_see", None),
        ("no_such_item", None),
        ("no_such_permission", None),
        ("no_such_user", None),
        ("viewers_of", None),
        ("who_can", None),
        ("who_can_see", None),
        ("why", None),
    ]
    assert query(night.published, "FROM data_dictionary WHERE comment IS NULL") == []
    assert query(night.published, "FROM data_dictionary WHERE null_means = ''") == []
    assert query(
        night.published,
        "SELECT kind, column_name, position, type, in_key, null_means, comment FROM data_dictionary"
        " WHERE name = 'user_permissions' AND position <= 4",
    ) == [
        ("table", "company", 1, "VARCHAR", True, None, "the company's name in the settings"),
        ("table", "user_id", 2, "BIGINT", True, "not known", "the user"),
        ("table", "permission", 3, "VARCHAR", True, "not known", "the permission's name"),
        (
            "table", "granted", 4, "BOOLEAN", False,
            "not known: named without a usable value, or inferred from users who differ in it",
            "whether the user has it; NULL means not known: named without a usable value, or inferred from"
            " users who differ in it",
        ),
    ]  # fmt: skip
    assert query(night.published, "SELECT type FROM data_dictionary WHERE kind = 'macro' ORDER BY name") == [
        ("access_at(moment)",),
        ("access_of(person)",),
        ("can_see(viewer_name, person, item_name)",),
        ("no_such_item(item_name)",),
        ("no_such_permission(flag)",),
        ("no_such_user(person)",),
        ("viewers_of(item_name, person)",),
        ("who_can(flag)",),
        ("who_can_see(item_name, person)",),
        ("why(person, flag)",),
    ]


def test_the_data_dictionary_knows_the_keys(night) -> None:
    keys = dict(
        query(
            night.published,
            """
            SELECT name, list(column_name ORDER BY position)
            FROM data_dictionary WHERE in_key GROUP BY name""",
        )
    )

    assert keys == {
        model.name: sorted(model.key, key=list(model.columns).index)
        for model in (*MODELS.published(), *MODELS.of(PUBLISHED))
    }


def test_the_data_dictionary_is_the_same_after_attach(night) -> None:
    direct = query(night.published, "FROM data_dictionary")
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{night.published}' AS graph (READ_ONLY)")
        attached = connection.execute("FROM graph.data_dictionary").fetchall()
        connection.execute("USE graph")
        used = connection.execute("FROM data_dictionary").fetchall()

    assert direct == attached == used


def test_the_comment_of_a_macro_describes_its_parameters(night) -> None:
    for model in MODELS.of("main", Kind.MACRO):
        ((comment,),) = query(
            night.published, "SELECT comment FROM duckdb_functions() WHERE function_name = ?", model.name
        )
        for name, text in {**model.header.parameters, **model.columns}.items():
            assert f"{name}: {text}" in comment


def test_the_macros_raise_in_the_file_and_attached(night) -> None:
    sentence = "There is no permission 'can_use_apii'; did you mean can_use_api?"
    with pytest.raises(duckdb.InvalidInputException, match=re.escape(sentence)):
        query(night.published, "SELECT name FROM who_can('can_use_apii') WHERE live")
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{night.published}' AS graph (READ_ONLY)")
        connection.execute("USE graph")
        with pytest.raises(duckdb.InvalidInputException, match=re.escape(sentence)):
            connection.execute("SELECT name FROM who_can('can_use_apii') WHERE live").fetchall()


@pytest.mark.slow
def test_the_example_of_every_table_runs(night) -> None:
    for model in (*MODELS.published(), *MODELS.of("main", Kind.MACRO), *MODELS.of(PUBLISHED)):
        example = model.header.settings["example"]
        # a macro's example asks for somebody who is not in this company: it is read, and not run
        query(night.published, f"EXPLAIN {example}" if model.kind.is_macro else example)


@pytest.mark.slow
def test_keys_are_unique(night) -> None:
    models = MODELS.published()
    assert all(model.key for model in models)
    for model in models:
        key = ", ".join(model.key)
        text = f"SELECT count(*), count(DISTINCT row({key})) FROM {model.name}"  # noqa: S608
        ((rows, keys),) = query(night.published, text)
        assert rows == keys, model.name


def test_macros_work_when_the_file_is_opened(night, somebody) -> None:
    for macro, call in calls(*somebody).items():
        assert query(night.published, call), macro


def test_macros_work_after_attach_and_use(night, somebody) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{night.published}' AS graph (READ_ONLY)")
        connection.execute("USE graph")
        for macro, call in calls(*somebody).items():
            assert connection.execute(call).fetchall(), macro


def test_the_macros_agree_with_the_tables(night, somebody) -> None:
    _, permission = somebody
    holders = query(
        night.published,
        "SELECT count(*) FROM user_permissions JOIN users USING (company, user_id)"
        " WHERE permission = ? AND granted AND live",
        permission,
    )
    who = query(night.published, "SELECT count(DISTINCT user_id) FROM who_can(?) WHERE live", permission)
    assert who == holders


@pytest.mark.slow
def test_who_has_the_old_file_open_keeps_it(night) -> None:
    with duckdb.connect() as reader:
        reader.execute(f"ATTACH '{night.published}' AS old (READ_ONLY)")
        before = reader.execute("SELECT snapshot_id FROM old.current_snapshot").fetchall()

        night.night()

        assert reader.execute("SELECT snapshot_id FROM old.current_snapshot").fetchall() == before
        assert query(night.published, "SELECT snapshot_id FROM current_snapshot") != before


def test_nothing_is_left_beside_the_file(night) -> None:
    assert sorted(path.name for path in night.home.iterdir() if not path.name.startswith(".")) == [
        "identity_graph.duckdb",
        "landing",
        "warehouse.duckdb",
    ]
    assert [path.name for path in night.home.rglob(".*")] == [".seed"]
    assert stat.S_IMODE(night.published.stat().st_mode) == 0o600


def test_the_published_file_has_no_more_than_its_tables(night) -> None:
    schemas = query(night.published, "SELECT DISTINCT schema_name FROM duckdb_tables()")
    assert schemas == [("main",)]
    views = query(night.published, "SELECT view_name FROM duckdb_views() WHERE NOT internal")
    assert views == [("data_dictionary",)]


@pytest.mark.slow
def test_a_key_that_is_not_unique_is_not_published(night) -> None:
    before = night.published.read_bytes()
    with database.writer(night.settings.warehouse) as connection:
        connection.execute("INSERT INTO users FROM users LIMIT 1")
    try:
        with pytest.raises(WarehouseError, match=r"main\.users: the key \(company, user_id\) must be unique"):
            build.publish(night.settings, MODELS, on_wait=print)
        assert night.published.read_bytes() == before
        assert not list(night.home.glob(".identity*"))
    finally:
        rebuild(night.settings, MODELS)


@pytest.mark.slow
def test_a_warehouse_of_another_version_is_not_published(night) -> None:
    before = night.published.read_bytes()
    with database.writer(night.settings.warehouse) as connection:
        connection.execute("ALTER TABLE main.user_roles RENAME COLUMN active TO was_active")
    try:
        with pytest.raises(WarehouseError) as told:
            build.publish(night.settings, MODELS, on_wait=print)
        assert re.fullmatch(
            r"The warehouse was made by another version \(.*active.*\); run sync first\. "
            r"The published file is unchanged\.",
            str(told.value),
        )
        assert night.published.read_bytes() == before
        assert not list(night.home.glob(".identity*"))
    finally:
        rebuild(night.settings, MODELS)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.5.6"])
def test_an_older_duckdb_opens_the_file(night, somebody, tmp_path: Path, version: str) -> None:
    installed = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--target", tmp_path, f"duckdb=={version}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if installed.returncode:
        pytest.skip(f"pip cannot install duckdb {version} here: {installed.stderr.strip().splitlines()[-1]}")
    script = "import duckdb, sys\nassert duckdb.__version__ == sys.argv[2], duckdb.__version__\n"
    script += "with duckdb.connect(sys.argv[1], read_only=True) as c:\n"
    script += "    for call in sys.argv[3:]:\n        assert c.execute(call).fetchall(), call\n"
    script += "with duckdb.connect() as c:\n"
    script += "    c.execute(f\"ATTACH '{sys.argv[1]}' AS g (READ_ONLY)\"); c.execute('USE g')\n"
    script += "    for call in sys.argv[3:]:\n        assert c.execute(call).fetchall(), call\n"
    every_table = [f"SELECT count(*) FROM {name}" for name in (*CONTRACT, "data_dictionary")]  # noqa: S608

    ended = subprocess.run(
        [sys.executable, "-c", script, night.published, version, *calls(*somebody).values(), *every_table],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (ended.returncode, ended.stderr) == (0, "")
