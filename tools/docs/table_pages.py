"""Writes a page per published table, view and macro for people, from the headers of sql/: docs/tables."""

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
"""Where a query goes on in a new line."""

_OPENING = """\
# The tables

What is in `identity_graph.duckdb`. Each table is one file in [sql/graph](../../sql/graph), each macro
one in [sql/macros](../../sql/macros): what it holds stands in its header. The same is in the file
itself, as comments and in the view [`data_dictionary`](data_dictionary.md). Times are UTC, and `NULL` is
*not known* where a column does not say otherwise, never *no*.

These pages are made from the headers by `make docs`.
"""


def pages(models: Models) -> dict[str, str]:
    """The pages as Markdown, by the names of their files; the index is among them."""
    macros = [model for model in models.of("main") if model.kind.is_macro]
    shown = sorted([*models.published(), *macros, *models.of(PUBLISHED)], key=lambda model: model.name)
    with duckdb.connect() as connection:
        empty.create(connection, models)
        found = {f"{model.name}.md": _page(connection, models, model) for model in shown}
    return {INDEX: _index(shown), **found}


def write(folder: Path, models: Models) -> None:
    """Write the pages, and remove those of tables that are no more."""
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
        "Macros are called with what they ask for, and read like tables:",
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
    parts.append(f"Made by [sql/{file}](../../sql/{file}); this page is made from its header by `make docs`.")
    return "\n\n".join(parts) + "\n"


def _neighbours(models: Models, model: Model) -> list[str]:
    """What it is made from, and what reads it."""
    read = sorted(models.reads(model))
    readers = sorted(
        (other for other in models if model.qualified in models.reads(other)),
        key=lambda other: other.name,
    )
    graph = [
        other for other in readers if other.schema == "main" and (other.is_published or other.kind.is_macro)
    ]
    rules = [other for other in readers if other.kind is Kind.RULE]
    told = []
    if read:
        told.append(f"**Made from:** {', '.join(_linked(models, name) for name in read)}")
    if graph:
        told.append(f"**Read by:** {', '.join(_linked(models, other.qualified) for other in graph)}")
    if rules:
        links = (f"[`{rule.name}`](../rules.md#{rule.name})" for rule in rules)
        told.append(f"**Rules that rest on it:** {', '.join(links)}")
    return told


def _linked(models: Models, qualified: str) -> str:
    """A link to the page of a table; what is not published has none."""
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
