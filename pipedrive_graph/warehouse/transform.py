"""Runs sql/graph, sql/macros and sql/findings: the tables of the companies that have something new.

A table is computed as its file says and replaced for those companies only, unless the file (or one that it
reads) has changed: then it is made anew for all.

Where the warehouse holds other companies as well, a file is not to read them only to throw them away. So
while a batch is worked on, temporary views stand before the tables, under the same names, and show only the
companies of the batch: what is temporary is what DuckDB finds first under a name.
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
from pipedrive_graph.warehouse.sql_project import PUBLISHED, REPORTS, STEPS, Models

_log = logging.getLogger(__name__)

_VIEWS = {Kind.VIEW, Kind.RULE}
"""Kinds that are computed when they are read."""

_NOT_MADE = {"staging", PUBLISHED, REPORTS, *STEPS}
"""Schemas that are filled before, and afterwards."""

_TONIGHT = "company IN (SELECT company FROM landing.batch)"


def transform(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Bring the graph's tables up to date for the companies in landing.batch.

    Until `finish` is called, the connection shows only these companies.

    Raises:
        RuleError: naming the rule that DuckDB refuses, and why.
        ModelError: the same of any other file.
    """
    before = {str(name): digest for name, digest in rows(connection, "FROM history.models")}
    digests = _digests(models)
    made = {m.qualified: "VIEW" if m.kind in _VIEWS else "TABLE" for m in models if m.qualified in digests}
    _drop(connection, before.keys() - made.keys(), made)
    changed = {name for name, digest in digests.items() if before.get(name) != digest}
    # what is made anew for all companies has to see them all
    only = "" if changed else _only(connection)
    for name, columns in tables.columns().items():
        if "company" not in columns:
            continue
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW tonight_{name} AS FROM warehouse.history.{name} {only}"
        )
    for model in models:
        if model.schema in _NOT_MADE:
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
    """Show all companies again."""
    for name, kind in rows(
        connection,
        """
        SELECT table_name, replace(table_type, 'LOCAL TEMPORARY', 'TABLE')
        FROM information_schema.tables
        WHERE table_catalog = 'temp'""",
    ):
        connection.execute(f'DROP {kind} temp."{name}"')


def tonight(model: Model) -> str:
    """The query of a model, reading of the history only what belongs to the companies of the batch."""
    history = "|".join(name.partition(".")[2] for name in model.reads if name.startswith("history."))
    return re.sub(rf"\bhistory\.({history})\b", r"tonight_\1", model.query) if history else model.query


def create_macro(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Create a macro of sql/macros in the database that is in use."""
    parameters = ", ".join(model.header.parameters)
    kind = "TABLE" if model.kind is Kind.MACRO else ""
    connection.execute(f"CREATE OR REPLACE MACRO main.{model.name}({parameters}) AS {kind} {model.query}")


def _make(connection: duckdb.DuckDBPyConnection, model: Model, *, changed: bool) -> None:
    """Bring a model up to date in the warehouse."""
    if model.kind.is_macro and changed:
        create_macro(connection, model)
    elif model.kind in _VIEWS and changed:
        connection.execute(f"CREATE OR REPLACE VIEW {model.qualified} AS {model.query}")
    elif model.kind is Kind.TABLE and changed:
        connection.execute(f"CREATE OR REPLACE TABLE {model.qualified} AS {tonight(model)}")
    elif model.kind is Kind.TABLE and "company" in model.header.columns:
        connection.execute(f"DELETE FROM warehouse.{model.qualified} WHERE {_TONIGHT}")
        connection.execute(
            f"INSERT INTO warehouse.{model.qualified} BY NAME"
            f" SELECT * FROM (\n{tonight(model)}\n) WHERE {_TONIGHT}"
        )


def _only(connection: duckdb.DuckDBPyConnection) -> str:
    """The condition that a row belongs to the batch; nothing where there are no other companies."""
    others = "SELECT count(*) FROM history.snapshots WHERE company NOT IN (SELECT company FROM landing.batch)"
    if rows(connection, others) == [(0,)]:
        return ""
    # constants, which DuckDB compares with what each block holds before it reads it; and two of them where
    # that says it, for a long list is planned anew wherever a rule reads a table
    batch = [
        str(company) for (company,) in rows(connection, "SELECT company FROM landing.batch ORDER BY company")
    ]
    between = f"company BETWEEN {quoted(batch[0])} AND {quoted(batch[-1])}"
    if rows(connection, f"{others} AND {between}") == [(0,)]:
        return f"WHERE {between}"
    return f"WHERE company IN ({', '.join(map(quoted, batch))})"


def _show(connection: duckdb.DuckDBPyConnection, model: Model, only: str) -> None:
    """Put what concerns the batch before a table or view, under the same name.

    A view that much reads says in its header that it is `built: in memory`: once, and not whenever read.
    """
    if model.header.settings.get("built") == "in memory":
        connection.execute(f"CREATE TEMP TABLE {model.name} AS {tonight(model)}")
    elif only and model.kind is Kind.VIEW:
        connection.execute(f"CREATE TEMP VIEW {model.name} AS {tonight(model)}")
    elif only:
        connection.execute(f"CREATE TEMP VIEW {model.name} AS FROM warehouse.{model.qualified} {only}")


def _digests(models: Models) -> dict[str, str]:
    """A digest per model that changes with its file and with every file that it reads."""
    digests: dict[str, str] = {}
    for model in models:
        if model.schema in STEPS:
            continue
        below = "".join(digests[name] for name in sorted(model.reads) if name in digests)
        digests[model.qualified] = hashlib.sha256((model.sha256 + below).encode()).hexdigest()
    return digests


def _drop(connection: duckdb.DuckDBPyConnection, removed: set[str], made: dict[str, str]) -> None:
    """Drop what a file made that is no longer there, or that makes something of another kind now."""
    found = rows(
        connection,
        """
        SELECT table_schema || '.' || table_name, replace(table_type, 'BASE ', '')
        FROM information_schema.tables
        WHERE table_catalog = current_catalog()
        ORDER BY ALL""",
    )
    for name, kind in found:
        if name in removed or made.get(name, kind) != kind:
            connection.execute(f"DROP {kind} {name}")
