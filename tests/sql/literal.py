"""Literal rows of a company, written into a history in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import duckdb

from pipedrive_graph.common import addresses
from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.config import policy
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.warehouse import empty, ingest, steps
from pipedrive_graph.warehouse.schema import RUN
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import STEPS, Models

MODELS = Models(sql_folder())

TABLES = [model for model in MODELS if model.schema == "main" and not model.kind.is_macro]
NAMES = {model.qualified for model in MODELS if model.schema == "main"}

SHIPPED = policy.load(Settings(Path("/nowhere"), ())).default
"""The default policy."""

COMPANY = "acme"

NIGHTS = [datetime.fromisoformat(f"2026-11-{20 + night} 02:00") for night in range(5)]
"""The as-of times of five nights in a row; tests name them by number."""


@dataclass
class Contents:
    """The literal rows of a company: its history, and the policy tables that differ from the default."""

    company: str
    policy: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    rows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def key(self) -> str:
        """A key that is equal for companies with the same name and rows."""
        return repr(self)


class Answers(Protocol):
    """A cache of answers about companies that are not in the database of the test."""

    def of(self, contents: Contents, table: str, columns: str) -> list[tuple[Any, ...]] | None:
        """The cached columns of a table for a company with these contents, or None."""


class Company:
    """Writes literal rows of one company into the history, and reads the models over them.

    Times are numbers of nights: `since=0` is the first night, `until=2` means that the third saw a change.

    The rows are collected in `contents`. Without `answers`, they are written into the database at once;
    otherwise only for a query without a cached answer, or when the connection is used.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, name: str = COMPANY, answers: Answers | None = None
    ) -> None:
        self.name = name
        self.contents = Contents(name)
        self._connection = connection
        self._answers = answers
        if answers is None:
            self.policy()

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The database of the test, with all rows written so far."""
        if self._answers is not None:
            self._answers = None
            write(self._connection, [self.contents])
        return self._connection

    def policy(self, **rows: list[tuple[Any, ...]]) -> None:
        """Set the policy: the default one, except for the given tables."""
        self.contents.policy = rows
        if self._answers is None:
            for table, entries in {**SHIPPED.rows(), **rows}.items():
                self.connection.execute(f"DELETE FROM policy.{table} WHERE company = ?", [self.name])  # noqa: S608
                _write_entries(self.connection, table, [self.name], entries)

    def public_providers(self, *domains: str) -> None:
        """Set the list of public e-mail providers."""
        for domain in domains:
            self.connection.execute(
                "INSERT INTO policy.public_email_domains VALUES (?, 'a list 1.0 of 2026-02-23')", [domain]
            )

    def insert(self, table: str, **values: Any) -> None:
        """Insert one row; columns that are not named are NULL."""
        self.contents.rows.append((table, values))
        if self._answers is None:
            names, marks = ", ".join(["company", *values]), ", ?" * len(values)
            statement = f"INSERT INTO history.{table}({names}) VALUES (?{marks})"  # noqa: S608
            self.connection.execute(statement, [self.name, *values.values()])

    def versions(self, table: str, since: int, until: int | None, **values: Any) -> None:
        """Insert one version into a table of the history."""
        end = None if until is None else NIGHTS[until]
        self.insert(table, **values, valid_from=NIGHTS[since], valid_to=end)

    def snapshot(self, night: int, status: str = "complete", **values: Any) -> None:
        """Insert a snapshot of one night."""
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
        """Insert a version of a user: by default active, not an admin, logged in just now."""
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
        """Insert a version of a role."""
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
        """Insert a version of a permission set; its id is its name."""
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
        """Insert role assignments of a user; without roles, the answer was an empty list."""
        for role_id in role_ids:
            self.versions("user_roles", since, until, user_id=user_id, role_id=role_id, active=active)
        self.observed("user_roles", user_id, since)

    def flags(self, user_id: int, *, since: int = 0, until: int | None = None, **flags: bool | None) -> None:
        """Insert the permissions of a user, as answered."""
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
        """Record that a subject was answered in full, once per subject."""
        subject = {"history_table": table, "subject_id": str(subject_id)}
        known = any(
            name == "observations" and subject.items() <= row.items() for name, row in self.contents.rows
        )
        if not known:
            self.insert(
                "observations",
                **subject,
                first_at=NIGHTS[first],
                last_at=NIGHTS[first if last is None else last],
            )

    def coverage(self, endpoint: str, subject_id: int | str | None, outcome: str) -> None:
        """Insert the outcome of one call of the latest snapshot."""
        subject = None if subject_id is None else str(subject_id)
        self.insert("coverage", endpoint=endpoint, subject_id=subject, outcome=outcome)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Answer a query."""
        if not query.lstrip().startswith(("FROM", "SELECT", "WITH")):
            return self.connection.execute(query, list(values)).fetchall()
        query = re.sub(r"\brules\.\w+", lambda rule: f"({MODELS[rule[0]].query})", query)
        with self.built(*words(query)) as connection:
            return connection.execute(query, list(values)).fetchall()

    def table(self, name: str, columns: str) -> list[tuple[Any, ...]]:
        """Some columns of a table's rows, sorted by them."""
        if self._answers is not None:
            answer = self._answers.of(self.contents, name, columns)
            if answer is not None:
                return answer
        query = f"SELECT {columns} FROM ({model_of(name).query}) ORDER BY ALL"  # noqa: S608
        with self._with(tables_below(name)) as connection:
            return connection.execute(query).fetchall()

    def fired(self, rule: str) -> list[tuple[str, str | None]]:
        """Subject and object of each finding of a rule, sorted."""
        return sorted(self.table(f"rules.{rule}", "subject_id, object"))

    def findings(self) -> dict[tuple[str, str, str | None], tuple[Any, ...]]:
        """The findings of all rules, by rule, subject and object: severity, title and evidence."""
        found: dict[tuple[str, str, str | None], tuple[Any, ...]] = {}
        with self._with(TABLES) as connection:
            for rule in MODELS.of("rules", Kind.RULE):
                query = f"SELECT subject_id, object, severity, title, evidence FROM ({rule.query})"  # noqa: S608
                for subject_id, thing, *rest in connection.execute(query).fetchall():
                    found[rule.name, subject_id, thing] = tuple(rest)
        return found

    @contextmanager
    def built(self, *names: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """The database with some of the graph's tables and macros built as tables before they are read.

        A run builds them too. Otherwise DuckDB would expand nested views, which takes 0.5 seconds.
        """
        needed = {f"main.{name}" for name in names if f"main.{name}" in NAMES}
        needed |= {model.qualified for name in needed for model in tables_below(name)}
        with self._with([model for model in TABLES if model.qualified in needed]) as connection:
            yield connection

    @contextmanager
    def _with(self, models: Sequence[Model]) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self.connection
        for model in models:
            connection.execute(f"CREATE TEMP TABLE {model.name} AS {model.query}")
        failed = True
        try:
            yield connection
            failed = False
        finally:
            if (
                not failed
            ):  # an error spoils the transaction, in which nothing can be done but to roll it back
                for model in models:
                    connection.execute(f"DROP TABLE temp.{model.name}")


def words(query: str) -> list[str]:
    """All names in a query without a schema."""
    return re.findall(r"(?<![\w.])(?:main\.)?(\w+)", query)


def model_of(name: str) -> Model:
    """The model with this name; without a schema, it is a model of the graph."""
    return MODELS[name if "." in name else f"main.{name}"]


@cache
def tables_below(name: str) -> list[Model]:
    """All tables of the graph that a model depends on, in dependency order."""
    found: set[str] = set()
    open_ = {model_of(name).qualified}
    while open_:
        model = MODELS[open_.pop()]
        reads = MODELS.tables_read(model) | model.reads  # among these are helpers that are not published
        new = {one for one in reads if one.startswith("main.")} - found
        found |= new
        open_ |= new
    return [model for model in TABLES if model.qualified in found]


def write(connection: duckdb.DuckDBPyConnection, companies: Sequence[Contents]) -> None:
    """Write the policies and the rows of companies in as few statements as possible: each takes 1 ms."""
    for table, entries in SHIPPED.rows().items():
        as_shipped = [contents.company for contents in companies if table not in contents.policy]
        _write_entries(connection, table, as_shipped, entries)
    for contents in companies:
        for table, entries in contents.policy.items():
            _write_entries(connection, table, [contents.company], entries)
    rows: dict[tuple[str, tuple[str, ...]], list[list[Any]]] = {}
    for contents in companies:
        for table, row in contents.rows:
            rows.setdefault((table, tuple(row)), []).append([contents.company, *row.values()])
    types = connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'history'"
    )
    type_of = {(table, column): kind for table, column, kind in types.fetchall()}
    for (table, columns), lines in rows.items():
        casts = ", ".join(f"?::{type_of[table, column]}" for column in ["company", *columns])
        names = ", ".join(["company", *columns])
        for part in (lines[start : start + 100] for start in range(0, len(lines), 100)):
            marks = ", ".join([f"({casts})"] * len(part))
            statement = f"INSERT INTO history.{table}({names}) VALUES {marks}"  # noqa: S608
            connection.execute(statement, list(chain.from_iterable(part)))


def _write_entries(
    connection: duckdb.DuckDBPyConnection, table: str, companies: list[str], entries: list[tuple[Any, ...]]
) -> None:
    """Write the same rows of a policy table for each of some companies."""
    if entries and companies:
        columns = [list(column) for column in zip(*entries, strict=True)]
        lists = ", unnest(?)" * len(columns)
        connection.execute(
            f"INSERT INTO policy.{table} SELECT company, entry.* "  # noqa: S608
            f"FROM (SELECT unnest(?) AS company), (SELECT {lists[2:]}) AS entry",
            [companies, *columns],
        )


def create(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Create a model: tables as views, so that rows can still be inserted below them."""
    if model.kind is Kind.MACRO:
        parameters = ", ".join(model.header.parameters)
        connection.execute(f"CREATE MACRO {model.name}({parameters}) AS TABLE {model.query}")
    else:
        connection.execute(f"CREATE VIEW {model.qualified} AS {model.query}")


def create_for_steps(connection: duckdb.DuckDBPyConnection) -> None:
    """Create all tables that steps read or create, without rows: staging, the graph, and the run tables."""
    ingest.prepare(connection)
    empty.create(connection, MODELS)
    for model in MODELS.of("staging"):
        if model.kind is Kind.SCALAR_MACRO:
            parameters = ", ".join(model.header.parameters)
            connection.execute(f"CREATE TEMP MACRO {model.name}({parameters}) AS {model.query}")
        else:
            connection.execute(f"CREATE TABLE {model.qualified} AS {model.query}")
    for name in RUN:
        steps.hand_over(connection, name)
    made = [model.qualified for model in MODELS if model.schema in STEPS and model.kind is Kind.TABLE]
    connection.execute("SET VARIABLE compared_permissions = 1")
    steps.make(connection, MODELS, *made)
