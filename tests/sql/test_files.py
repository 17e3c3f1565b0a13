"""Checks of every file in sql/: header, formatting, and the tables that it reads."""

from __future__ import annotations

import re
from itertools import pairwise

import duckdb
import pytest
import sqlglot
from published import CONTRACT
from sqlglot import exp

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.findings.rule_header import is_event
from pipedrive_graph.warehouse import header as headers
from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.schema import RUN
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import PUBLISHED, REVIEWS, STEPS, Models

from .literal import Company

MODELS = [
    model
    for model in Models(sql_folder())
    if model.schema != "staging" and model.kind is not Kind.SCALAR_MACRO
]
TABLES = [m for m in MODELS if m.kind in {Kind.TABLE, Kind.VIEW} and m.schema not in {PUBLISHED, *STEPS}]
MACROS = [model for model in MODELS if model.kind is Kind.MACRO]
RULES = [model for model in MODELS if model.kind is Kind.RULE]

STEP_MODELS = [model for model in MODELS if model.schema in STEPS]

RULE_COLUMNS = [
    ("company", "VARCHAR"),
    ("subject_kind", "VARCHAR"),
    ("subject_id", "VARCHAR"),
    ("object", "VARCHAR"),
    ("severity", "VARCHAR"),
    ("title", "VARCHAR"),
    ("evidence", "JSON"),
]


def ids(model: Model) -> str:
    return model.qualified


DESCRIBED: dict[str, list[tuple[str, str]]] = {}


def columns(connection: duckdb.DuckDBPyConnection, source: str) -> list[tuple[str, str]]:
    if source not in DESCRIBED:
        DESCRIBED[source] = described(connection, source)
    return DESCRIBED[source]


def described(connection: duckdb.DuckDBPyConnection, source: str) -> list[tuple[str, str]]:
    rows = connection.execute(f"DESCRIBE FROM {source}").fetchall()
    return [(str(row[0]), str(row[1])) for row in rows]


@pytest.mark.parametrize("model", TABLES, ids=ids)
def test_header_lists_the_columns_of_the_query(model: Model, connection: duckdb.DuckDBPyConnection) -> None:
    found = [name for name, _ in columns(connection, model.qualified)]

    assert list(model.header.columns) == found
    assert found[0] == ("rule" if model.name == "rules" else "company")  # companies share the rules
    assert set(model.key) <= set(found)
    assert all(model.header.columns.values())


@pytest.mark.parametrize("model", STEP_MODELS, ids=ids)
def test_header_of_a_step_lists_its_columns(model: Model, empty_run: duckdb.DuckDBPyConnection) -> None:
    found = empty_run.execute(f"DESCRIBE {steps.with_temporary_names(model.query)}").fetchall()

    assert list(model.header.columns) == [str(row[0]) for row in found]
    assert set(model.key) <= set(model.header.columns)
    assert model.key
    assert all(model.header.columns.values())


@pytest.mark.parametrize("model", STEP_MODELS, ids=ids)
def test_a_step_reads_only_what_is_declared(model: Model) -> None:
    handed_over = {name.removeprefix("run.") for name in model.reads if name.startswith("run.")}

    assert handed_over <= RUN.keys()


@pytest.mark.parametrize("model", MACROS, ids=ids)
def test_header_of_a_macro_lists_its_parameters_and_columns(
    model: Model, connection: duckdb.DuckDBPyConnection
) -> None:
    call = f"{model.name}({', '.join(repr('2026-11-01') for _ in model.header.parameters)})"
    found = [name for name, _ in columns(connection, call)]

    assert list(model.header.columns) == found
    assert all(model.header.columns.values())
    assert all(model.header.parameters.values())
    known = {name for table in TABLES for name in table.header.columns}
    assert not known & set(model.header.parameters), "a parameter would hide a column"


@pytest.mark.parametrize("model", RULES, ids=ids)
def test_rule_has_its_keys_and_columns(model: Model, connection: duckdb.DuckDBPyConnection) -> None:
    settings = model.header.settings

    event = [("snapshot_id", "VARCHAR")] if is_event(model) else []
    assert sorted(columns(connection, model.qualified)) == sorted(RULE_COLUMNS + event)
    optional = [name for name in ("event", "grows") if name in settings]
    assert list(settings) == [
        "kind", "title", "severity", "meaning", "remedy", "reference", "needs", "identity", *optional,
    ]  # fmt: skip
    assert all(settings.values())
    assert settings["severity"] in {"critical", "high", "medium", "low", "info"}
    of_event = ", snapshot_id" if is_event(model) else ""
    assert settings["identity"] in {f"subject{of_event}", f"subject, object{of_event}"}
    assert settings["meaning"].endswith(".")
    assert settings["remedy"].endswith(".")
    endpoints = {need.strip().removeprefix("all ") for need in settings["needs"].split(",")}
    assert endpoints <= {
        "users", "users/{id}/roleAssignments", "users/{id}/permissions", "users/{id}/access",
        "roles", "roles/{id}", "permissionSets", "permissionSets/{id}",
        "roles/{id}/pipelines", "pipelines", "legacyTeams", "roster/{id}", "roster/{id}/expectedRole",
    }  # fmt: skip


@pytest.mark.parametrize(("table", "names"), CONTRACT.items(), ids=CONTRACT)
def test_contract(table: str, names: str, connection: duckdb.DuckDBPyConnection) -> None:
    found = [name for name, _ in columns(connection, f"main.{table}")]

    assert [name for name in found if name in names.split()] == names.split()
    assert found[0] == "company"


@pytest.mark.parametrize("model", TABLES, ids=ids)
def test_types(model: Model, connection: duckdb.DuckDBPyConnection) -> None:
    for name, kind in columns(connection, model.qualified):
        if name in {"user_id", "role_id", "parent_role_id", "ancestor_role_id"}:
            assert kind == "BIGINT", name
        elif name in {"permission_set_id", "subject_id", "email"}:
            assert kind == "VARCHAR", name
        elif name in {"properties", "evidence"}:
            assert kind == "JSON", name
        elif name in {"at", "as_of", "since", "valid_from", "valid_to"} or name.endswith("_at"):
            assert kind == "TIMESTAMP", name
        else:
            assert "NULL" not in kind, name


def test_no_line_is_longer_than_100_characters() -> None:
    lines = [
        f"{path.name}: {line}"
        for path in sql_folder().rglob("*.sql")
        for line in path.read_text(encoding="utf-8").splitlines()
        if len(line) > 100
    ]

    assert lines == []


@pytest.mark.parametrize("model", MODELS, ids=ids)
def test_form(model: Model) -> None:
    text = model.path.read_text(encoding="utf-8")
    lines = text.splitlines()

    assert text.endswith("\n")
    assert not text.rstrip().endswith(";")
    assert "\t" not in text
    assert [line for line in lines if line != line.rstrip()] == []
    assert [second for first, second in pairwise(lines) if first == second == ""] == []
    assert lines[0].startswith("-- One row per ")
    assert model.header.comment.endswith(".")


@pytest.mark.parametrize("model", MODELS, ids=ids)
def test_query(model: Model) -> None:
    statement = sqlglot.parse_one(model.query, dialect="duckdb")
    calls = {call.name.lower() for call in statement.find_all(exp.Anonymous)}
    clock = {"now", "current_timestamp", "current_date", "today", "get_current_timestamp"}

    assert isinstance(statement, exp.Query)
    assert not calls & clock
    assert not list(statement.find_all(exp.CurrentTimestamp, exp.CurrentDate))
    assert not statement.is_star
    assert "->" not in headers.split(model.path.read_text(encoding="utf-8"))[1]


@pytest.mark.parametrize("model", MODELS, ids=ids)
def test_keywords_are_upper_case(model: Model) -> None:
    query = re.sub(r"--.*|'[^']*'", "", model.query)
    keywords = (
        r"\b(select|from|where|group by|order by|union|join|inner|left|with|case|when|then|else|end"
        r"|over|partition|distinct|having|qualify|cast|filter|is not|not in)\b"
    )

    assert re.findall(keywords, query) == []


# macros of access reviews read the warehouse
@pytest.mark.parametrize("model", [macro for macro in MACROS if macro.schema != REVIEWS], ids=ids)
def test_macros_read_published_tables_by_plain_names(model: Model) -> None:
    published = {model.qualified for model in [*TABLES, *MACROS] if model.is_published or model in MACROS}

    assert model.reads <= published
    assert "main." not in model.query


def test_rules_read_published_tables_and_the_proof_of_absence() -> None:
    published = {table.qualified for table in TABLES}

    assert {name for rule in RULES for name in rule.reads} - published == {
        "history.coverage",
        "history.observations",
        "policy.allowed_permissions",  # published are the roles that its entries name, not the entries
    }


@pytest.mark.parametrize("model", [*TABLES, *RULES], ids=ids)
def test_nothing_comes_of_nothing(model: Model, connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.execute(f"FROM {model.qualified}").fetchall() == []


def test_keys_are_unique_in_a_company_full_of_dirt(company: Company) -> None:
    company.role(1, "(Unassigned users)", 1)
    company.role(2, "Left", 3)
    company.role(3, "Right", 2)
    company.role(4, "Orphan", 99)
    company.permission_set("a", ["can_x"])
    company.permission_set("b", None)
    doubled = {"app": "sales", "admin": False, "permission_set_id": "a"}
    company.user(1, "Ana", access=[doubled, doubled | {"admin": True}, doubled | {"app": "global"}])
    company.user(2, None, access=None, active=None, deleted=None)
    company.user(3, "Ana", access=[{"app": None, "admin": None, "permission_set_id": None}])
    company.user(4, "Ana", access=[doubled | {"permission_set_id": "gone"}], active=False)
    company.assign(1, 2, 3)
    company.assign(2, 98, active=None)
    company.assign(4, 2, active=False)
    for user_id in (1, 2, 3, 4):
        company.flags(user_id, can_x=True, can_y=False, can_z=None)

    with company.built(*(model.name for model in TABLES)) as connection:
        for model in TABLES:
            key = ", ".join(model.key)
            query = f"SELECT count(*), count(DISTINCT ({key})) FROM {model.name}"  # noqa: S608
            [(rows, distinct)] = connection.execute(query).fetchall()
            assert rows == distinct, model.name
