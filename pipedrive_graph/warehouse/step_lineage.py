"""Derives what the steps of a batch read and write, also where Python passes rows from one to another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import STEPS, Models

_HANDED_OVER = {
    "run.compared_groups": "peers.peer_profiles",
    "run.compared_grants": "peers.peer_profiles",
    "run.compared_with": "peers.peer_profiles",
    "run.renames": "main.renames",
}
"""Tables that Python makes from the rows of another table."""

_LAST_FIRST = ("lifecycle", "peers", "merge")
"""The schemas of the steps, in the reverse order of a run."""

_FOUND = "run.found"
"""The table that Python fills with the rows of the rules."""


def steps(models: Models) -> list[Model]:
    """The steps that are tables, in dependency order."""
    return [model for model in models if model.schema in STEPS and not model.kind.is_macro]


def sources(models: Models) -> dict[str, set[str]]:
    """The tables and steps that each step reads, by qualified name; without the tables of landing and run."""
    of_rules = {table for rule in models.of("rules", Kind.RULE) for table in models.tables_read(rule)}
    found: dict[str, set[str]] = {}
    for step in steps(models):
        read = {_HANDED_OVER.get(name, name) for name in models.tables_read(step)}
        read |= of_rules if _FOUND in read else set()
        found[step.qualified] = {name for name in read if name.partition(".")[0] not in {"landing", "run"}}
    return found


def with_steps(models: Models, tables: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """Add the steps to the dependencies of tables, by qualified name.

    A table that a step reads as the previous run left it, such as one that it writes, is not a dependency.

    Args:
        models: all models, including the steps.
        tables: what each table depends on; without cycles.
    """
    graph = {name: {*below} for name, below in tables.items()}
    read = sources(models)
    for step in steps(models):
        graph[step.qualified] = read[step.qualified] & read.keys()
        for table in step.writes:
            graph[table].add(step.qualified)
    # a step cannot read what a later step writes in the same run, so the last steps come first
    for name in sorted(read, key=lambda name: _LAST_FIRST.index(name.partition(".")[0])):
        for table in sorted(read[name] & graph.keys() - read.keys()):
            if name not in _upstream(graph, table):
                graph[name].add(table)
    return graph


def _upstream(graph: Mapping[str, Iterable[str]], name: str) -> set[str]:
    """A table and all that it depends on, directly or not."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += graph.get(current, ())
    return seen
