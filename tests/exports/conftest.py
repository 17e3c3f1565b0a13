"""A published file of two companies with the same ids and similar, hostile names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from sql.literal import NIGHTS, Company, create

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.exports.export import Exported, ExportRequest, export
from pipedrive_graph.findings import rules_table
from pipedrive_graph.warehouse import database, tables
from pipedrive_graph.warehouse.publish import publish
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models

COMPANIES = ("Acme", "acme")

NAMES = (
    'Ana "Quote" O\'Neil, Jr.',
    "Line\nbreak\r\ntwice\tand a tab",
    "<script>alert('x')</script> & <b>bold</b> ]]>",
    '=HYPERLINK("https://evil.example","click")',
    "\u202emirrored\u202c",
    "bell \x07 escape \x1b[31m unit \x1f",
    "🦊 beyond the plane \U0001d518",
    "a:b;c|d/e\\",
    "'=already quoted",
    "-5+3",
    "@SUM(A1)",
    "#N/A",
    "_x0041_ is no letter",
    "",
    None,
    "  spaces  ",
    "{0} and [a link](https://evil.example)",
    "\ufeffmark first",
    "$param `tick` {{ braces }} %s",
    "true",
    "00123",
)
"""Names of users; the first user has the id 1."""


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of a home folder in which the file is published."""
    settings = Settings(tmp_path_factory.mktemp("exports"), ())
    with database.writer(settings.warehouse) as connection:
        tables.create(connection)
        models = Models(sql_folder())
        for model in models:
            if model.schema == "main":  # the rules are not asked: their findings stand below
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {model.schema}")
                if model.kind is not Kind.SCALAR_MACRO:
                    create(connection, model)
        rules_table.write(connection, models)
        for number, name in enumerate(COMPANIES):
            fill(Company(connection, name), company_id=77 + number)
        publish(connection, models, settings.publication)
    return settings


def fill(company: Company, *, company_id: int) -> None:
    for night in (0, 1):
        company.snapshot(night, company_id=company_id, visibility=True, plan="premium")
    company.role(1, "Root")
    company.role(2, "=Sales", 1)
    company.role(3, "Orphan", 99)
    company.permission_set("set:1", ["can_use_api", "can_export_data_from_lists"], app="sales;x")
    company.permission_set("set\x01", ["can_use_api"], app="Sales")
    company.permission_set("set\x02", None, app="sales", name="Unknown\x02contents")
    for user_id, name in enumerate(NAMES, 1):
        access = [
            {"app": "sales;x", "admin": user_id == 1, "permission_set_id": "set:1"},
            {"app": "Sales", "admin": None, "permission_set_id": "set\x01"},
            {"app": None, "admin": None, "permission_set_id": "gone"},
        ]
        company.user(user_id, name, email=f"user{user_id}@example.com", access=access, since=0)
        company.assign(user_id, 2)
        company.flags(user_id, can_use_api=True, can_see_other_users=user_id % 2 == 0, can_use_import=None)
    company.versions("role_visibility", 0, None, role_id=2, item="deal", value=3)
    company.versions("pipelines", 0, None, pipeline_id=1, name="=Pipeline", deleted=False)
    company.versions("role_pipelines", 0, None, role_id=2, hidden=[])
    company.observed("role_pipelines", 2, 0)
    company.versions("teams", 0, None, team_id=1, name="@Team", manager_id=2, active=True, members=[1, 99])
    finding(company, "f1", "open", NAMES[2], first_seen=NIGHTS[1], severity="critical")
    finding(company, "f2", "open", NAMES[16], first_seen=NIGHTS[0])
    finding(
        company,
        "f3",
        "waived",
        NAMES[3],
        first_seen=NIGHTS[0],
        waiver_reason='Until "March"\nat least',
        waiver_owner="Kim",
        waiver_expires=NIGHTS[4].date(),
    )
    finding(
        company,
        "f4",
        "resolved",
        NAMES[5],
        first_seen=NIGHTS[0],
        resolved_reason="fixed",
        resolved_at=NIGHTS[1],
        severity="info",
        evidence='["no object"]',
    )
    finding(
        company,
        "f5",
        "open",
        "Its rule is gone",
        first_seen=NIGHTS[0],
        rule="no_such_rule",
        evidence=None,
        object=None,
    )


def finding(company: Company, finding_id: str, status: str, title: Any, **values: Any) -> None:
    row = {
        "rule": "dormant_admin",
        "severity": "high",
        "subject_kind": "user",
        "subject_id": "1",
        "object": "can_use_api",
        "evidence": '{"user": "=1+1 \\u0007 \U0001f98a", "days": 91, "admin_apps": ["a", "b"]}',
        "remedy": "Ask, then <deactivate>.",
        "last_seen": NIGHTS[1],
        "opened_at": values["first_seen"],
        "reopened": 0,
    }
    company.insert(
        "findings",
        finding_id=f"{company.name}-{finding_id}",
        status=status,
        title=title,
        **(row | values),
    )


@pytest.fixture(scope="session")
def exported(settings: Settings) -> dict[str, Exported]:
    """Exports in every format, made on first use."""
    return _Exports(settings)


class _Exports(dict[str, Exported]):
    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

    def __missing__(self, form: str) -> Exported:
        self[form] = export(self._settings, ExportRequest(form))
        return self[form]


@pytest.fixture(scope="session")
def published(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, opened once because opening takes longer than most queries."""
    with duckdb.connect(str(settings.published), read_only=True) as connection:
        yield connection
