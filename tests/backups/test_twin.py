"""A home that is restored on another machine goes on as if nothing had happened.

Two companies have several nights, decisions, an open review and alerts that were sent. The home is backed up
and restored elsewhere, with the named variables and no others. Then both homes run the same next night.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from alerts.receivers import WebReceiver, web_receiver
from installation import CommandResult, Installation
from published import differing, query, tables
from rule_file import about_users, rule_file

from pipedrive_graph.simulator.nights import live_on
from pipedrive_graph.simulator.roster import write_roster
from pipedrive_graph.simulator.server import Options, Simulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

COMPANIES = """
[alpha]
api_token_env = "ALPHA_TOKEN"
base_url = "{alpha}"
roster = "hr/people.csv"

[beta]
api_token_env = "BETA_TOKEN"
base_url = "{beta}"
collect = "by-access"
"""

ALERTS = """
[[alert]]
kind = "webhook"
url_env = "SECURITY_WEBHOOK"
severities = ["critical", "high", "medium", "low", "info"]
"""

RULE = rule_file(
    about_users("users\nWHERE live AND admin", title="label || ' is an admin.'"),
    comment="One row per admin.",
    title="Is an admin",
)

WAIVER = """\
# agreed with the works council
[[waiver]]
rule = "is_admin"
company = "alpha"
subject = "{owner}"
reason = "known"
owner = "Security"
expires = 2027-06-30
"""

WAIVABLE = """
    SELECT finding_id FROM findings
    WHERE company = 'beta' AND status = 'open' AND snapshot_id IS NULL AND subject_kind <> 'user'
    ORDER BY ALL"""

OF_THE_OTHER_MACHINE = {"LOGNAME": "other", "USER": "other", "LANG": "C.UTF-8", "PATH": os.environ["PATH"]}


@dataclass
class Twins:
    """The home and what was restored from its backup, and what each of them sent in the next night."""

    home: Installation
    restored: Installation
    receiver: WebReceiver
    simulators: list[Simulator]
    backup: dict[str, Any] = field(default_factory=dict)
    restore: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    sent: list[list[Any]] = field(default_factory=list)

    def at(self, moment: str) -> None:
        for installation in (self.home, self.restored):
            installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = moment

    def elsewhere(self, *arguments: str) -> CommandResult:
        """Run a command on the restored home, without anything of this machine's environment."""
        process = subprocess.run(
            [sys.executable, "-m", "pipedrive_graph", *arguments],
            env={
                **OF_THE_OTHER_MACHINE,
                **self.restored.environment,
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return CommandResult(process.returncode, process.stdout, process.stderr)

    def done(self, result: CommandResult) -> CommandResult:
        assert result.code == 0, result.err
        return result

    def differences(self, *, clock: bool = False) -> dict[str, Any]:
        seen = [tables(one.published, clock=clock) for one in (self.home, self.restored)]
        return differing(*seen)


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    folder = tmp_path_factory.mktemp("twins")
    home = folder / "home"
    (home / "hr").mkdir(parents=True)
    (home / "rules").mkdir()
    (home / "rules" / "is_admin.sql").write_text(RULE)
    (home / "alerts.toml").write_text(ALERTS)
    (home / "reviews.toml").write_text('default = "reviewer@northwind.example"\n')
    (home / "findings.toml").write_text("[thresholds]\ndormant_admin_days = 60\n")
    (home / "settings.toml").write_text("[output]\n")
    with (
        Simulator(Options(users=30, seed=1, limit=2000)) as alpha,
        Simulator(Options(users=25, seed=2, limit=2000)) as beta,
        web_receiver() as receiver,
    ):
        (home / "companies.toml").write_text(COMPANIES.format(alpha=alpha.url, beta=beta.url))
        owner = alpha.company.users[alpha.company.owner_id].email
        (home / "waivers.toml").write_text(WAIVER.format(owner=owner))
        write_roster(alpha.company, home / "hr" / "people.csv")
        variables = {
            "ALPHA_TOKEN": alpha.token,
            "BETA_TOKEN": beta.token,
            "SECURITY_WEBHOOK": receiver.url,
        }
        restored = Installation(folder / "elsewhere" / "data", {**variables})
        twins = Twins(Installation(home, variables), restored, receiver, [alpha, beta])
        for night in (2, 3):
            twins.at(f"2026-11-0{night}T02:00:00Z")
            twins.done(twins.home.command("sync", "--json"))
            for simulator in twins.simulators:
                live_on(simulator.company, days=1)
        _decide(twins, folder)
        receiver.got.clear()
        twins.at("2026-11-03T12:00:00Z")
        twins.backup = twins.done(
            twins.home.command("backup", str(folder / "night.tar.gz"), "--json")
        ).objects[0]
        twins.restore = twins.done(
            twins.elsewhere("restore", str(folder / "night.tar.gz"), "--json")
        ).objects[0]
        twins.before = {"differences": twins.differences(clock=True), "sent": list(receiver.bodies)}
        twins.at("2026-11-04T02:00:00Z")
        for sync in (twins.home.command, twins.elsewhere):
            twins.done(sync("sync", "--json"))
            twins.sent.append(list(receiver.bodies))
            receiver.got.clear()
        yield twins


def _decide(twins: Twins, folder: Path) -> None:
    """Waive a finding, acknowledge an event, and open a review."""
    twins.at("2026-11-03T09:00:00Z")
    home = twins.home
    waived = query(home.published, WAIVABLE)[0][0]
    twins.done(home.command("waive", waived, "--reason", "on leave", "--until", "2027-03-31"))
    event = query(
        home.published, "SELECT finding_id FROM findings WHERE status = 'open' AND snapshot_id IS NOT NULL"
    )[0][0]
    twins.done(home.command("ack", event, "--note", "was agreed"))
    twins.done(home.command("review", "open", "--company", "alpha", "--out", str(folder / "review.csv")))


def test_the_backup_says_what_is_in_it_and_what_is_not(twins: Twins) -> None:
    backup = twins.backup
    assert backup["variables"] == ["ALPHA_TOKEN", "BETA_TOKEN", "SECURITY_WEBHOOK"]
    assert (backup["left_out"], backup["damaged"], backup["exit_code"]) == ([], [], 0)
    assert [*backup["companies"]] == ["alpha", "beta"]
    assert backup["companies"]["alpha"]["journal"]["lines"] > 2
    assert twins.restore["variables_missing"] == []
    assert twins.restore["snapshots"] == 4


def test_what_is_restored_is_what_was_backed_up_row_for_row(twins: Twins) -> None:
    assert twins.before["differences"] == {}


def test_no_alert_is_sent_by_a_restore_and_none_twice_after_it(twins: Twins) -> None:
    assert twins.before["sent"] == []
    of_home, of_restored = twins.sent
    assert of_home
    assert _without_clock(of_restored, twins) == _without_clock(of_home, twins)


def _without_clock(bodies: list[Any], twins: Twins) -> list[str]:
    """Messages in an order of their own; the ids of snapshots and events differ by microseconds."""
    texts = []
    for body in bodies:
        findings = sorted((one["rule"], one["title"]) for one in body.pop("findings", []))
        texts.append(json.dumps([body.get("company"), findings, body.get("headline")]))
    return sorted(texts)


def test_the_next_night_comes_to_the_same_rows(twins: Twins) -> None:
    assert twins.differences() == {}


def test_the_review_that_was_sent_out_before_can_be_imported(twins: Twins) -> None:
    filled = twins.home.home.parent / "review.csv"
    with filled.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    heads = rows[0]
    column, comment = heads.index("decision"), heads.index("comment")
    for row in rows[1:4]:
        row[column], row[comment] = "keep", "still needed"
    with filled.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)
    twins.at("2026-11-04T10:00:00Z")

    imported = [run("review", "import", str(filled)) for run in (twins.home.command, twins.elsewhere)]

    assert [one.code for one in imported] == [0, 0], [one.err for one in imported]
    assert imported[0].out == imported[1].out
    assert "3 decisions" in imported[0].out
    # who decided when differs by the seconds between the two commands, and so do the marks of the journal
    decided = (
        "SELECT company, user_id, decision, comment, decided_by, counts FROM review_decisions ORDER BY ALL"
    )
    assert query(twins.home.published, decided) == query(twins.restored.published, decided)
    assert len(query(twins.home.published, decided)) == 3


def test_a_rebuild_of_the_restored_home_gives_the_same_rows(twins: Twins) -> None:
    before = tables(twins.restored.published)
    twins.done(twins.elsewhere("rebuild"))
    assert differing(before, tables(twins.restored.published)) == {}
    verified = twins.elsewhere("verify", "--json")
    assert (verified.code, verified.err) == (0, ""), verified.out


def test_every_file_of_the_restored_home_is_its_owners_alone(twins: Twins) -> None:
    modes = {(path.is_dir(), f"{path.stat().st_mode & 0o777:04o}") for path in twins.restored.home.rglob("*")}
    assert modes == {(True, "0700"), (False, "0600")}
