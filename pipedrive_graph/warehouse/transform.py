"""Updates the tables of sql/graph, sql/macros and sql/findings for the companies of a batch.

A table is recomputed for those companies only. If its file (or a file that it reads) has changed, the table
is recomputed for all companies.

To avoid reading the rows of other companies, temporary views with the names of the tables hide the tables
while a batch is processed, and show only the companies of the batch. DuckDB resolves a name to a temporary
view first.
"""

from __future__ import annotations

import hashlib
import logging
import re

import duckdb

from pipedrive_graph.common.timed import timed
from pipedrive_graph.errors import ModelError, RuleError
from pipedrive_graph.warehouse import tables
from pipedrive_graph.warehouse.database import is_from_outside, quoted, rows
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import PUBLISHED, REPORTS, REVIEWS, STEPS, Models

_log = logging.getLogger(__name__)

_VIEWS = {Kind.VIEW, Kind.RULE}
"""Kinds that become views."""

_ELSEWHERE = {"staging", PUBLISHED, REPORTS, REVIEWS, *STEPS}
"""Schemas that other modules create, before or after this one."""

_IN_BATCH = "company IN (SELECT company FROM landing.batch)"


def transform(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Update the graph's tables for the companies in landing.batch.

    Until `finish` is called, the connection shows only these companies.

    Raises:
        RuleError: if DuckDB refuses a rule; the message names it and the reason.
        ModelError: if DuckDB refuses another file.
    """
    before = {str(name): digest for name, digest in rows(connection, "FROM history.models")}
    digests = _digests(models)
    kinds = {m.qualified: "VIEW" if m.kind in _VIEWS else "TABLE" for m in models if m.qualified in digests}
    _drop(connection, before.keys() - kinds.keys(), kinds)
    changed = {name for name, digest in digests.items() if before.get(name) != digest}
    # changed tables are recomputed for all companies, so all must be visible
    only = "" if changed else _only(connection)
    for name, columns in tables.columns().items():
        if "company" not in columns:
            continue
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW batch_{name} AS FROM warehouse.history.{name} {only}"
        )
    for model in models:
        if model.schema in _ELSEWHERE:
            continue
        try:
            with timed(_log, str(model.place)):
                _make(connection, model, changed=model.qualified in changed)
                if model.schema == "main" and not model.kind.is_macro:
                    _show(connection, model, only)
        except duckdb.Error as error:
            if is_from_outside(error):
                raise
            message = f"{model.place}: {str(error).splitlines()[0]}"
            if model.kind is Kind.RULE:
                raise RuleError(message, rule=model.qualified) from error
            raise ModelError(message) from error
    if changed or before.keys() - digests.keys():
        connection.execute("DELETE FROM history.models")
        connection.executemany("INSERT INTO history.models VALUES (?, ?)", sorted(digests.items()))


def finish(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop the temporary tables and views, so that all companies are visible again."""
    for name, kind in rows(
        connection,
        """
        SELECT table_name, replace(table_type, 'LOCAL TEMPORARY', 'TABLE')
        FROM information_schema.tables
        WHERE table_catalog = 'temp'""",
    ):
        connection.execute(f'DROP {kind} temp."{name}"')


def batch_query(model: Model) -> str:
    """The query of a model, changed to read only the rows of the batch's companies from the history."""
    history = "|".join(name.partition(".")[2] for name in model.reads if name.startswith("history."))
    return re.sub(rf"\bhistory\.({history})\b", r"batch_\1", model.query) if history else model.query


def create_macro(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Create a macro of sql/macros in the database in use."""
    parameters = ", ".join(model.header.parameters)
    kind = "TABLE" if model.kind is Kind.MACRO else ""
    connection.execute(f"CREATE OR REPLACE MACRO main.{model.name}({parameters}) AS {kind} {model.query}")


def _make(connection: duckdb.DuckDBPyConnection, model: Model, *, changed: bool) -> None:
    """Update a model in the warehouse."""
    if model.kind.is_macro and changed:
        create_macro(connection, model)
    elif model.kind in _VIEWS and changed:
        connection.execute(f"CREATE OR REPLACE VIEW {model.qualified} AS {model.query}")
    elif model.kind is Kind.TABLE and changed:
        connection.execute(f"CREATE OR REPLACE TABLE {model.qualified} AS {batch_query(model)}")
    elif model.kind is Kind.TABLE and "company" in model.header.columns:
        connection.execute(f"DELETE FROM warehouse.{model.qualified} WHERE {_IN_BATCH}")
        connection.execute(
            f"INSERT INTO warehouse.{model.qualified} BY NAME"
            f" SELECT * FROM (\n{batch_query(model)}\n) WHERE {_IN_BATCH}"
        )


def _only(connection: duckdb.DuckDBPyConnection) -> str:
    """A WHERE clause that selects the batch's companies; empty if the warehouse has no other companies."""
    others = "SELECT count(*) FROM history.snapshots WHERE company NOT IN (SELECT company FROM landing.batch)"
    if rows(connection, others) == [(0,)]:
        return ""
    # Constants let DuckDB skip blocks by their minimum and maximum. A range is used where it selects the same
    # companies, because a long list slows the planning of every query that reads a table.
    batch = [
        str(company) for (company,) in rows(connection, "SELECT company FROM landing.batch ORDER BY company")
    ]
    between = f"company BETWEEN {quoted(batch[0])} AND {quoted(batch[-1])}"
    if rows(connection, f"{others} AND {between}") == [(0,)]:
        return f"WHERE {between}"
    return f"WHERE company IN ({', '.join(map(quoted, batch))})"


def _show(connection: duckdb.DuckDBPyConnection, model: Model, only: str) -> None:
    """Hide a table or view by a temporary one with the same name that shows only the batch's companies.

    A view that many files read has `built: in memory` in its header: it is computed once per batch.
    """
    if model.header.settings.get("built") == "in memory":
        connection.execute(f"CREATE TEMP TABLE {model.name} AS {batch_query(model)}")
    elif only and model.kind is Kind.VIEW:
        connection.execute(f"CREATE TEMP VIEW {model.name} AS {batch_query(model)}")
    elif only:
        connection.execute(f"CREATE TEMP VIEW {model.name} AS FROM warehouse.{model.qualified} {only}")


def _digests(models: Models) -> dict[str, str]:
    """A digest per model of its file and of all files that it reads, directly or not."""
    digests: dict[str, str] = {}
    for model in models:
        if model.schema in STEPS:
            continue
        below = "".join(digests[name] for name in sorted(model.reads) if name in digests)
        digests[model.qualified] = hashlib.sha256((model.sha256 + below).encode()).hexdigest()
    return digests


def _drop(connection: duckdb.DuckDBPyConnection, removed: set[str], kinds: dict[str, str]) -> None:
    """Drop the tables and views whose file was removed or now defines another kind."""
    existing = rows(
        connection,
        """
        SELECT table_schema || '.' || table_name, replace(table_type, 'BASE ', '')
        FROM information_schema.tables
        WHERE table_catalog = current_catalog()
        ORDER BY ALL""",
    )
    for name, kind in existing:
        if name in removed or kinds.get(name, kind) != kind:
            connection.execute(f"DROP {kind} {name}")
