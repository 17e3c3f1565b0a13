"""Runs sql/graph, sql/macros and sql/findings: the tables of the companies that have something new.

A table is computed as its file says and replaced for those companies only, unless the file (or one that it
reads) has changed: then it is made anew for all.
"""

from __future__ import annotations

import hashlib

import duckdb

from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.models import Kind, Model, Models

_VIEWS = {Kind.VIEW, Kind.RULE}
"""Kinds that are computed when they are read."""

_TONIGHT = "company IN (SELECT company FROM landing.batch)"


def transform(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Bring the graph's tables up to date for the companies in landing.batch.

    Raises:
        ModelError: naming the file that DuckDB refuses, and why.
    """
    before = {str(name): digest for name, digest in rows(connection, "FROM history.models")}
    digests = _digests(models)
    made = {m.qualified: "VIEW" if m.kind in _VIEWS else "TABLE" for m in models if m.qualified in digests}
    _drop(connection, before.keys() - made.keys(), made)
    for model in models:
        if model.schema == "staging":
            continue
        try:
            _make(connection, model, changed=before.get(model.qualified) != digests[model.qualified])
        except duckdb.Error as error:
            folder = model.path.parent.name
            raise ModelError(f"sql/{folder}/{model.path.name}: {str(error).splitlines()[0]}") from error
    connection.execute("DELETE FROM history.models")
    connection.executemany("INSERT INTO history.models VALUES (?, ?)", sorted(digests.items()))


def counts(connection: duckdb.DuckDBPyConnection, models: Models) -> dict[str, int]:
    """Rows of the companies in landing.batch, by the qualified name of the table or view."""
    shown = models.of("main", Kind.TABLE, Kind.VIEW)
    return {model.qualified: _count(connection, model) for model in shown}


def create_macro(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Create a macro of sql/macros in the database that is in use."""
    parameters = ", ".join(model.header.parameters)
    kind = "TABLE" if model.kind is Kind.MACRO else ""
    connection.execute(f"CREATE OR REPLACE MACRO main.{model.name}({parameters}) AS {kind} {model.query}")


def _make(connection: duckdb.DuckDBPyConnection, model: Model, *, changed: bool) -> None:
    if model.kind.is_macro:
        create_macro(connection, model)
    elif model.kind in _VIEWS:
        connection.execute(f"CREATE OR REPLACE VIEW {model.qualified} AS {model.query}")
    elif changed:
        connection.execute(f"CREATE OR REPLACE TABLE {model.qualified} AS {model.query}")
    elif "company" in model.header.columns:
        connection.execute(f"DELETE FROM {model.qualified} WHERE {_TONIGHT}")
        connection.execute(
            f"INSERT INTO {model.qualified} BY NAME SELECT * FROM ({model.query}) WHERE {_TONIGHT}"
        )


def _count(connection: duckdb.DuckDBPyConnection, model: Model) -> int:
    where = f"WHERE {_TONIGHT}" if "company" in model.header.columns else ""
    count: int = rows(connection, f"SELECT count(*) FROM {model.qualified} {where}")[0][0]
    return count


def _digests(models: Models) -> dict[str, str]:
    """A digest per model that changes with its file and with every file that it reads."""
    digests: dict[str, str] = {}
    for model in models:
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
