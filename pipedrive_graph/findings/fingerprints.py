"""Fingerprints of the rules: of a rule's query together with what findings.toml says that the rule goes by.

A finding keeps the fingerprint with which it was found, so that it is not called fixed when in truth the
rule, or a threshold that the rule names, has changed. Rewording or formatting a rule changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import duckdb

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.schema import POLICY
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import Models

EARLIER = "earlier_rules.json"
"""The file of sql/ with the digests of the shipped rules' files in releases that kept these in findings."""

_THRESHOLDS = "main.rule_thresholds"

_PEOPLE = {"roster"}
"""Tables of the schema `policy` that are about people: what changes there changes no rule."""


def digests(connection: duckdb.DuckDBPyConnection, models: Models, rules: list[Model]) -> None:
    """Make lifecycle.rule_fingerprints for the rules in run.rules and the companies in landing.batch."""
    _hand_over_policies(connection, models, rules)
    steps.make(connection, models, "lifecycle.rule_settings", "lifecycle.rule_fingerprints")


def take_over(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Replace the fingerprints that an earlier release kept in the findings of landing.batch's companies.

    They were of whole files. One that fits no file of an earlier release is left: its rule has changed. The
    settings that they include are those of the last snapshot, so this comes before findings.toml is read in.
    """
    before = """
        SELECT 1
        FROM history.findings
        SEMI JOIN landing.batch USING (company)
        WHERE status <> 'resolved' AND NOT starts_with(rule_sha256, 'query:')
        LIMIT 1"""
    if not rows(connection, before):
        return
    rules = models.of("rules", Kind.RULE)
    # the rules of the installation itself are the same files in both releases
    known = {(rule.name, rule.sha256, rule.query_sha256) for rule in rules}
    shipped = json.loads((sql_folder() / EARLIER).read_text(encoding="utf-8"))
    known |= {(rule, file, query) for rule, files in shipped.items() for file, query in files.items()}
    steps.hand_over(connection, "earlier_rules", sorted(known))
    _hand_over_policies(connection, models, rules)
    steps.make(connection, models, "lifecycle.rule_settings", "lifecycle.earlier_fingerprints")
    connection.execute(
        steps.written("""
        UPDATE history.findings AS findings
        SET rule_sha256 = earlier.rule_sha256
        FROM lifecycle.earlier_fingerprints AS earlier
        WHERE
            findings.company = earlier.company
            AND findings.rule = earlier.rule
            AND findings.rule_sha256 = earlier.earlier_sha256""")
    )


def _hand_over_policies(connection: duckdb.DuckDBPyConnection, models: Models, rules: list[Model]) -> None:
    policies = [(rule.name, name) for rule in rules for name in sorted(goes_by(models, rule))]
    steps.hand_over(connection, "rule_policies", policies)


def goes_by(models: Models, rule: Model) -> set[str]:
    """What a rule, or a table behind it, names or reads: thresholds, and the policy's other tables."""
    known = {model.qualified: model for model in models}
    thresholds = [name for name in known[_THRESHOLDS].columns if name != "company"]
    named: set[str] = set()
    for model in _below(known, rule, set()):
        tables = {name.removeprefix("policy.") for name in model.reads if name.startswith("policy.")}
        named |= tables & POLICY.keys() - _PEOPLE - {"thresholds"}
        if _THRESHOLDS in model.reads:
            named |= {name for name in thresholds if re.search(rf"\b{name}\b", model.query)}
    return named


def _below(known: dict[str, Model], model: Model, seen: set[str]) -> Iterator[Model]:
    """A model and all that it is made from, each once."""
    if model.qualified not in seen:
        seen.add(model.qualified)
        yield model
        for name in sorted(model.reads & known.keys()):
            yield from _below(known, known[name], seen)
