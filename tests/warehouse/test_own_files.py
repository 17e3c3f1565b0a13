"""Files added to, changed in and removed from sql/ need no change in Python and lose no history."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from installation import Installation, rebuild
from published import names, query
from rule_file import about_users, rule_file

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.errors import ModelError
from pipedrive_graph.simulator.server import Options, Simulator
from pipedrive_graph.warehouse.sql_project import Models

TABLE = """\
-- One row per person who can sign in.
--
-- key: company, user_id
-- columns:
--   company: the company's name
--   user_id: the user
SELECT company, user_id FROM users WHERE active
"""

VIEW = TABLE.replace("-- key:", "-- kind: view\n-- key:")

WIDER = """\
-- One row per person who can sign in.
--
-- key: company, user_id
-- columns:
--   company: the company's name
--   user_id: the user
--   email: where they get mail
SELECT company, user_id, email FROM users WHERE active
"""

RULE = rule_file(
    about_users(
        "users\nWHERE length(email) > 25",
        title="name || ' has a long address'",
        evidence="{'length': length(email)}",
    ),
    comment="One row per user whose address is too long for our badge printer.",
    kind="rule",
    title="Long address",
    remedy="Shorten it.",
)


@pytest.fixture
def workshop(tmp_path: Path):
    """An installation, and a function that runs a night with files of one's own (None takes one away)."""
    folder = tmp_path / "sql"
    shutil.copytree(sql_folder(), folder)
    with Simulator(Options(users=12, limit=2000, clean=True)) as simulator:
        installation = Installation.of(tmp_path / "home", simulator)

        def night(**texts: str | None) -> Installation:
            for name, text in texts.items():
                path = folder / ("findings" if name == "long_address" else "graph") / f"{name}.sql"
                path.write_text(text) if text else path.unlink()
            replace(installation, models=Models(folder)).night()
            return installation

        yield night


@pytest.mark.slow
def test_a_new_file_is_a_new_table(workshop) -> None:
    installation = workshop(signers=TABLE)

    assert query(installation.published, "FROM signers ORDER BY ALL") == query(
        installation.published, "SELECT company, user_id FROM users WHERE active ORDER BY ALL"
    )
    comments = query(
        installation.published, "SELECT comment FROM duckdb_tables() WHERE table_name = 'signers'"
    )
    assert comments == [("One row per person who can sign in. Key: company, user_id.",)]


@pytest.mark.slow
def test_a_new_file_is_a_new_rule(workshop) -> None:
    installation = workshop(long_address=RULE)

    found = query(
        installation.published,
        "SELECT subject_id, title, remedy, status FROM findings WHERE rule = 'long_address' ORDER BY 1",
    )
    assert found == query(
        installation.published,
        "SELECT CAST(user_id AS VARCHAR), name || ' has a long address', 'Shorten it.', 'open'"
        " FROM users WHERE length(email) > 25 ORDER BY 1",
    )
    assert found != []


@pytest.mark.slow
def test_a_rule_that_changes_and_one_that_goes_resolve_what_they_found(workshop) -> None:
    workshop(long_address=RULE)
    installation = workshop(long_address=RULE.replace("> 25", "> 1000"))
    states = "SELECT DISTINCT status, resolved_reason FROM findings WHERE rule = 'long_address'"
    assert query(installation.published, states) == [("resolved", "rule changed")]

    workshop(long_address=RULE)
    assert query(installation.published, states) == [("open", None)]
    workshop(long_address=None)
    assert query(installation.published, states) == [("resolved", "rule changed")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second"),
    [(TABLE, WIDER), (TABLE, VIEW), pytest.param(VIEW, TABLE, marks=pytest.mark.slow)],
    ids=["more columns", "table to view", "view to table"],
)
def test_a_file_that_changes(workshop, first: str, second: str) -> None:
    workshop(signers=first)
    installation = workshop(signers=second)
    columns = [row[0] for row in query(installation.published, "DESCRIBE signers")]
    assert columns == ["company", "user_id", *(["email"] if second is WIDER else [])]
    assert query(installation.published, "SELECT count(*) > 0 FROM signers") == [(True,)]


@pytest.mark.slow
def test_a_file_that_is_taken_away(workshop) -> None:
    workshop(signers=TABLE)
    installation = workshop(signers=None)
    assert "signers" not in names(installation.published)


@pytest.mark.slow
def test_a_file_that_does_not_work_is_named_and_costs_nothing(workshop) -> None:
    installation = workshop()
    before = installation.published.read_bytes()

    with pytest.raises(ModelError, match=r"sql/graph/signers\.sql: .*nobody"):
        workshop(signers=TABLE.replace("WHERE active", "WHERE nobody"))

    assert installation.published.read_bytes() == before
    workshop(signers=TABLE)
    assert query(installation.published, "SELECT count(*) FROM snapshots") == [(3,)]


@pytest.mark.slow
def test_rebuilding_needs_no_night(workshop, tmp_path: Path) -> None:
    installation = workshop()
    (tmp_path / "sql" / "graph" / "signers.sql").write_text(TABLE)

    rebuild(installation.settings, Models(tmp_path / "sql"))

    assert "signers" in names(installation.published)


@pytest.mark.slow
def test_a_warehouse_of_another_version_is_made_again_by_the_next_sync(serve, home) -> None:
    installation = Installation.of(home, serve(users=8))
    installation.night()
    with duckdb.connect(str(installation.settings.warehouse)) as connection:
        connection.execute("ALTER TABLE history.coverage ADD COLUMN remark VARCHAR")

    ended = installation.command("sync", "--json")

    assert (ended.code, ended.err) == (
        0,
        "Warning: The warehouse was made by another version (history.coverage has other columns)."
        " It is rebuilt from the landing and the journal.\n",
    )
    assert ended.objects[0]["status"] == "complete"
    assert query(installation.published, "SELECT count(*) FROM snapshots") == [(2,)]
