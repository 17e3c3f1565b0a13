"""A home that an earlier version made is taken over by the next `sync`, without a manual step.

The earlier version is run from this repository's own history, so the home is what users really have.
"""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from alerts.receivers import web_receiver
from installation import CommandResult, Installation
from published import Row, query

from pipedrive_graph.simulator.nights import live_on
from pipedrive_graph.simulator.server import Options, Simulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[2]

EARLIER = ["5165287", "ded185e"]
"""Commits whose homes are out there."""

NIGHTS = 5

COMPANIES = """
[alpha]
api_token_env = "ALPHA_TOKEN"
base_url = "{alpha}"

[beta]
api_token_env = "BETA_TOKEN"
base_url = "{beta}"
"""

ALERTS = """
[[alert]]
kind = "webhook"
url_env = "UPGRADE_WEBHOOK"
severities = ["critical", "high", "medium", "low", "info"]
"""

WAIVER = """\
# agreed in October
[[waiver]]
rule = "{rule}"
company = "beta"
subject = "{subject}"
reason = "known"
owner = "Security"
expires = 2027-06-30
"""

FINDINGS = """
    SELECT company, finding_id, rule, subject_id, object, first_seen, status
    FROM findings
    WHERE status IN ('open', 'waived')
    ORDER BY ALL"""

REVIEWS = "SELECT company, review_id, name, opened_at, due, sha256 FROM reviews ORDER BY ALL"
SNAPSHOTS = "SELECT company, snapshot_id, started_at FROM snapshots ORDER BY ALL"
USERS = "SELECT company, user_id, first_seen FROM users ORDER BY ALL"

WAIVED = """
    SELECT finding_id, waiver_reason, waiver_expires FROM findings WHERE status = 'waived' ORDER BY ALL"""


WAIVABLE = """
    SELECT finding_id, rule, subject_id FROM findings
    WHERE
        company = ? AND status = 'open' AND snapshot_id IS NULL AND object IS NULL
        AND subject_kind <> 'user'
    ORDER BY ALL"""
"""Findings that stay, whoever comes and leaves."""


@dataclass
class Upgrade:
    """What five nights of the earlier version left, and what the first night of this one made of it.

    Attributes:
        before: rows of the published file that the earlier version wrote.
        doctor: the objects of `doctor` before the first night of this version.
        restored: an empty home, to which a backup of the earlier version's home was restored.
        sync: how the first night ended.
        messages: the alerts that it sent.
        acknowledged: the event that was acknowledged.
        review: the file of the review that the earlier version opened.
        modes: the modes of everything in the home and in DAGSTER_HOME after the first night.
    """

    installation: Installation
    restored: Installation
    dagster: Path
    review: Path
    before: dict[str, list[Row]] = field(default_factory=dict)
    runs: int = 0
    doctor: CommandResult | None = None
    backup: CommandResult | None = None
    restore: CommandResult | None = None
    sync: CommandResult | None = None
    messages: list[Any] = field(default_factory=list)
    acknowledged: str = ""
    modes: set[tuple[bool, str]] = field(default_factory=set)

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
    folder = tmp_path_factory.mktemp("upgrade")
    home, dagster = folder / "home", folder / "dagster"
    home.mkdir()
    dagster.mkdir(mode=0o700)
    # as when the earlier version was installed
    (dagster / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    now = datetime(2026, 11, 1, tzinfo=UTC)
    with (
        Simulator(Options(users=24, seed=1, limit=2000, now=now)) as alpha,
        Simulator(Options(users=18, seed=2, limit=2000, now=now)) as beta,
        web_receiver() as receiver,
    ):
        variables = {
            "ALPHA_TOKEN": alpha.token,
            "BETA_TOKEN": beta.token,
            "UPGRADE_WEBHOOK": receiver.url,
        }
        installation = Installation(home, variables)
        restored = Installation(folder / "restored", variables)
        done = Upgrade(installation, restored, dagster, folder / "review.csv")
        (home / "companies.toml").write_text(COMPANIES.format(alpha=alpha.url, beta=beta.url))
        (home / "alerts.toml").write_text(ALERTS)
        (home / "reviews.toml").write_text('default = "reviewer@northwind.example"\n')
        _live(done, source, [alpha, beta])

        receiver.got.clear()
        variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-05T03:00:00Z"
        done.doctor = _run(installation, "doctor", "--json")
        done.backup = _run(installation, "backup", str(folder / "old.tar.gz"), "--json")
        done.restore = _run(restored, "restore", str(folder / "old.tar.gz"), "--json")
        done.sync = _run(installation, "sync", "--json")
        done.messages = list(receiver.bodies)
        done.modes = {
            (path.is_dir(), f"{stat.S_IMODE(path.stat().st_mode):04o}")
            for root in (home, dagster)
            for path in root.rglob("*")
            if path.parent != home or path.suffix != ".toml"
            if path.name != "dagster.yaml" and "reports" not in path.parts
        }
        yield done


def _run(installation: Installation, *arguments: str) -> CommandResult:
    return installation.wait(installation.process(*arguments), timeout=240)


def _live(done: Upgrade, source: Path, simulators: list[Simulator]) -> None:
    """Let the earlier version run its nights, and people decide."""
    installation, home = done.installation, done.installation.home

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

    for night in range(1, NIGHTS + 1):
        if night > 1:
            for simulator in simulators:
                live_on(simulator.company, days=1)
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = f"2026-11-0{night}T02:00:00Z"
        if night == NIGHTS:  # Dagster's databases take a third of a night
            installation.variables["DAGSTER_HOME"] = str(done.dagster)
        earlier("sync")
        if night == NIGHTS - 1:
            (finding, *_), *_ = done.query(WAIVABLE, "alpha")
            earlier("waive", finding, "--reason", "on leave", "--until", "2027-03-31")
            (_, rule, subject), *_ = done.query(WAIVABLE, "beta")
            with (home / "waivers.toml").open("a") as file:
                file.write(WAIVER.format(rule=rule, subject=subject))
            events = done.query(
                "SELECT finding_id FROM findings WHERE status = 'open' AND snapshot_id IS NOT NULL"
            )
            done.acknowledged = events[0][0]
            earlier("ack", done.acknowledged, "--note", "was agreed")
            earlier("review", "open", "--company", "alpha", "--out", str(done.review))
    done.before = {text: done.query(text) for text in (FINDINGS, REVIEWS, SNAPSHOTS, USERS, WAIVED)}
    done.runs = _runs(done)


def _runs(done: Upgrade) -> int:
    """How many runs Dagster has on record, read by this version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(done.dagster))
        with dg.DagsterInstance.get() as instance:
            return instance.get_runs_count()


def test_doctor_says_before_that_nothing_is_in_the_way(upgrade: Upgrade) -> None:
    assert upgrade.doctor is not None
    assert (upgrade.doctor.code, upgrade.doctor.err) == (0, ""), upgrade.doctor.out
    assert {one["state"] for one in upgrade.doctor.objects} <= {"ok", "warning"}


def test_the_next_sync_needs_no_manual_step(upgrade: Upgrade) -> None:
    assert upgrade.sync is not None
    assert (upgrade.sync.code, upgrade.sync.err) == (0, "")
    snapshots = upgrade.query(SNAPSHOTS)
    assert set(upgrade.before[SNAPSHOTS]) < set(snapshots)
    assert len(snapshots) == len(upgrade.before[SNAPSHOTS]) + 2 == 2 * NIGHTS + 2
    assert upgrade.query(USERS) == upgrade.before[USERS]


def test_findings_keep_their_ids_dates_and_status(upgrade: Upgrade) -> None:
    """Nothing has changed: a finding may end where its rule was corrected, none may begin."""
    after = upgrade.query(FINDINGS)

    assert set(after) <= set(upgrade.before[FINDINGS])
    assert {row[-1] for row in after} == {"open", "waived"}
    ended = {row[2] for row in set(upgrade.before[FINDINGS]) - set(after)}
    assert ended <= {"missing_permission"}


def test_the_rules_that_ran_are_published(upgrade: Upgrade) -> None:
    rules = upgrade.query("SELECT rule FROM rules ORDER BY rule")
    assert rules == upgrade.query("SELECT DISTINCT rule FROM rule_runs ORDER BY rule")


def test_waivers_are_kept(upgrade: Upgrade) -> None:
    assert len(upgrade.before[WAIVED]) == 2
    assert upgrade.query(WAIVED) == upgrade.before[WAIVED]


def test_decisions_are_kept(upgrade: Upgrade) -> None:
    ((status, note),) = upgrade.query(
        "SELECT status, note FROM findings WHERE finding_id = ?", upgrade.acknowledged
    )
    assert status == "resolved"
    assert note.endswith(": was agreed")
    assert upgrade.query(REVIEWS) == upgrade.before[REVIEWS]
    assert len(upgrade.before[REVIEWS]) == 1


def test_nothing_old_is_alerted_as_new(upgrade: Upgrade) -> None:
    assert upgrade.messages == []


def test_dagsters_runs_are_kept_and_the_new_ones_are_beside_them(upgrade: Upgrade) -> None:
    assert (upgrade.runs, _runs(upgrade)) == (2, 3)  # one run for both companies


def test_everything_is_its_owners_alone(upgrade: Upgrade) -> None:
    assert upgrade.modes == {(True, "0700"), (False, "0600")}


def test_a_backup_of_the_earlier_home_is_restored_with_its_findings(upgrade: Upgrade) -> None:
    assert upgrade.backup is not None
    assert upgrade.restore is not None
    assert (upgrade.backup.code, upgrade.backup.err) == (0, "")
    assert (upgrade.restore.code, upgrade.restore.err) == (0, ""), upgrade.restore.out
    published = upgrade.restored.published
    for text in (REVIEWS, SNAPSHOTS, USERS, WAIVED):
        assert query(published, text) == upgrade.before[text]
    assert set(query(published, FINDINGS)) <= set(upgrade.before[FINDINGS])


def test_the_review_that_the_earlier_version_sent_out_is_imported(upgrade: Upgrade) -> None:
    with upgrade.review.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    heads = rows[0]
    for row in rows[1:4]:
        row[heads.index("decision")], row[heads.index("comment")] = "keep", "still needed"
    filled = upgrade.review.with_name("filled.csv")
    with filled.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)

    imported = upgrade.installation.command("review", "import", str(filled))

    assert imported.code == 0, imported.err
    assert "Imported: 3 decisions" in imported.out


def test_a_rebuild_gives_the_same_findings(upgrade: Upgrade) -> None:
    after = upgrade.query(FINDINGS)
    result = upgrade.installation.command("rebuild")
    assert result.code == 0, result.err
    assert upgrade.query(FINDINGS) == after


def test_the_chain_of_the_journal_begins_and_everything_is_whole(upgrade: Upgrade) -> None:
    journal = upgrade.installation.home / "journal"
    for company in ("alpha", "beta"):
        lines = (journal / f"{company}.ndjson").read_text().splitlines()
        assert json.loads((journal / f"{company}.head.json").read_text())["lines"] == len(lines)

    verified = upgrade.installation.command("verify", "--json")

    assert (verified.code, verified.err) == (0, ""), verified.out
