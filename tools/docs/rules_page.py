"""Writes docs/rules.md, the catalogue of the rules, from the headers of sql/findings."""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.common.text import markdown_table
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import Models

_OPENING = """\
# The rules

Each rule is one file in [sql/findings](../sql/findings): the header has its meaning and remedy, the query
has its condition. The thresholds, sensitive permissions and toxic combinations are in
[sql/findings.toml](../sql/findings.toml); a `findings.toml` in the home folder overrides them. An unknown
value never leads to a finding, and neither does an inferred permission.

`make docs` generates this page from the headers.
"""


def catalogue(models: Models) -> str:
    """Return the page as Markdown: a table of all rules, then a section per rule."""
    rules = sorted(models.of("rules", Kind.RULE), key=lambda rule: rule.name)
    rows = [(f"[`{rule.name}`](#{rule.name})", _setting(rule, "severity"), rule.header.row) for rule in rules]
    table = "\n".join(markdown_table(("rule", "severity", "what it finds"), rows))
    return "\n\n".join([_OPENING.rstrip(), table, *map(_section, rules)]) + "\n"


def _section(rule: Model) -> str:
    kind = "an event; open until acknowledged" if rule.header.settings.get("event") else "a state"
    return "\n".join(
        [
            f"## {rule.name}",
            "",
            f"**{_setting(rule, 'title')}** ({_setting(rule, 'severity')}; {kind}). "
            f"{_setting(rule, 'meaning')}",
            "",
            f"*What to do:* {_setting(rule, 'remedy')}",
            "",
            f"*Details:* {rule.header.comment}",
            "",
            f"*Needs:* {_setting(rule, 'needs')}. *Identified by:* {_setting(rule, 'identity')}. "
            f"*Reference:* {_setting(rule, 'reference')}.",
        ]
    )


def _setting(rule: Model, name: str) -> str:
    return rule.header.settings.get(name, "")


if __name__ == "__main__":
    page = Path("docs") / "rules.md"
    page.write_text(catalogue(Models(sql_folder())), encoding="utf-8")
