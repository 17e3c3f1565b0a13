"""Writes the catalogue of the rules for people, from the headers of sql/findings: docs/rules.md."""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.common.text import markdown_table
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import Models

_OPENING = """\
# The rules

Each rule is one file in [sql/findings](../sql/findings): its meaning and remedy stand in its header, what
fires it in its query. The numbers, permissions and combinations they go by are in
[sql/findings.toml](../sql/findings.toml), and a `findings.toml` in the home folder changes them. A value that
is not known fires nothing, and what is inferred is evidence for no rule.

This page is made from the headers by `make docs`.
"""


def catalogue(models: Models) -> str:
    """The rules as a page of Markdown: a table of all, then each in a section of its own."""
    rules = sorted(models.of("rules", Kind.RULE), key=lambda rule: rule.name)
    rows = [(f"[`{rule.name}`](#{rule.name})", _said(rule, "severity"), rule.header.row) for rule in rules]
    table = "\n".join(markdown_table(("rule", "severity", "what it finds"), rows))
    return "\n\n".join([_OPENING.rstrip(), table, *map(_section, rules)]) + "\n"


def _section(rule: Model) -> str:
    kind = "an event, open until it is acknowledged" if rule.header.settings.get("event") else "a state"
    return "\n".join(
        [
            f"## {rule.name}",
            "",
            f"**{_said(rule, 'title')}** ({_said(rule, 'severity')}; {kind}). {_said(rule, 'meaning')}",
            "",
            f"*What to do:* {_said(rule, 'remedy')}",
            "",
            f"*Precisely:* {rule.header.comment}",
            "",
            f"*Rests on:* {_said(rule, 'needs')}. *Told apart by:* {_said(rule, 'identity')}. "
            f"*See:* {_said(rule, 'reference')}.",
        ]
    )


def _said(rule: Model, name: str) -> str:
    return rule.header.settings.get(name, "")


if __name__ == "__main__":
    page = Path("docs") / "rules.md"
    page.write_text(catalogue(Models(sql_folder())), encoding="utf-8")
