"""Reads rule settings from headers: the answers that a rule needs, and whether it finds events."""

from __future__ import annotations

from dataclasses import dataclass

from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse.sql_model import Model

SEVERITIES = ("critical", "high", "medium", "low", "info")
SUBJECT_KINDS = ("user", "role", "permission_set", "pipeline", "team", "company")


@dataclass(frozen=True, slots=True)
class Need:
    """A kind of answer that a rule needs.

    `scope` is `list` (the whole list), `own` (the answer about the finding's subject), or `all` (the answers
    to all calls of that endpoint in the snapshot).
    """

    endpoint: str
    scope: str


def needs(rule: Model) -> list[Need]:
    """The answers that a rule needs, as its header lists them.

    Raises:
        ModelError: if the header lists none.
    """
    needed = []
    for text in rule.header.settings.get("needs", "").split(","):
        name = text.strip()
        if name.startswith("all "):
            needed.append(Need(name.removeprefix("all ").strip(), "all"))
        elif name:
            needed.append(Need(name, "own" if "{id}" in name else "list"))
    if not needed:
        raise ModelError(
            f"sql/findings/{rule.path.name}: the header must list the answers that the rule needs, "
            "such as 'needs: users'."
        )
    return needed


def is_event(rule: Model) -> bool:
    """Whether a rule finds events, which happened in one snapshot, rather than states."""
    return rule.header.settings.get("event") == "yes"
