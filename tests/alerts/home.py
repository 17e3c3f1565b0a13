"""A home folder with a published file that the test writes row by row."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipedrive_graph.alerts import send
from pipedrive_graph.alerts.sender import Outcome
from pipedrive_graph.config import alerts_file
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import Settings

SLACK = '[[alert]]\nkind = "slack"\nurl_env = "WEBHOOK_URL"\n'
JSON = SLACK.replace("slack", "webhook")
FIRST_NIGHT = datetime(2026, 11, 20, 2, 0)  # noqa: DTZ001 - as in the tables


def email(port: int, *, more: str = "") -> str:
    return f"""
[[alert]]
kind = "email"
host = "127.0.0.1"
port = {port}
from = "Graph <graph@example.com>"
to = ["security@example.com", "Ops <ops@example.com>"]
user = "graph"
password_env = "SMTP_PASSWORD"
{more}
"""


@dataclass
class Home:
    """One company, `acme`, and its runs.

    Attributes:
        nights: the accepted snapshots, as status and reason.
        findings: the open ones.
        broken: why a rule could not be run, by its name.
    """

    folder: Path
    patch: pytest.MonkeyPatch
    nights: list[tuple[str, str | None]] = field(default_factory=list)
    findings: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir()

    @property
    def settings(self) -> Settings:
        return Settings(self.folder, (Company("acme"),))

    @property
    def state(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.folder / "alerts" / "acme.json").read_text())
        return told

    def set(self, text: str) -> None:
        (self.folder / "alerts.toml").write_text(text)

    def clock(self, days: float) -> None:
        """Set the clock to a number of days after the first night."""
        self.patch.setenv("PIPEDRIVE_GRAPH_CLOCK", f"{FIRST_NIGHT + timedelta(days=days)}Z")
        self.patch.setattr("pipedrive_graph.common.clock._STARTED", time.monotonic())

    def found(self, name: str, severity: str = "high", *, night: int = 0, **more: Any) -> None:
        """Add a finding that is open since a night."""
        self.findings[name] = {
            "company": "acme",
            "finding_id": name.ljust(16, "0"),
            "rule": "dormant_admin",
            "severity": severity,
            "subject_kind": "user",
            "subject_id": "7",
            "object": None,
            "title": f"Title of {name}.",
            "evidence": "{}",
            "opened_at": str(FIRST_NIGHT + timedelta(days=night)),
            "reopened": 0,
            "status": "open",
            **more,
        }

    def night(self, status: str = "complete", reason: str | None = None) -> None:
        """Publish one more night with the current findings, and advance the clock by a minute."""
        self.nights.append((status, reason))
        self.clock(len(self.nights) - 1 + 1 / 1440)
        path = self.settings.published
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            connection.execute("""
                CREATE TABLE snapshots (
                    company VARCHAR, snapshot_id VARCHAR, status VARCHAR, reason VARCHAR,
                    finished_at TIMESTAMP
                );
                CREATE TABLE rule_runs (company VARCHAR, rule VARCHAR, outcome VARCHAR, reason VARCHAR);
                CREATE TABLE waivers (
                    company VARCHAR, waiver_id VARCHAR, rule VARCHAR, subject VARCHAR, object VARCHAR,
                    owner VARCHAR, expires DATE, state VARCHAR
                );
                CREATE TABLE findings (
                    company VARCHAR, finding_id VARCHAR, rule VARCHAR, severity VARCHAR,
                    subject_kind VARCHAR, subject_id VARCHAR, object VARCHAR, title VARCHAR, evidence JSON,
                    opened_at TIMESTAMP, reopened INTEGER, status VARCHAR
                )""")
            for number, (how, why) in enumerate(self.nights):
                connection.execute(
                    "INSERT INTO snapshots VALUES ('acme', ?, ?, ?, ?)",
                    [f"night-{number}", how, why, FIRST_NIGHT + timedelta(days=number)],
                )
            connection.execute("""
                CREATE TABLE current_snapshot AS
                SELECT company, snapshot_id FROM snapshots ORDER BY finished_at DESC LIMIT 1""")
            for rule, problem in self.broken.items():
                connection.execute("INSERT INTO rule_runs VALUES ('acme', ?, 'broken', ?)", [rule, problem])
            for row in self.findings.values():
                connection.execute(
                    "INSERT INTO findings BY NAME SELECT unnest(?)",
                    [row],
                )

    def send(self) -> list[Outcome]:
        return send.send(self.settings, alerts_file.read(self.settings), "acme", on_wait=print)
