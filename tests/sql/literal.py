"""Literal rows of a company, written into a history in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from pipedrive_graph import addresses
from pipedrive_graph.findings import policy
from pipedrive_graph.settings import Settings
from pipedrive_graph.warehouse.model import Kind, Model
from pipedrive_graph.warehouse.models import Models, sql_folder

MODELS = Models(sql_folder())

SHIPPED = policy.load(Settings(Path("/nowhere"), ())).default
"""What the rules go by where no file says otherwise."""

COMPANY = "acme"

NIGHTS = [datetime.fromisoformat(f"2026-11-{20 + night} 02:00") for night in range(5)]
"""The as-of times of five nights in a row; tests name them by number."""


class Company:
    """Writes literal rows of one company into the history, and reads the models over them.

    Times are nights: `since=0` is the first night, `until=2` that it was seen otherwise on the third.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str = COMPANY) -> None:
        self.connection = connection
        self.name = name
        self.policy()

    def policy(self, **rows: list[tuple[Any, ...]]) -> None:
        """What findings.toml says: as shipped, but for the tables that are named."""
        for table, entries in {**SHIPPED.rows(), **rows}.items():
            self.connection.execute(f"DELETE FROM policy.{table} WHERE company = ?", [self.name])  # noqa: S608
            if entries:
                columns = [list(column) for column in zip(*entries, strict=True)]
                lists = ", unnest(?)" * len(columns)
                self.connection.execute(f"INSERT INTO policy.{table} SELECT ?{lists}", [self.name, *columns])

    def public_providers(self, *domains: str) -> None:
        """What the list of public e-mail providers has."""
        for domain in domains:
            self.connection.execute(
                "INSERT INTO policy.public_email_domains VALUES (?, 'a list 1.0 of 2026-02-23')", [domain]
            )

    def insert(self, table: str, **values: Any) -> None:
        """Insert one row; columns that are not named are NULL."""
        row = {"company": self.name} | values
        marks = ", ".join("?" for _ in row)
        statement = f"INSERT INTO history.{table}({', '.join(row)}) VALUES ({marks})"  # noqa: S608
        self.connection.execute(statement, list(row.values()))

    def versions(self, table: str, since: int, until: int | None, **values: Any) -> None:
        """Insert one version of something."""
        end = None if until is None else NIGHTS[until]
        self.insert(table, **values, valid_from=NIGHTS[since], valid_to=end)

    def snapshot(self, night: int, status: str = "complete", **values: Any) -> None:
        """A read of the company in one night."""
        self.insert(
            "snapshots",
            **{
                "snapshot_id": f"s{night}",
                "started_at": NIGHTS[night],
                "status": status,
                "position": night,
                "company_id": 77,
                "token_owner": 1,
                "journal_lines": 0,
                **values,
            },
        )

    def user(
        self,
        user_id: int,
        name: str | None = None,
        *,
        since: int = 0,
        until: int | None = None,
        last_login: datetime | None = NIGHTS[0],
        login_known: bool = True,
        access_given: bool = True,
        **values: Any,
    ) -> None:
        """A version of a user: by default active, no admin, who logged in just now."""
        defaults = {
            "name": name,
            "email": f"{name.lower()}@example.com" if name else None,
            "active": True,
            "deleted": False,
            "access": [],
            "created": NIGHTS[0] - timedelta(days=365),
        }
        self.versions("users", since, until, user_id=user_id, **(defaults | values))
        if until is None:
            address = addresses.comparable((defaults | values)["email"])
            if address is not None:
                domain = address.rpartition("@")[2]
                self.insert("user_addresses", user_id=user_id, address=address, domain=domain)
            self.insert(
                "users_latest",
                user_id=user_id,
                last_login=last_login,
                login_known=login_known,
                access_given=access_given,
            )

    def role(
        self,
        role_id: int,
        name: str | None = None,
        parent: int | None = None,
        *,
        active: bool | None = True,
        since: int = 0,
        until: int | None = None,
    ) -> None:
        """A version of a role."""
        self.versions("roles", since, until, role_id=role_id, name=name, parent_role_id=parent, active=active)

    def permission_set(
        self,
        permission_set_id: str,
        contents: list[str] | None,
        *,
        app: str = "sales",
        since: int = 0,
        until: int | None = None,
        **values: Any,
    ) -> None:
        """A version of a permission set, called like its id."""
        self.versions(
            "permission_sets",
            since,
            until,
            permission_set_id=permission_set_id,
            contents=contents,
            app=app,
            **({"name": permission_set_id.title(), "type": "custom"} | values),
        )

    def assign(
        self,
        user_id: int,
        *role_ids: int,
        active: bool | None = True,
        since: int = 0,
        until: int | None = None,
    ) -> None:
        """Assignments of a user; with no role, the answer was an empty list."""
        for role_id in role_ids:
            self.versions("user_roles", since, until, user_id=user_id, role_id=role_id, active=active)
        self.observed("user_roles", user_id, since)

    def flags(self, user_id: int, *, since: int = 0, until: int | None = None, **flags: bool | None) -> None:
        """The permissions of a user as answered."""
        for permission, granted in flags.items():
            self.versions(
                "user_permissions",
                since,
                until,
                user_id=user_id,
                permission=permission,
                granted=granted,
            )
        self.observed("user_permissions", user_id, since)

    def observed(self, table: str, subject_id: int | str, first: int, last: int | None = None) -> None:
        """That a subject's rows were answered for, once per subject."""
        known = self.connection.execute(
            "SELECT 1 FROM history.observations WHERE company = ? AND history_table = ? AND subject_id = ?",
            [self.name, table, str(subject_id)],
        ).fetchall()
        if not known:
            self.insert(
                "observations",
                history_table=table,
                subject_id=str(subject_id),
                first_at=NIGHTS[first],
                last_at=NIGHTS[first if last is None else last],
            )

    def coverage(self, endpoint: str, subject_id: int | str | None, outcome: str) -> None:
        """What became of one call of the latest snapshot."""
        subject = None if subject_id is None else str(subject_id)
        self.insert("coverage", endpoint=endpoint, subject_id=subject, outcome=outcome)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Answer a query."""
        return self.connection.execute(query, list(values)).fetchall()

    def table(self, name: str, columns: str) -> list[tuple[Any, ...]]:
        """Some columns of a table's rows, sorted by them."""
        with self._built_below(name) as query:
            return self.rows(f"SELECT {columns} FROM ({query}) ORDER BY ALL")  # noqa: S608

    def fired(self, rule: str) -> list[tuple[str, str | None]]:
        """Subject and object of each finding of a rule, sorted."""
        return sorted(self.table(f"rules.{rule}", "subject_id, object"))

    def findings(self) -> dict[tuple[str, str, str | None], tuple[Any, ...]]:
        """What all rules find, by rule, subject and object: severity, title and evidence."""
        found: dict[tuple[str, str, str | None], tuple[Any, ...]] = {}
        tables = [model for model in MODELS if model.schema == "main" and model.kind is not Kind.MACRO]
        for model in tables:
            self.connection.execute(f"CREATE TEMP TABLE {model.name} AS {model.query}")
        try:
            for rule in MODELS.of("rules", Kind.RULE):
                columns = "subject_id, object, severity, title, evidence"
                for subject_id, thing, *rest in self.rows(f"SELECT {columns} FROM ({rule.query})"):  # noqa: S608
                    found[rule.name, subject_id, thing] = tuple(rest)
        finally:
            for model in tables:
                self.connection.execute(f"DROP TABLE temp.{model.name}")
        return found

    @contextmanager
    def _built_below(self, name: str) -> Iterator[str]:
        """A model's query, with what it reads built before it, as a night does: views of views take long."""
        below = tables_below(name)
        for model in below:
            self.connection.execute(f"CREATE TEMP TABLE {model.name} AS {model.query}")
        try:
            yield model_of(name).query
        finally:
            for model in below:
                self.connection.execute(f"DROP TABLE temp.{model.name}")


def model_of(name: str) -> Model:
    """The model of a name, which is of the graph if it has no schema."""
    return MODELS[name if "." in name else f"main.{name}"]


@cache
def tables_below(name: str) -> list[Model]:
    """All tables of the graph from which a model is made, each after those from which it is made itself."""
    found: set[str] = set()
    open_ = {model_of(name).qualified}
    while open_:
        reads = MODELS.tables_read(MODELS[open_.pop()])
        new = {one for one in reads if one.startswith("main.")} - found
        found |= new
        open_ |= new
    return [model for model in MODELS if model.qualified in found]


def create(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Create a model: tables as views, so that rows can still be inserted below them."""
    if model.kind is Kind.MACRO:
        parameters = ", ".join(model.header.parameters)
        connection.execute(f"CREATE MACRO {model.name}({parameters}) AS TABLE {model.query}")
    else:
        connection.execute(f"CREATE VIEW {model.qualified} AS {model.query}")
