r"""Creates the published macros so that they work under any name by which a tool attaches the file.

DuckDB looks up the tables in a macro where the caller looks up tables, not in the macro's own database
(measured in 1.5.0, 1.5.6, 2.0.0 and 2.0.1; views are looked up in their own). After `ATTACH … AS g`,
`FROM g.who_can('x')` would not find its tables, or would find other tables of the same names. So a published
macro reads each table by its full name, with the database that the caller names:

1. the argument `graph`, where it is given: `g.who_can('x', graph := 'g')`;
2. the qualifier of the macro's name in the text of the query: `g.who_can('x')`;
3. the database in use, after `USE g` or when the file itself is opened;
4. `identity_graph`, the default name when the file is attached without `AS` and no file is in use.

Rule 2 does not apply to `connection.sql()` in Python, which binds a query before DuckDB has its text, nor to
a stored view, which has no text. Finally, the macro checks that it reads its own file and raises an error if
it does not, for instance when one query calls the macros of two files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import duckdb

from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse.database import quoted
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import Models

PARAMETER = "graph"
"""An extra parameter of every published macro."""

EXPLAINED = (
    f"{PARAMETER}: the name under which this file is attached; needed only where the query does not show it, "
    f"such as in a view of another database"
)

THIS_FILE = "'the id of this file'"
"""Placeholder in sql/published for a text that is unique to each published file."""

_DEFAULT_ALIAS = "identity_graph"

_IN_MEMORY = "memory"
"""DuckDB's name for the database in use when no file is open."""

_NO_QUERY = 2**64 - 1
"""The query id when no query is running. Asking DuckDB for the query's text is then an internal error."""


def create_macro(connection: duckdb.DuckDBPyConnection, models: Models, model: Model, file_id: str) -> None:
    """Create a macro in the database in use. It reads that database under any name it is attached by.

    Args:
        connection: its database in use is the one to publish.
        models: all macros, and the tables that they read.
        model: the table macro.
        file_id: a text that only the view data_dictionary of this file contains.
    """
    macros = [other.name for other in models.of("main", Kind.MACRO)]
    parameters = ", ".join([*model.header.parameters, f"{PARAMETER} := NULL"])
    database = _database(macros)
    tables = ",\n".join(
        f"{name} AS NOT MATERIALIZED (FROM query_table({database} || '.main.{name}'))"
        for name in sorted(_tables(models, model))
    )
    if not tables:
        connection.execute(f"CREATE MACRO main.{model.name}({parameters}) AS TABLE {_inlined(models, model)}")
        return
    connection.execute(f"""
        CREATE MACRO main.{model.name}({parameters}) AS TABLE
        WITH {tables}
        SELECT * FROM ({_inlined(models, model)}) AS answers
        WHERE (
            SELECT CASE WHEN count(*) > 0 THEN TRUE ELSE error(concat(
                '{model.name} would read the database ', {database}, ', which is another file than its own; ',
                'name its own, as in {model.name}(…, {PARAMETER} := ''g''), or USE it first.'
            )) END
            FROM duckdb_views() AS views
            WHERE lower({database}) IN (lower(views.database_name), lower({_as_name("views.database_name")}))
                AND views.view_name = 'data_dictionary'
                AND contains(views.sql, {quoted(file_id)})
        )""")


def _database(macros: list[str]) -> str:
    """An SQL expression for the name of the database that the caller of a macro refers to."""
    name = rf""""?(?i:{"|".join(map(re.escape, macros))})"?\s*\("""
    skipped = [
        "'(?:[^']|'')*'",
        r"--[^\n]*",
        r"/\*[\s\S]*?\*/",
        r"\$\$[\s\S]*?\$\$",
        rf'"?(?i:main)"?\s*\.\s*{name}',
    ]
    database = r"""("(?:[^"]|"")+"|(?:[\w$]|[^\x00-\x7f])+)"""
    called = rf"""{database}\s*\.\s*(?:"?(?i:main)"?\s*\.\s*)?{name}"""
    pattern = "|".join([*skipped, called, '"(?:[^"]|"")+"'])
    in_use = _as_name("current_database()")
    text = f"CASE WHEN current_query_id() < {_NO_QUERY} THEN current_query() END"
    return f"""coalesce(
            {_as_name(PARAMETER)},
            nullif(list_max(regexp_extract_all({text}, {quoted(pattern)}, 1)), ''),
            CASE current_database() WHEN '{_IN_MEMORY}' THEN '{_DEFAULT_ALIAS}' ELSE {in_use} END
        )"""


def _as_name(text: str) -> str:
    """An SQL expression that quotes a text as an identifier."""
    return f"""'"' || replace({text}, '"', '""') || '"'"""


def _tables(models: Models, model: Model) -> frozenset[str]:
    """The published tables that a macro reads, directly or through the macros that it calls."""
    return frozenset(name.removeprefix("main.") for name in models.tables_read(model))


def _called(models: Models, model: Model) -> Iterator[Model]:
    return (other for other in models.of("main", Kind.MACRO) if other.qualified in model.reads)


def _inlined(models: Models, model: Model) -> str:
    """A macro's query in which calls of other macros are replaced by their queries.

    Without that, DuckDB would not find the other macros either.

    Raises:
        ModelError: if a call passes arguments that differ from the names of the parameters.
    """
    query = model.query
    for other in _called(models, model):
        call = f"{other.name}({', '.join(other.header.parameters)})"
        if len(re.findall(rf"\b{re.escape(other.name)}\s*\(", query)) != query.count(call):
            raise ModelError(f"{model.place}: calls {other.name} in another way than {call}.")
        query = query.replace(call, f"({_inlined(models, other)}) AS {other.name}")
    return query
