"""Writes the policy of the companies of a batch into the tables of the schema policy, which rules read."""

from __future__ import annotations

import duckdb

from pipedrive_graph.config.email_domains import public_providers
from pipedrive_graph.config.policy import Policies, Policy
from pipedrive_graph.warehouse.database import insert_rows
from pipedrive_graph.warehouse.schema import POLICY, SHARED


def write(connection: duckdb.DuckDBPyConnection, policies: Policies) -> None:
    """Replace the policy rows of the companies in landing.batch, and the tables that all companies share."""
    for name in POLICY.keys() - SHARED:
        connection.execute(f"DELETE FROM policy.{name} WHERE company IN (SELECT company FROM landing.batch)")
    providers = public_providers()
    connection.execute("DELETE FROM policy.public_email_domains")
    connection.execute(
        "INSERT INTO policy.public_email_domains BY NAME SELECT unnest(?) AS domain, ? AS source",
        [list(providers.domains), providers.source],
    )
    connection.execute("DELETE FROM policy.collected_companies")
    insert_rows(connection, "policy.collected_companies", [(name,) for name in policies.collected])
    own = sorted(policies.companies)
    _insert(connection, policies.default, "company <> ALL (?)", own)
    for company in own:
        _insert(connection, policies.companies[company], "company = ?", company)


def _insert(connection: duckdb.DuckDBPyConnection, policy: Policy, where: str, value: object) -> None:
    for name, rows in policy.rows().items():
        if rows:
            columns = ", ".join(column for column in POLICY[name] if column != "company")
            values = ", ".join(f"({', '.join('?' for _ in row)})" for row in rows)
            connection.execute(
                f"""
                INSERT INTO policy.{name} BY NAME
                SELECT company, entries.*
                FROM (VALUES {values}) AS entries({columns})
                CROSS JOIN landing.batch
                WHERE {where}""",
                [*(cell for row in rows for cell in row), value],
            )
