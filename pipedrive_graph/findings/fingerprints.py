"""Fingerprints of rules: digests of a rule's query and of the settings in findings.toml that it uses.

A finding stores the fingerprint with which it was found. If the fingerprint has changed, a finding that
disappears is not called fixed, because the rule or one of its thresholds may be the cause. Comments and
formatting do not change a fingerprint.
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
"""A file in sql/: file digests of the shipped rules in earlier releases, which stored them in findings."""

_THRESHOLDS = "main.rule_thresholds"

_TAKE_OVER = """
    UPDATE history.findings AS findings SET rule_sha256 = earlier.rule_sha256
    FROM lifecycle.earlier_fingerprints AS earlier
    WHERE findings.company = earlier.company
        AND findings.rule = earlier.rule AND findings.rule_sha256 = earlier.earlier_sha256"""

_NO_SETTINGS = {"roster", "rules"}
"""Tables of the schema `policy` that hold no settings: a change in them does not change a rule."""


def make_fingerprints(connection: duckdb.DuckDBPyConnection, models: Models, rules: list[Model]) -> None:
    """Create lifecycle.rule_fingerprints for the rules in run.rules and the companies in landing.batch."""
    _hand_over_policies(connection, models, rules)
    steps.make(connection, models, "lifecycle.rule_settings", "lifecycle.rule_fingerprints")


def take_over(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Convert the fingerprints that an earlier release stored in the findings of landing.batch's companies.

    Those were digests of whole files. A fingerprint that matches no earlier file stays, because its rule has
    changed. Fingerprints include the settings of the last snapshot, so this must run before the policy
    tables are rewritten.
    """
    before = """
        SELECT 1 FROM history.findings SEMI JOIN landing.batch USING (company)
        WHERE status <> 'resolved' AND NOT starts_with(rule_sha256, 'query:') LIMIT 1"""
    if not rows(connection, before):
        return
    rules = models.of("rules", Kind.RULE)
    # custom rules are the same files in both releases
    known = {(rule.name, rule.sha256, rule.query_sha256) for rule in rules}
    shipped = json.loads((sql_folder() / EARLIER).read_text(encoding="utf-8"))
    known |= {(rule, file, query) for rule, files in shipped.items() for file, query in files.items()}
    steps.hand_over(connection, "earlier_rules", sorted(known))
    _hand_over_policies(connection, models, rules)
    steps.make(connection, models, "lifecycle.rule_settings", "lifecycle.earlier_fingerprints")
    steps.execute(connection, _TAKE_OVER)


def _hand_over_policies(connection: duckdb.DuckDBPyConnection, models: Models, rules: list[Model]) -> None:
    policies = [(rule.name, name) for rule in rules for name in sorted(settings_of(models, rule))]
    steps.hand_over(connection, "rule_policies", policies)


def settings_of(models: Models, rule: Model) -> set[str]:
    """The thresholds and policy tables that a rule uses, directly or through the tables that it reads."""
    known = {model.qualified: model for model in models}
    thresholds = [name for name in known[_THRESHOLDS].columns if name != "company"]
    names: set[str] = set()
    for model in _below(known, rule, set()):
        tables = {name.removeprefix("policy.") for name in model.reads if name.startswith("policy.")}
        names |= tables & POLICY.keys() - _NO_SETTINGS - {"thresholds"}
        if _THRESHOLDS in model.reads:
            names |= {name for name in thresholds if re.search(rf"\b{name}\b", model.query)}
    return names


def _below(known: dict[str, Model], model: Model, seen: set[str]) -> Iterator[Model]:
    """A model and all models that it depends on, each once."""
    if model.qualified not in seen:
        seen.add(model.qualified)
        yield model
        for name in sorted(model.reads & known.keys()):
            yield from _below(known, known[name], seen)
