"""Digests of the rules: of a rule's file together with what findings.toml says that the rule goes by.

A finding keeps the digest with which it was found, so that it is not called fixed when in truth the rule,
or a threshold that the rule names, has changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import duckdb

from pipedrive_graph.warehouse.declared import POLICY, SHARED
from pipedrive_graph.warehouse.model import Model
from pipedrive_graph.warehouse.models import Models

_THRESHOLDS = "main.rule_thresholds"

_PEOPLE = {"roster"}
"""Tables of the schema `policy` that tell of people: what changes there changes no rule."""


def digests(connection: duckdb.DuckDBPyConnection, models: Models, rules: list[Model]) -> None:
    """Fill the temporary table `rules_now`: a digest per rule and company of landing.batch."""
    files = {rule.name: rule.sha256 for rule in rules}
    policies = [(rule.name, name) for rule in rules for name in sorted(goes_by(models, rule))]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE rule_files AS SELECT unnest(?) AS rule, unnest(?) AS sha256",
        [[*files], [*files.values()]],
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE rule_policies AS SELECT unnest(?) AS rule, unnest(?) AS name",
        [[rule for rule, _ in policies], [name for _, name in policies]],
    )
    tables = " UNION ALL ".join(
        f"""
        SELECT company, '{table}', sha256(string_agg(entry, '\n' ORDER BY entry))
        FROM (
            SELECT company, CAST(to_json(entries) AS VARCHAR) AS entry
            FROM policy.{table} AS entries
            SEMI JOIN landing.batch USING (company)
        )
        GROUP BY company"""
        for table in POLICY.keys() - _PEOPLE - SHARED - {"thresholds"}
    )
    shared = " UNION ALL ".join(
        f"""
        SELECT company, '{table}', (
            SELECT sha256(string_agg(entry, '\n' ORDER BY entry))
            FROM (SELECT CAST(to_json(entries) AS VARCHAR) AS entry FROM policy.{table} AS entries)
        )
        FROM landing.batch"""
        for table in sorted(SHARED)
    )
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE rules_now AS
        WITH entries(company, name, value) AS (
            SELECT company, name, CAST(value AS VARCHAR)
            FROM policy.thresholds
            SEMI JOIN landing.batch USING (company)
            UNION ALL
            {tables}
            UNION ALL
            {shared}
        ),
        policies AS (
            SELECT company, rule, string_agg(concat(name, '=', value), '\n' ORDER BY name) AS text
            FROM entries
            JOIN rule_policies USING (name)
            GROUP BY company, rule
        )
        SELECT batch.company, rule_files.rule, sha256(concat(rule_files.sha256, policies.text)) AS rule_sha256
        FROM rule_files
        CROSS JOIN landing.batch AS batch
        LEFT JOIN policies ON policies.company = batch.company AND policies.rule = rule_files.rule""")


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
