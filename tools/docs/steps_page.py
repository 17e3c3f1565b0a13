"""Writes docs/steps.md, the steps of a run, from the headers of their files."""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.common.text import markdown_cell, markdown_table
from pipedrive_graph.warehouse import step_lineage
from pipedrive_graph.warehouse.sql_model import Model
from pipedrive_graph.warehouse.sql_project import Models

_OPENING = """\
# The steps of a run

A run makes temporary tables between the responses of Pipedrive and the tables that people read. Each is one
file of SQL and decides one thing. Python runs them, and writes their rows into the history. A step may read a
table that its rows are written to: it reads what the previous run left.

`make docs` generates this page from the headers.
"""

_FOLDERS = {
    "merge": "What a snapshot changes in the history",
    "peers": "How users compare with their peers",
    "lifecycle": "What becomes of findings and waivers",
}


def page(models: Models) -> str:
    """Return the page as Markdown: a section per folder, and in it one per step."""
    parts = [_OPENING.rstrip()]
    sources = step_lineage.sources(models)
    for schema, title in _FOLDERS.items():
        steps = [step for step in step_lineage.steps(models) if step.schema == schema]
        rows = [(f"[`{step.name}`](#{step.name})", markdown_cell(step.header.row)) for step in steps]
        parts += [f"## {title}", "\n".join(markdown_table(("step", "one row per"), rows))]
        parts += [_section(models, step, sources[step.qualified]) for step in steps]
    return "\n\n".join(parts) + "\n"


def _section(models: Models, step: Model, sources: set[str]) -> str:
    file = f"{step.path.parent.name}/{step.path.name}"
    columns = [(f"`{name}`", markdown_cell(text)) for name, text in step.columns.items()]
    parts = [
        f"### {step.name}",
        step.header.comment,
        f"**Key:** {', '.join(f'`{name}`' for name in step.key)}",
        "\n".join(markdown_table(("column", "what it holds"), columns)),
    ]
    if sources:
        parts.append(f"**Reads:** {', '.join(_linked(models, name) for name in sorted(sources))}")
    if step.writes:
        parts.append(f"**Written to:** {', '.join(f'`{table}`' for table in step.writes)}")
    parts.append(f"Defined in [sql/{file}](../sql/{file}).")
    return "\n\n".join(parts)


def _linked(models: Models, qualified: str) -> str:
    """A link to the section of a step or to the page of a published table."""
    schema, _, name = qualified.partition(".")
    if schema in _FOLDERS:
        return f"[`{name}`](#{name})"
    is_published = schema == "main" and models[qualified].is_published
    return f"[`{name}`](tables/{name}.md)" if is_published else f"`{qualified}`"


if __name__ == "__main__":
    (Path("docs") / "steps.md").write_text(page(Models(sql_folder())), encoding="utf-8")
