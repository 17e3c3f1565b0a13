"""The lifecycle of findings over several runs: waived, grown, expired, acknowledged, closed, rebuilt."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from installation import UNJUDGED, CommandResult, Installation
from published import Row, query, tables

from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.simulator.server import Options, Simulator

pytestmark = pytest.mark.slow

FLAG = "can_add_custom_fields"
SENSITIVE = "can_use_api"


@dataclass
class Story:
    """Runs nights and commands at given times, and remembers how the findings stood after each."""

    installation: Installation
    simulator: Simulator
    told: dict[str, CommandResult] = field(default_factory=dict)
    stood: dict[str, dict[Row, Row]] = field(default_factory=dict)

    def at(self, moment: str) -> None:
        self.installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = f"{moment}+00:00"

    def night(self, date: str) -> None:
        self.at(f"{date}T02:00:00")
        self.installation.night()
        self.note(date)

    def run(self, name: str, moment: str, *arguments: str) -> None:
        self.at(moment)
        self.told[name] = self.installation.command(*arguments)
        self.note(name)

    def note(self, name: str) -> None:
        self.stood[name] = {
            row[:3]: row[3:]
            for row in query(
                self.installation.published,
                "SELECT rule, subject_id, object, status, resolved_reason, note, reopened FROM findings",
            )
        }

    def id_of(self, rule: str, subject: int) -> str:
        ((finding_id,),) = query(
            self.installation.published,
            "SELECT finding_id FROM findings WHERE rule = ? AND subject_id = ?",
            rule,
            str(subject),
        )
        return str(finding_id)

    def of(self, rule: str, subject: int, thing: str | None = None) -> dict[str, Row]:
        """How one finding stood after each night and command, where that has changed."""
        changed: dict[str, Row] = {}
        for name, stood in self.stood.items():
            row = stood.get((rule, str(subject), thing), ())
            if not changed or [*changed.values()][-1] != row:
                changed[name] = row
        return changed


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Story, dict[str, int]]]:
    """A clean company in which a few people get what they should not have."""
    with Simulator(Options(users=30, limit=2000, clean=True)) as simulator:
        company = simulator.company
        people = [u.id for u in company.users.values() if u.active and u.created and not u.admin_apps][3:]
        who = dict(zip(("waived", "told", "promoted", "forgotten", "mixed"), people, strict=False))
        story = Story(Installation.of(tmp_path_factory.mktemp("life") / "home", simulator), simulator)
        for name in ("waived", "told"):
            company.grant(who[name], FLAG)
        company.grant(who["mixed"], SENSITIVE)
        _, _, domain = company.users[who["mixed"]].email.partition("@")
        company.users[who["mixed"]].email = f"info@{domain}"
        story.night("2026-11-20")
        waived = story.id_of("unexplained_permission", who["waived"])
        story.run(
            "waive", "2026-11-20T09:00:00", "waive", waived[:6],
            "--reason", "until the tool is there", "--until", "2026-11-22", "--owner", "Kim",
        )  # fmt: skip
        file = story.installation.home / "waivers.toml"
        email = company.users[who["told"]].email
        file.write_text(
            file.read_text() + f'\n[[waiver]]\nrule = "unexplained_permission"\nsubject = "{email.upper()}"'
            '\nobject = "can_add_*"\nreason = "asked"\nowner = "Lee"\nexpires = 2027-06-30\n'
            '\n[[waiver]]\nrule = "dormant_user"\nsubject = "*"'
            '\nreason = "nobody is"\nowner = "Lee"\nexpires = 2027-06-30\n'
        )
        company.make_admin(who["promoted"])
        company.make_admin(who["forgotten"])
        story.night("2026-11-21")
        event = story.id_of("admin_granted", who["promoted"])
        story.run("state", "2026-11-21T08:00:00", "ack", waived)
        story.run("ack", "2026-11-21T09:00:00", "ack", event, "--note", "ticket 5")
        story.run("again", "2026-11-21T09:30:00", "ack", event)
        story.night("2026-11-22")
        (story.installation.home / "findings.toml").write_text('[mailboxes]\nnames = ["sales"]\n')
        story.night("2026-11-23")
        journal = Journal.of(story.installation.settings, "default")
        assert journal.lines()[-1].kind == "acknowledged"
        file.unlink()
        story.night("2026-12-24")
        yield story, who


def test_a_waiver_holds_until_it_expires(story) -> None:
    nights, who = story
    assert nights.of("unexplained_permission", who["waived"], FLAG) == {
        "2026-11-20": ("open", None, None, 0),
        "waive": ("waived", None, "Waived by Kim until 2026-11-22: until the tool is there", 0),
        "2026-11-23": ("open", None, "The waiver of Kim (until the tool is there) expired on 2026-11-22.", 1),
    }
    assert nights.told["waive"].code == 0
    assert nights.told["waive"].out.startswith("Waived ")


def test_a_waiver_in_the_file_covers_until_it_is_taken_out(story) -> None:
    nights, who = story
    assert nights.of("unexplained_permission", who["told"], FLAG) == {
        "2026-11-20": ("open", None, None, 0),
        "2026-11-21": ("waived", None, "Waived by Lee until 2027-06-30: asked", 0),
        "2026-12-24": ("open", None, "The waiver of Lee (asked) was removed.", 1),
    }


def test_an_event_that_is_acknowledged_stays_resolved(story) -> None:
    nights, who = story
    note = nights.of("admin_granted", who["promoted"], "account_settings")["ack"][2]
    assert note.startswith("Acknowledged by ")
    assert note.endswith(": ticket 5")
    assert nights.of("admin_granted", who["promoted"], "account_settings") == {
        "2026-11-20": (),
        "2026-11-21": ("open", None, None, 0),
        "ack": ("resolved", "acknowledged", note, 0),
    }
    assert nights.told["again"].code == 2
    assert "is resolved already (acknowledged)" in nights.told["again"].sentence


def test_an_event_that_nobody_acknowledges_is_closed(story) -> None:
    nights, who = story
    assert nights.of("admin_granted", who["forgotten"], "account_settings") == {
        "2026-11-20": (),
        "2026-11-21": ("open", None, None, 0),
        "2026-12-24": ("resolved", "closed after 30 days", None, 0),
    }


def test_a_state_is_not_acknowledged(story) -> None:
    nights, _ = story
    assert nights.told["state"].code == 2
    assert "accept it for a time with `pipedrive-graph waive`" in nights.told["state"].sentence


def test_what_another_policy_no_longer_finds_is_not_called_fixed(story) -> None:
    nights, who = story
    assert nights.of("shared_mailbox", who["mixed"]) == {
        "2026-11-20": ("open", None, None, 0),
        "2026-11-23": ("resolved", "rule changed", None, 0),
    }
    assert nights.of("unexplained_permission", who["mixed"], SENSITIVE) == {
        "2026-11-20": ("open", None, None, 0)
    }


def test_rebuild_repeats_what_was_decided(story) -> None:
    nights, _ = story

    def told() -> dict[str, list[Row]]:
        # findings.toml, unlike what was decided, counts as it is today; so it does in the nights' counts
        return {
            name: [row for row in rows if "shared_mailbox" not in row]
            for name, rows in tables(nights.installation.published).items()
            if name != "finding_counts"
        }

    before = told()
    assert nights.installation.command("rebuild").code == 0
    assert told() == before


def test_what_a_waiver_no_longer_covers_is_new_in_one_night_only(installation) -> None:
    installation.night()
    ((rule, findings),) = query(
        installation.published,
        "SELECT rule, count(*) FROM findings WHERE object IS NULL GROUP BY rule ORDER BY 2 DESC, 1 LIMIT 1",
    )
    file = installation.home / "waivers.toml"
    file.write_text(
        f'[[waiver]]\nrule = "{rule}"\nsubject = "*"\nreason = "r"\nowner = "o"\n'
        f"expires = {datetime.now(UTC).date() + timedelta(days=9)}\n"
    )
    installation.night()
    file.unlink()
    installation.night()
    installation.night()

    counted = (
        "SELECT CAST(sum(opened) AS INTEGER) FROM finding_counts JOIN snapshots USING (company, snapshot_id)"
        " WHERE finding_counts.status = 'open' GROUP BY position ORDER BY position"
    )
    first, *later = [opened for (opened,) in query(installation.published, counted)]
    assert first >= findings > 0
    assert later == [0, findings, 0]
    before = tables(installation.published)
    assert installation.command("rebuild").code == 0
    assert tables(installation.published) == before


def test_the_journal_is_its_owners_alone(story) -> None:
    nights, _ = story
    (path,) = (nights.installation.home / "journal").glob("*.ndjson")
    assert path.stat().st_mode & 0o777 == 0o600
    kinds = [line.kind for line in Journal.of(nights.installation.settings, "default").lines()]
    assert kinds == ["waivers", "waivers", "acknowledged", "waivers"]


@pytest.fixture
def night(installation, simulator) -> Installation:
    """One night with something to decide about."""
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-20T02:00:00Z"
    people = [u.id for u in simulator.company.users.values() if u.active and u.created and not u.admin_apps]
    for user in people[3:5]:
        simulator.company.grant(user, FLAG)
    installation.night()
    return installation


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A night on which nobody decides anything."""
    with Simulator(Options(users=40, limit=2000)) as simulator:
        installation = Installation.of(tmp_path_factory.mktemp("seen") / "home", simulator)
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-20T02:00:00Z"
        people = [u.id for u in simulator.company.users.values() if u.active and u.created]
        simulator.company.grant(people[6], FLAG)
        installation.night()
        yield installation


def findings(installation: Installation, *arguments: str) -> list[dict[str, Any]]:
    return installation.command("findings", "--json", *arguments).objects


def test_all_doors_count_the_same(night) -> None:
    first, *_ = findings(night, "--rule", "unexplained_permission")
    night.command("waive", first["finding_id"], "--reason", "fine", "--until", "2026-12-31", "--owner", "Kim")
    report = night.settings.access_report("default").read_text(encoding="utf-8")
    assert f'class="finding waived" id="finding-{first["finding_id"]}"' in report
    told = night.command("sync", "--json").objects[0]

    everything, open_ones = findings(night, "--status", "all"), findings(night)
    with (night.home / "reports" / "default" / "findings.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [one["finding_id"] for one in everything] == [row["finding_id"] for row in rows]
    assert [one["status"] for one in everything] == [row["status"] for row in rows]
    assert sum(told["findings"].values()) == len(open_ones) == len(everything) - 1
    assert findings(night, "--status", "waived") == [one for one in everything if one["status"] == "waived"]
    assert [one["finding_id"] for one in findings(night, "--status", "waived")] == [first["finding_id"]]
    for severity, count in told["findings"].items():
        assert len(findings(night, "--severity", severity)) == count
    assert f"{len(open_ones)} open findings: " in night.command("findings").out
    assert "1 waived" in night.command("findings").out
    terminal = night.command("sync").out
    assert f"{len(open_ones)} open findings: " in terminal
    assert "; 1 waived" in terminal


def test_what_is_about_the_same_thing_is_shown_as_one(seen) -> None:
    related = [one for one in findings(seen) if "related" in one["evidence"]]
    by_id = {one["finding_id"]: one for one in related}

    assert related
    for one in related:
        for other in one["evidence"]["related"]:
            assert other["rule"] == by_id[other["finding_id"]]["rule"]
            assert one["finding_id"] in {
                back["finding_id"] for back in by_id[other["finding_id"]]["evidence"]["related"]
            }
    out = seen.command("findings").out
    assert "because some are about the same thing" in out
    assert all(one["finding_id"][:8] in out for one in findings(seen))


def test_one_finding_is_shown_in_full(seen) -> None:
    first = findings(seen, "--rule", "unexplained_permission")[0]

    result = seen.command("findings", first["finding_id"][:6].upper())

    assert result.code == 0
    text = " ".join(result.out.split())
    for part in (first["finding_id"], first["title"], first["remedy"], "Why: ", f'"{FLAG}"'):
        assert part in text
    assert seen.command("findings", first["finding_id"], "--json").objects == [first]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("findings", "abc"), "'abc' is too short for a finding's id; give 6 characters or more."),
        (("ack", " ABC "), "'abc' is too short for a finding's id; give 6 characters or more."),
        (("ack", "zzzzzz"), "No finding has the id zzzzzz; `pipedrive-graph findings` lists them."),
        (("findings", "zzzzzz"), "No finding has the id zzzzzz; `pipedrive-graph findings` lists them."),
        (("findings", "--company", "acme"), "The settings have no company 'acme'; there is: default."),
    ],
)
def test_what_is_not_there_is_told(seen, arguments, told) -> None:
    ended = seen.command(*arguments)

    assert (ended.code, ended.sentence) == (2, told)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("findings", "--rule", "dormant_usr"), "there is no rule dormant_usr; did you mean dormant_user?"),
        (("findings", "--status", "gone"), "'gone' is not one of"),
        (
            ("waive", "abcdef", "--reason", "x", "--until", "2028-01-01"),
            "is not between today and 2027-11-21",
        ),
        (
            ("waive", "abcdef", "--reason", "x", "--until", "2026-11-19"),
            "is not between today and 2027-11-21",
        ),
        (
            ("waive", "abcdef", "--reason", "x", "--until", "2027-02-30"),
            "--until '2027-02-30' is not a day; write it as 2026-11-01.",
        ),
        (("waive", "abcdef", "--reason", " ", "--until", "2026-12-01"), "--reason is empty"),
        (("waive", "abcdef", "--until", "2026-12-01"), "Missing option '--reason'"),
    ],
)
def test_an_option_that_cannot_be_is_told(seen, arguments, told) -> None:
    ended = seen.command(*arguments)

    assert ended.code == 2
    assert told in ended.err


def test_a_company_without_findings_is_another_than_one_that_was_never_read(home, simulator) -> None:
    installation = Installation.of(home, simulator, UNJUDGED)
    installation.night()
    (home / "companies.toml").write_text('[default]\napi_token_env = "A"\n[beta]\napi_token_env = "B"\n')

    nothing = installation.command("findings", "--company", "default")
    unread = installation.command("findings", "--company", "beta")

    assert (nothing.code, nothing.out, nothing.err) == (0, "No open findings.\n", "")
    assert (unread.code, unread.out) == (1, "")
    assert unread.sentence == "Nothing of company 'beta' is published yet; run sync first."


@pytest.mark.parametrize("arguments", [("findings",), ("ack", "abcdef")])
def test_before_the_first_night_there_is_nothing(installation, arguments) -> None:
    ended = installation.command(*arguments)

    assert ended.code in {1, 2}
    assert "run sync first" in ended.sentence


def test_a_mistake_in_the_file_is_told_before_anything_is_collected(installation) -> None:
    installation.home.mkdir()
    (installation.home / "waivers.toml").write_text('[[waiver]]\nrule = "dormant_user"\n')

    ended = installation.command("sync")

    assert ended.code == 2
    assert ended.sentence == f"{installation.home}/waivers.toml: waiver 1: 'subject' is missing."
    assert not installation.settings.landing.exists()


@pytest.mark.parametrize("command", ["sync", "doctor"])
def test_a_misspelt_rule_is_told_before_anything_is_collected(installation, command) -> None:
    installation.home.mkdir()
    (installation.home / "waivers.toml").write_text(
        '[[waiver]]\nrule = "dormnt_admin"\nsubject = "*"\n'
        'reason = "x"\nowner = "Kim"\nexpires = 2026-12-01\n'
    )

    ended = installation.command(command)

    assert ended.code == 2
    assert "waivers.toml: waiver 1: unknown rule dormnt_admin; did you mean dormant_admin?" in (
        ended.out + ended.err
    )
    assert not installation.settings.landing.exists()


def test_a_waiver_that_covers_nothing_is_told(night) -> None:
    (night.home / "waivers.toml").write_text(
        '[[waiver]]\nrule = "unexplained_permission"\nsubject = "*"\n'
        'reason = "x"\nowner = "Kim"\nexpires = 2027-01-31\n'
        '[[waiver]]\nrule = "multiple_roles"\nsubject = "nobody"\n'
        'reason = "x"\nowner = "Kim"\nexpires = 2027-01-31\n'
        '[[waiver]]\nrule = "multiple_roles"\nsubject = "*"\n'
        'reason = "x"\nowner = "Kim"\nexpires = 2026-01-31\n'
    )
    expected = [
        "Warning: waivers.toml: the waiver of multiple_roles for * by Kim expired on 2026-01-31; renew or "
        "remove it.",
        "Warning: waivers.toml: the waiver of multiple_roles for nobody by Kim matches no open finding; "
        "remove it if it is not needed.",
        "Warning: waivers.toml: the waiver of unexplained_permission for * by Kim matches no open finding: "
        'findings of this rule have an object; name it, or write object = "*".',
    ]

    assert night.command("sync").err.splitlines() == expected
    assert night.command("findings", "--company", "default").err.splitlines() == expected


def test_a_decision_that_a_crash_cut_off_is_done_by_the_next_night(night, monkeypatch) -> None:
    finding = findings(night, "--rule", "unexplained_permission")[0]["finding_id"]
    with monkeypatch.context() as patch:
        patch.setattr("pipedrive_graph.decisions.replay.Decisions._apply", lambda *_: 1 / 0)
        assert night.command("waive", finding, "--reason", "x", "--until", "2026-12-31").code == 1
    assert findings(night, "--status", "waived") == []

    night.night()

    assert [one["finding_id"] for one in findings(night, "--status", "waived")] == [finding]
    lines = Journal.of(night.settings, "default").lines()
    assert [line.number for line in lines] == [1]
    before = tables(night.published)
    (night.home / "waivers.toml").unlink()
    assert night.command("rebuild").code == 0
    assert tables(night.published) == before


def test_waivers_that_are_there_before_the_first_night(installation, simulator) -> None:
    installation.home.mkdir()
    (installation.home / "waivers.toml").write_text(
        '[[waiver]]\nrule = "multiple_roles"\nsubject = "*"\n'
        'reason = "x"\nowner = "Kim"\nexpires = 2027-01-31\n'
    )
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-20T02:00:00Z"
    user = [u for u in simulator.company.users.values() if u.active and not u.admin_apps][4]
    simulator.company.assign(user.id, 1)
    installation.night()

    counted = query(
        installation.published, "SELECT DISTINCT status FROM findings WHERE rule = 'multiple_roles'"
    )
    assert counted == [("waived",)]
    assert query(installation.published, "SELECT state FROM waivers") == [("active",)]
    before = tables(installation.published)
    assert installation.command("rebuild").code == 0
    assert tables(installation.published) == before
