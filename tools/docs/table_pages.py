"""Writes docs/tables, a page per published table, view and macro, from the headers of sql/."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.common.text import markdown_cell, markdown_table
from pipedrive_graph.warehouse import empty
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import PUBLISHED, Models

INDEX = "README.md"

_CLAUSE = re.compile(r" (?=(?:FROM|JOIN|WHERE|GROUP BY|ORDER BY)\b)")
"""Where an example query continues on a new line."""

_OPENING = """\
# The tables

The contents of `identity_graph.duckdb`. Each table is one file in [sql/graph](../../sql/graph), each macro
one file in [sql/macros](../../sql/macros); the header documents the columns. The same texts are in the
database itself, as comments and in the view [`data_dictionary`](data_dictionary.md). Times are in UTC. `NULL`
means *unknown*, never *no*, unless the column says otherwise.

`make docs` generates these pages from the headers.
"""


def pages(models: Models) -> dict[str, str]:
    """Return the pages as Markdown by file name, including the index."""
    macros = [model for model in models.of("main") if model.kind.is_macro]
    shown = sorted([*models.published(), *macros, *models.of(PUBLISHED)], key=lambda model: model.name)
    with duckdb.connect() as connection:
        empty.create(connection, models)
        found = {f"{model.name}.md": _page(connection, models, model) for model in shown}
    return {INDEX: _index(shown), **found}


def write(folder: Path, models: Models) -> None:
    """Write the pages, and remove the pages of tables that no longer exist."""
    folder.mkdir(parents=True, exist_ok=True)
    made = pages(models)
    for page in folder.glob("*.md"):
        if page.name not in made:
            page.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


def _index(shown: list[Model]) -> str:
    tables = [model for model in shown if not model.kind.is_macro]
    macros = [model for model in shown if model.kind.is_macro]
    lines = [
        _OPENING,
        *markdown_table(("table", "one row per"), map(_row, tables)),
        "",
        "Macros take parameters and are read like tables:",
        "",
        *markdown_table(("macro", "one row per"), map(_row, macros)),
    ]
    return "\n".join(lines) + "\n"


def _page(connection: duckdb.DuckDBPyConnection, models: Models, model: Model) -> str:
    types = _types(connection, model)
    parts = [f"# {_called(model)}", model.header.comment]
    if model.key:
        parts.append(f"**Key:** {', '.join(f'`{name}`' for name in model.key)}")
    if model.header.parameters:
        parameters = [(f"`{name}`", markdown_cell(text)) for name, text in model.header.parameters.items()]
        parts.append("\n".join(markdown_table(("parameter", "what it is"), parameters)))
    columns = [(f"`{name}`", types[name], markdown_cell(text)) for name, text in model.columns.items()]
    parts.append("\n".join(markdown_table(("column", "type", "what it holds"), columns)))
    example = model.header.settings.get("example", f"FROM {model.name} LIMIT 10")
    parts.append(f"For example:\n\n```sql\n{_CLAUSE.sub(chr(10), example)};\n```")
    parts += _neighbours(models, model)
    folder = model.path.parent.name
    file = f"{folder}/{model.path.name}"
    parts.append(
        f"Defined in [sql/{file}](../../sql/{file}); `make docs` generates this page from its header."
    )
    return "\n\n".join(parts) + "\n"


def _neighbours(models: Models, model: Model) -> list[str]:
    """The tables that it reads, and the tables and rules that read it."""
    read = sorted(models.reads(model))
    readers = sorted(
        (other for other in models if model.qualified in models.reads(other)),
        key=lambda other: other.name,
    )
    graph = [
        other for other in readers if other.schema == "main" and (other.is_published or other.kind.is_macro)
    ]
    rules = [other for other in readers if other.kind is Kind.RULE]
    lines = []
    if read:
        lines.append(f"**Reads:** {', '.join(_linked(models, name) for name in read)}")
    if graph:
        lines.append(f"**Read by:** {', '.join(_linked(models, other.qualified) for other in graph)}")
    if rules:
        links = (f"[`{rule.name}`](../rules.md#{rule.name})" for rule in rules)
        lines.append(f"**Used by rules:** {', '.join(links)}")
    return lines


def _linked(models: Models, qualified: str) -> str:
    """A link to the page of a table; unpublished tables have no page."""
    schema, _, name = qualified.partition(".")
    return f"[`{name}`]({name}.md)" if schema == "main" else f"`{qualified}`"


def _types(connection: duckdb.DuckDBPyConnection, model: Model) -> dict[str, str]:
    source = model.query
    if model.kind.is_macro:
        nothing = ", ".join("NULL" for _ in model.header.parameters)
        source = f"FROM {model.name}({nothing})"
    return {str(name): str(type_) for name, type_, *_ in rows(connection, f"DESCRIBE {source}")}


def _called(model: Model) -> str:
    return f"{model.name}({', '.join(model.header.parameters)})" if model.kind.is_macro else model.name


def _row(model: Model) -> tuple[str, str]:
    return f"[`{_called(model)}`]({model.name}.md)", markdown_cell(model.header.row)


if __name__ == "__main__":
    write(Path("docs") / "tables", Models(sql_folder()))
