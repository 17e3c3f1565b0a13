"""The table of rules: the texts that readers show, from the headers of built-in and custom rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.findings import rules_table
from pipedrive_graph.warehouse import database, tables
from pipedrive_graph.warehouse.parsed import ParsedQueries
from pipedrive_graph.warehouse.sql_model import Kind, load
from pipedrive_graph.warehouse.sql_project import Models

SHIPPED = Models(sql_folder())
QUERY = SHIPPED["main.rules"].query

CUSTOM = """\
-- One row per role that moved.
--
-- kind: rule
-- title: Moved
-- severity: low
-- meaning: Access may change.
-- remedy: Ask who moved it,
--   and why.
-- reference: our policy 4
-- needs: roles, all users/{id}/access, users/{id}/permissions
-- event: yes
-- identity: subject, snapshot_id
SELECT 1 AS one
"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config=database.CONFIG) as connection:
        tables.create(connection)
        yield connection


@pytest.fixture
def models(tmp_path: Path) -> Models:
    """The shipped models and one custom rule."""
    file = tmp_path / "moved.sql"
    file.write_text(CUSTOM)
    rule = load(file, schema="rules", place=str(file), parsed=ParsedQueries(), kind=Kind.RULE)
    return SHIPPED.with_rules([rule], {})


def test_a_row_has_the_texts_of_the_header(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    rules_table.write(connection, models)

    rows = f"FROM ({QUERY}) WHERE rule IN ('moved', 'dormant_user') ORDER BY rule"
    assert connection.execute(rows).fetchall() == [
        (
            "dormant_user",
            "Dormant user",
            "medium",
            False,
            SHIPPED["rules.dormant_user"].header.settings["meaning"],
            SHIPPED["rules.dormant_user"].header.settings["remedy"],
            "CIS Controls v8 5.3 (disable dormant accounts), NIST SP 800-53 AC-2(3)",
            ["users"],
            SHIPPED["rules.dormant_user"].query_sha256,
        ),
        (
            "moved",
            "Moved",
            "low",
            True,
            "Access may change.",
            "Ask who moved it, and why.",
            "our policy 4",
            ["roles", "all users/{id}/access", "users/{id}/permissions"],
            models["rules.moved"].query_sha256,
        ),
    ]  # fmt: skip


def test_every_rule_has_one_row_with_all_texts(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    rules_table.write(connection, models)
    rules_table.write(connection, models)

    rows = connection.execute(f"FROM ({QUERY}) ORDER BY rule").fetchall()
    assert [row[0] for row in rows] == sorted(rule.name for rule in models.of("rules"))
    assert [row for row in rows if None in row or "" in row or [] in row] == []


def test_a_removed_rule_leaves_and_one_that_cannot_be_used_stays(
    connection: duckdb.DuckDBPyConnection, models: Models
) -> None:
    rules_table.write(connection, models)
    before = connection.execute(QUERY).fetchall()

    broken = models.without({"rules.moved"}).with_rules([], {"rules.moved": "moved.sql: why"})
    rules_table.write(connection, broken)
    assert sorted(connection.execute(QUERY).fetchall()) == sorted(before)

    rules_table.write(connection, SHIPPED)
    rules = [row[0] for row in connection.execute(QUERY).fetchall()]
    assert (len(rules), "moved" in rules) == (len(before) - 1, False)


def test_the_table_does_not_change_the_fingerprint_of_a_rule_that_reads_it() -> None:
    from pipedrive_graph.findings.fingerprints import settings_of

    rule = replace(SHIPPED["rules.dormant_user"], reads=frozenset({"main.rules"}), query="FROM rules")
    assert settings_of(SHIPPED, rule) == set()
