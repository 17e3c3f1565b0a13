"""Declares the tables of the history: what identifies a row, what makes a version, what is kept beside."""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb


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
    "models": {"name": "VARCHAR", "digest": "VARCHAR"},
    "findings": {
        "company": "VARCHAR",
        "finding_id": "VARCHAR",
        "rule": "VARCHAR",
        "severity": "VARCHAR",
        "subject_kind": "VARCHAR",
        "subject_id": "VARCHAR",
        "object": "VARCHAR",
        "title": "VARCHAR",
        "evidence": "JSON",
        "remedy": "VARCHAR",
        "first_seen": "TIMESTAMP",
        "last_seen": "TIMESTAMP",
        "status": "VARCHAR",
        "resolved_reason": "VARCHAR",
        "resolved_at": "TIMESTAMP",
        "rule_sha256": "VARCHAR",
    },
}


def columns() -> dict[str, dict[str, str]]:
    """Every table of the history: its columns, with their types."""
    tables = dict(_OTHER_TABLES)
    for table in TABLES:
        tables[table.name] = {**table.columns, "valid_from": "TIMESTAMP", "valid_to": "TIMESTAMP"}
        if table.latest:
            tables[f"{table.name}_latest"] = {"company": "VARCHAR", **table.key, **table.latest}
    return tables


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of the history where they are not there yet."""
    for schema in ("history", "rules"):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for name, types in columns().items():
        declared = ", ".join(f"{column} {type_}" for column, type_ in types.items())
        connection.execute(f"CREATE TABLE IF NOT EXISTS history.{name} ({declared})")
