"""Declares the tables of the history: what identifies a row, what makes a version, what is kept beside."""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.warehouse.database import rows


@dataclass(frozen=True, slots=True)
class HistoryTable:
    """One table of versions: what identifies a row, what makes a version, what is kept beside."""

    name: str
    subject: str
    """The column by which staging.proven knows whose rows are told in full."""
    key: dict[str, str]
    versioned: dict[str, str]
    latest: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, str]:
        """All columns of a version but for its times, with their types."""
        return {"company": "VARCHAR", **self.key, **self.versioned}


TABLES = (
    HistoryTable(
        "users",
        "user_id",
        key={"user_id": "BIGINT"},
        versioned={
            "name": "VARCHAR",
            "email": "VARCHAR",
            "active": "BOOLEAN",
            "deleted": "BOOLEAN",
            "is_admin": "BOOLEAN",
            "role_id": "BIGINT",
            "access": "STRUCT(app VARCHAR, admin BOOLEAN, permission_set_id VARCHAR)[]",
            "created": "TIMESTAMP",
            "has_created_company": "BOOLEAN",
            "locale": "VARCHAR",
            "default_currency": "VARCHAR",
            "timezone_name": "VARCHAR",
        },
        latest={
            "last_login": "TIMESTAMP",
            "login_known": "BOOLEAN",
            "modified": "TIMESTAMP",
            "phone": "VARCHAR",
            "timezone_offset": "VARCHAR",
            "icon_url": "VARCHAR",
        },
    ),
    HistoryTable(
        "roles",
        "role_id",
        key={"role_id": "BIGINT"},
        versioned={
            "name": "VARCHAR",
            "parent_role_id": "BIGINT",
            "active": "BOOLEAN",
            "description": "VARCHAR",
        },
        latest={"level": "BIGINT", "assignment_count": "BIGINT", "sub_role_count": "BIGINT"},
    ),
    HistoryTable(
        "user_roles",
        "user_id",
        key={"user_id": "BIGINT", "role_id": "BIGINT"},
        versioned={"active": "BOOLEAN"},
    ),
    HistoryTable(
        "permission_sets",
        "permission_set_id",
        key={"permission_set_id": "VARCHAR"},
        versioned={
            "name": "VARCHAR",
            "app": "VARCHAR",
            "type": "VARCHAR",
            "description": "VARCHAR",
            "contents": "VARCHAR[]",
        },
        latest={"assignment_count": "BIGINT"},
    ),
    HistoryTable(
        "user_permissions",
        "user_id",
        key={"user_id": "BIGINT", "permission": "VARCHAR"},
        versioned={"granted": "BOOLEAN"},
    ),
)

_OTHER_TABLES = {
    "snapshots": {
        "company": "VARCHAR",
        "snapshot_id": "VARCHAR",
        "started_at": "TIMESTAMP",
        "finished_at": "TIMESTAMP",
        "status": "VARCHAR",
        "collect": "VARCHAR",
        "users": "BIGINT",
        "roles": "BIGINT",
        "observed": "BIGINT",
        "inferred": "BIGINT",
        "requests": "BIGINT",
        "throttled": "BIGINT",
        "reason": "VARCHAR",
        "company_id": "BIGINT",
        "token_owner": "BIGINT",
        "position": "INTEGER",
        "manifest_sha256": "VARCHAR",
    },
    "coverage": {
        "company": "VARCHAR",
        "endpoint": "VARCHAR",
        "subject_id": "VARCHAR",
        "outcome": "VARCHAR",
    },
    "observations": {
        "company": "VARCHAR",
        "history_table": "VARCHAR",
        "subject_id": "VARCHAR",
        "first_at": "TIMESTAMP",
        "last_at": "TIMESTAMP",
        "signature": "VARCHAR",
    },
    "permission_answers": {"company": "VARCHAR", "user_id": "BIGINT", "digest": "VARCHAR"},
    "access_signatures": {"company": "VARCHAR", "user_id": "BIGINT", "signature": "VARCHAR"},
    "corrections": {
        "company": "VARCHAR",
        "user_id": "BIGINT",
        "permission": "VARCHAR",
        "corrected_at": "TIMESTAMP",
        "inferred": "BOOLEAN",
        "observed": "BOOLEAN",
    },
    "unreadable_values": {
        "company": "VARCHAR",
        "endpoint": "VARCHAR",
        "subject_id": "VARCHAR",
        "field": "VARCHAR",
        "value": "VARCHAR",
    },
    "peer_groups": {
        "company": "VARCHAR",
        "user_id": "BIGINT",
        "role_id": "BIGINT",
        "kind": "VARCHAR",
        "peers": "BIGINT",
        "reason": "VARCHAR",
    },
    "peer_comparisons": {
        "company": "VARCHAR",
        "user_id": "BIGINT",
        "permission": "VARCHAR",
        "score": "DOUBLE",
        "peers": "BIGINT",
        "holders": "BIGINT",
        "role_peers": "BIGINT",
        "compared": "BIGINT[]",
    },
    "models": {"name": "VARCHAR", "digest": "VARCHAR"},
    "findings": {
        "company": "VARCHAR",
        "finding_id": "VARCHAR",
        "rule": "VARCHAR",
        "severity": "VARCHAR",
        "subject_kind": "VARCHAR",
        "subject_id": "VARCHAR",
        "object": "VARCHAR",
        "snapshot_id": "VARCHAR",
        "title": "VARCHAR",
        "evidence": "JSON",
        "remedy": "VARCHAR",
        "first_seen": "TIMESTAMP",
        "last_seen": "TIMESTAMP",
        "status": "VARCHAR",
        "resolved_reason": "VARCHAR",
        "resolved_at": "TIMESTAMP",
        "opened_at": "TIMESTAMP",
        "reopened": "INTEGER",
        "note": "VARCHAR",
        "acknowledged_at": "TIMESTAMP",
        "waiver_reason": "VARCHAR",
        "waiver_owner": "VARCHAR",
        "waiver_expires": "DATE",
        "waiver_read_at": "TIMESTAMP",
        "waived_severity": "VARCHAR",
        "waived_evidence": "JSON",
        "waivers_spent_at": "TIMESTAMP",
        "rule_sha256": "VARCHAR",
    },
    "finding_counts": {
        "company": "VARCHAR",
        "snapshot_id": "VARCHAR",
        "status": "VARCHAR",
        "severity": "VARCHAR",
        "findings": "BIGINT",
        "opened": "BIGINT",
        "resolved": "BIGINT",
    },
    "rule_runs": {
        "company": "VARCHAR",
        "snapshot_id": "VARCHAR",
        "rule": "VARCHAR",
        "outcome": "VARCHAR",
        "reason": "VARCHAR",
        "fired": "BIGINT",
    },
    "waivers": {
        "company": "VARCHAR",
        "waiver_id": "VARCHAR",
        "rule": "VARCHAR",
        "subject": "VARCHAR",
        "object": "VARCHAR",
        "reason": "VARCHAR",
        "owner": "VARCHAR",
        "expires": "DATE",
        "read_at": "TIMESTAMP",
        "state": "VARCHAR",
        "findings": "BIGINT",
    },
    "reviews": {
        "company": "VARCHAR",
        "review_id": "VARCHAR",
        "name": "VARCHAR",
        "snapshot_id": "VARCHAR",
        "opened_at": "TIMESTAMP",
        "opened_by": "VARCHAR",
        "due": "DATE",
        "sha256": "VARCHAR",
    },
    "review_items": {
        "company": "VARCHAR",
        "review_id": "VARCHAR",
        "row_id": "VARCHAR",
        "user_id": "BIGINT",
        "name": "VARCHAR",
        "email": "VARCHAR",
        "owner": "VARCHAR",
        "live": "BOOLEAN",
        "roles": "STRUCT(role_id BIGINT, name VARCHAR, source VARCHAR)[]",
        "permission_sets": "STRUCT(app VARCHAR, permission_set_id VARCHAR, name VARCHAR)[]",
        "admin": "BOOLEAN",
        "admin_apps": "VARCHAR[]",
        "sensitive_permissions": "STRUCT(permission VARCHAR, source VARCHAR)[]",
        "last_login": "TIMESTAMP",
        "login_known": "BOOLEAN",
        "findings": "STRUCT(finding_id VARCHAR, severity VARCHAR, rule VARCHAR, status VARCHAR)[]",
        "recommendation": "VARCHAR",
        "reason": "VARCHAR",
        "sha256": "VARCHAR",
    },
    "review_decisions": {
        "company": "VARCHAR",
        "review_id": "VARCHAR",
        "row_id": "VARCHAR",
        "decided_at": "TIMESTAMP",
        "decided_by": "VARCHAR",
        "decision": "VARCHAR",
        "role": "VARCHAR",
        "permission_sets": "VARCHAR",
        "sensitive_permissions": "VARCHAR",
        "admin_rights": "VARCHAR",
        "comment": "VARCHAR",
        "imported_by": "VARCHAR",
        "snapshot_id": "VARCHAR",
        "sha256": "VARCHAR",
    },
    "journal": {"company": "VARCHAR", "lines": "BIGINT"},
}

POLICY = {
    "thresholds": {"company": "VARCHAR", "name": "VARCHAR", "value": "DECIMAL(9, 4)"},
    "sensitive_permissions": {"company": "VARCHAR", "permission": "VARCHAR"},
    "email_domains": {"company": "VARCHAR", "domain": "VARCHAR"},
    "allowed_permissions": {"company": "VARCHAR", "role": "VARCHAR", "permission": "VARCHAR"},
    "mailbox_names": {"company": "VARCHAR", "name": "VARCHAR"},
    "combinations": {
        "company": "VARCHAR",
        "combination": "VARCHAR",
        "severity": "VARCHAR",
        "title": "VARCHAR",
        "clause": "INTEGER",
        "permission": "VARCHAR",
    },
    "roster": {
        "company": "VARCHAR",
        "line": "BIGINT",
        "email": "VARCHAR",
        "status": "VARCHAR",
        "leaver": "BOOLEAN",
        "manager": "VARCHAR",
        "expected_role": "VARCHAR",
        "problem": "VARCHAR",
    },
}
"""The tables of what the rules go by, as findings.toml and the rosters say it: written anew each night."""


def columns() -> dict[str, dict[str, str]]:
    """Every table of the history: its columns, with their types."""
    tables = dict(_OTHER_TABLES)
    for table in TABLES:
        tables[table.name] = {**table.columns, "valid_from": "TIMESTAMP", "valid_to": "TIMESTAMP"}
        if table.latest:
            tables[f"{table.name}_latest"] = {"company": "VARCHAR", **table.key, **table.latest}
    return tables


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of the history and of the policy where they are not there yet.

    Raises:
        WarehouseError: if those that are there have other columns: another version made them.
    """
    for schema in ("history", "policy", "rules"):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    declared = {"history": columns(), "policy": POLICY}
    for schema, tables in declared.items():
        for name, types in tables.items():
            listed = ", ".join(f"{column} {type_}" for column, type_ in types.items())
            connection.execute(f"CREATE TABLE IF NOT EXISTS {schema}.{name} ({listed})")
    found: dict[str, set[str]] = {}
    for table, column in rows(
        connection,
        """
        SELECT schema_name || '.' || table_name, column_name
        FROM duckdb_columns()
        WHERE database_name = current_database() AND schema_name IN ('history', 'policy')""",
    ):
        found.setdefault(table, set()).add(column)
    for schema, tables in declared.items():
        for name, types in tables.items():
            if found[f"{schema}.{name}"] != types.keys():
                raise WarehouseError(
                    f"The warehouse was made by another version ({schema}.{name} has other columns); "
                    "run `pipedrive-graph rebuild`, which makes it anew from the landing."
                )
