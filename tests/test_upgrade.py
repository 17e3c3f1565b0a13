"""A home that an earlier version made is taken over by the next `sync`, without a manual step.

The earlier version is run from this repository's own history, so the home is what users really have.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alerts.receivers import WebReceiver, web_receiver
from installation import Installation, Told
from published import Row, query

from pipedrive_graph.simulator.nights import live_on
from pipedrive_graph.simulator.server import Options, Simulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

REPOSITORY = Path(__file__).parents[1]

EARLIER = ["5165287"]
"""Commits whose homes are out there."""

FINDINGS = """
    SELECT finding_id, rule, subject_id, object, first_seen, status
    FROM findings
    WHERE status IN ('open', 'waived')
    ORDER BY ALL"""

REVIEWS = "SELECT review_id, name, opened_at, due, sha256 FROM reviews ORDER BY ALL"


@dataclass
class Upgrade:
    """What two nights of the earlier version left, and what the first night of this one made of it."""

    installation: Installation
    receiver: WebReceiver
    before: dict[str, Any] = field(default_factory=dict)
    sync: Told | None = None
    messages: list[Any] = field(default_factory=list)
    acknowledged: str = ""

    def query(self, text: str, *values: object) -> list[Row]:
        return query(self.installation.published, text, *values)


def source_of(commit: str, folder: Path) -> Path:
    """Unpack a commit's package and SQL; skips the test where the history is missing, as in an archive."""
    archive = subprocess.run(
        ["git", "archive", commit, "pipedrive_graph", "sql"], cwd=REPOSITORY, capture_output=True
    )
    if archive.returncode:
        pytest.skip(f"the repository's history does not reach back to {commit}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module", params=EARLIER)
def upgrade(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    source = source_of(request.param, tmp_path_factory.mktemp("source"))
    home = tmp_path_factory.mktemp("upgrade") / "home"
    home.mkdir()
    options = Options(users=60, limit=2000, now=datetime(2026, 11, 1, tzinfo=UTC))
    with Simulator(options) as simulator, web_receiver() as receiver:
        installation = Installation.of(home, simulator)
        installation.variables["UPGRADE_WEBHOOK"] = receiver.url
        severities = '["critical", "high", "medium", "low", "info"]'
        (home / "alerts.toml").write_text(
            f'[[alert]]\nkind = "webhook"\nurl_env = "UPGRADE_WEBHOOK"\nseverities = {severities}\n'
        )

        def earlier(*arguments: str) -> str:
            """Run a command of the earlier version, which ends with 0."""
            process = subprocess.run(
                [sys.executable, "-m", "pipedrive_graph", *arguments],
                cwd=source,
                env={**os.environ, **installation.environment, "PYTHONPATH": str(source)},
                capture_output=True,
                text=True,
            )
            assert process.returncode == 0, process.stderr
            return process.stdout

        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-01T02:00:00Z"
        earlier("sync")
        live_on(simulator.company, days=1)
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-02T02:00:00Z"
        earlier("sync")
        (home / "reviews.toml").write_text('default = "reviewer@northwind.example"\n')
        found = [json.loads(line) for line in earlier("findings", "--json").splitlines()]
        waived = next(one for one in found if one["rule"] == "dormant_user")
        earlier("waive", waived["finding_id"], "--reason", "on leave", "--until", "2027-03-31")
        event = query(
            installation.published,
            "SELECT finding_id FROM findings WHERE status = 'open' AND snapshot_id IS NOT NULL",
        )
        earlier("ack", event[0][0], "--note", "was agreed")
        earlier("review", "open", "--out", str(home / "review.csv"))

        done = Upgrade(installation, receiver, acknowledged=event[0][0])
        done.before = {
            "findings": done.query(FINDINGS),
            "snapshots": done.query("SELECT snapshot_id, started_at FROM snapshots ORDER BY ALL"),
            "reviews": done.query(REVIEWS),
            "users": done.query("SELECT user_id, first_seen FROM users ORDER BY ALL"),
        }
        receiver.got.clear()
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-02T03:00:00Z"
        done.sync = installation.wait(installation.process("sync", "--json"))
        done.messages = list(receiver.bodies)
        yield done


def test_the_next_sync_needs_no_manual_step(upgrade: Upgrade) -> None:
    assert upgrade.sync is not None
    assert (upgrade.sync.code, upgrade.sync.err) == (0, "")
    snapshots = upgrade.query("SELECT snapshot_id, started_at FROM snapshots ORDER BY ALL")
    assert snapshots[:-1] == upgrade.before["snapshots"]
    assert upgrade.query("SELECT user_id, first_seen FROM users ORDER BY ALL") == upgrade.before["users"]


def test_findings_keep_their_ids_dates_and_status(upgrade: Upgrade) -> None:
    """Nothing has changed in the company: a finding may end where its rule was corrected, none may begin."""
    after = upgrade.query(FINDINGS)

    assert set(after) <= set(upgrade.before["findings"])
    assert {row[5] for row in after} == {"open", "waived"}
    ended = {row[1] for row in set(upgrade.before["findings"]) - set(after)}
    assert ended <= {"missing_permission"}


def test_decisions_are_kept(upgrade: Upgrade) -> None:
    ((status, note),) = upgrade.query(
        "SELECT status, note FROM findings WHERE finding_id = ?", upgrade.acknowledged
    )
    assert status == "resolved"
    assert note.endswith(": was agreed")
    assert upgrade.query(REVIEWS) == upgrade.before["reviews"]


def test_nothing_old_is_alerted_as_new(upgrade: Upgrade) -> None:
    assert upgrade.messages == []


def test_a_rebuild_gives_the_same_findings(upgrade: Upgrade) -> None:
    after = upgrade.query(FINDINGS)
    told = upgrade.installation.command("rebuild")
    assert told.code == 0, told.err
    assert upgrade.query(FINDINGS) == after


def test_the_chain_of_the_journal_begins_and_everything_is_whole(upgrade: Upgrade) -> None:
    journal = upgrade.installation.home / "journal"
    lines = (journal / "default.ndjson").read_text().splitlines()
    assert [line for line in lines if '"previous"' in line] == []  # the sync had nothing to write
    assert json.loads((journal / "default.head.json").read_text())["lines"] == len(lines) == 3

    verified = upgrade.installation.command("verify", "--json")

    assert (verified.code, verified.err) == (0, ""), verified.out
