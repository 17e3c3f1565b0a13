"""Says what the header of a rule tells of it: on which answers it rests, and whether it finds events."""

from __future__ import annotations

from dataclasses import dataclass

from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse.sql_model import Model

SEVERITIES = ("critical", "high", "medium", "low", "info")
SUBJECT_KINDS = ("user", "role", "permission_set", "company")


@dataclass(frozen=True, slots=True)
class Need:
    """One kind of answer that a rule rests on.

    `scope` is `list` (the whole list), `own` (the answer about the finding's subject), or `all` (every
    answer of that endpoint that was asked for).
    """

    endpoint: str
    scope: str


def needs(rule: Model) -> list[Need]:
    """What a rule's header says that it rests on.

    Raises:
        ModelError: if it says nothing.
    """
    found = []
    for text in rule.header.settings.get("needs", "").split(","):
        name = text.strip()
        if name.startswith("all "):
            found.append(Need(name.removeprefix("all ").strip(), "all"))
        elif name:
            found.append(Need(name, "own" if "{id}" in name else "list"))
    if not found:
        raise ModelError(
            f"sql/findings/{rule.path.name}: the header must say what it needs, as 'needs: users'."
        )
    return found


def is_event(rule: Model) -> bool:
    """Whether a rule finds what happened in one snapshot, and not how things are."""
    return rule.header.settings.get("event") == "yes"
