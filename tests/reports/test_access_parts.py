"""The parts of the access report that need no company: evidence, words, and trees that are no trees."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from pipedrive_graph.common.text import counted, legible
from pipedrive_graph.reports.access import page
from pipedrive_graph.reports.access.appendix import _email_domains
from pipedrive_graph.reports.access.evidence import Entry, Table, entries
from pipedrive_graph.reports.access.roles import Place, Role, _places
from pipedrive_graph.reports.access.source import SnapshotFacts, Source
from pipedrive_graph.reports.access.words import delta, field, percent, permission


def test_templates_that_are_prepared_are_not_compiled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    page.prepare()

    monkeypatch.setattr(page._environment(), "compile", pytest.fail)
    names = page._environment().list_templates(extensions=["j2"])
    assert "report.html.j2" in names
    for name in names:
        assert page._environment().get_template(name).name == name


def test_evidence_is_labelled_values_lists_and_tables() -> None:
    evidence = {
        "user": "Ana",
        "last_login": "2026-11-24 16:09:33.5",
        "sensitive": True,
        "days_since_login": None,
        "role": None,
        "peers": 1400,
        "role_id": 12731026,
        "admin_ids": [12731027],
        "growth_share": 0.254,
        "permissions": ["can_use_api", "can_use_import"],
        "granted_by": [],
        "threshold_days": 90,
        "nearest_peers": [{"user": "Bo", "holds_it": False}, {"user": "Cy", "role": None}],
        "snapshots": {"before": {"status": "complete"}},
        "related": [{"rule": "x"}],
    }
    assert entries(evidence) == (
        Entry("User", ("Ana",)),
        Entry("Last login", ("2026-11-24 16:09 UTC",)),
        Entry("Sensitive", ("yes",)),
        Entry("Days since login", ("not known",)),
        Entry("Role", ("not known",)),
        Entry("Peers", ("1,400",)),
        Entry("Role ID", ("12731026",)),
        Entry("Admin IDs", ("12731027",)),
        Entry("Growth share", ("25 %",)),
        Entry("Permissions", ("can_use_api", "can_use_import"), code=True),
        Entry("Granted by", ("none known",)),
        Entry("Threshold: days", ("90",)),
        Entry(
            "Nearest peers",
            table=Table(
                ("User", "Holds it", "Role"), (("Bo", "no", "not known"), ("Cy", "not known", "not known"))
            ),
        ),
        Entry("Snapshots", entries=(Entry("Before", entries=(Entry("Status", ("complete",)),)),)),
    )


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        (None, ()),
        ("as it is", (Entry("Evidence", ("as it is",)),)),
        ([1, [2, {"a": 3}]], (Entry("Evidence", ("1", "2, A: 3")),)),
        ({"of": {}}, (Entry("Of", ("none",)),)),
    ],
)
def test_evidence_of_ones_own_rules_may_be_anything(evidence: object, told: tuple[Entry, ...]) -> None:
    assert entries(evidence) == told


@pytest.mark.parametrize(
    ("last_login", "login_known", "message"),
    [
        (None, True, "never"),
        (None, False, "not known"),
        (None, None, "not known"),
        ("2026-11-24 16:09:33", True, "2026-11-24 16:09 UTC"),
        ("2026-11-24 16:09:33", False, "2026-11-24 16:09 UTC"),
    ],
)
def test_never_and_not_known_are_told_apart(
    last_login: str | None, login_known: bool | None, message: str
) -> None:
    evidence = {"last_login": last_login, "login_known": login_known}

    assert entries(evidence) == (Entry("Last login", (message,)),)
    assert entries({"admins": [{"user": "Ana", **evidence}]}) == (
        Entry("Admins", table=Table(("User", "Last login"), (("Ana", message),))),
    )
    assert entries({"last_login": last_login}) == (
        Entry("Last login", (message if last_login else "not known",)),
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "('acme', 'a.example', 30, FALSE, FALSE, TRUE), ('acme', 'gmail.com', 1, TRUE, FALSE, FALSE)",
            "findings.toml does not name the company's e-mail domains. Proposed are the domains of many "
            "active users: a.example (30 active users). Domains of public providers (list: L 1) are never "
            "proposed.",
        ),
        (
            "('acme', 'a.example', 1, FALSE, TRUE, TRUE), ('acme', 'b.example', 9, FALSE, FALSE, FALSE)",
            "The company's own e-mail domains, from findings.toml: a.example (1 active user).",
        ),
        (
            "('acme', 'gmail.com', 30, TRUE, FALSE, FALSE), ('beta', 'b.example', 30, FALSE, TRUE, TRUE)",
            "findings.toml does not name the company's e-mail domains, and none can be proposed, so "
            "external addresses were not checked. Domains of public providers (list: L 1) are never "
            "proposed.",
        ),
    ],
)
def test_the_appendix_says_which_domains_are_the_companys_own(rows: str, message: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE email_domains AS SELECT *, 'L 1' AS public_list FROM (VALUES {rows})"  # noqa: S608
            " AS rows(company, domain, users, public, named, own)"
        )
        connection.execute("CREATE VIEW own_email_domains AS FROM email_domains WHERE own")
        at = datetime.fromisoformat("2026-11-20")
        read = SnapshotFacts("s", at, at, "complete", "every-user", 1, 0, None)

        assert _email_domains(Source(connection, Path("x"), "acme", read, None)) == message


def test_words() -> None:
    assert permission("can_export_data_from_lists") == "export data from lists"
    assert permission("can_use_api") == "use API"
    assert permission("can_") == "can_"
    assert field("threshold_never_days") == "Threshold: never days"
    assert [percent(part) for part in (None, 0, 0.001, 0.5, 0.999, 1)] == [
        "not known", "0 %", "<1 %", "50 %", ">99 %", "100 %",
    ]  # fmt: skip
    assert [counted(n, "person", "people") for n in (1, 0, 1200)] == ["1 person", "0 people", "1,200 people"]
    assert [delta(*moved) for moved in ((3, 0), (1, 3), (2, 2), (2, None))] == [
        "+3", "\N{MINUS SIGN}2", "unchanged", "",
    ]  # fmt: skip


def test_what_would_turn_text_around_is_shown_as_a_mark() -> None:
    assert legible("Eve\u202egpj.exe") == "Eve\ufffdgpj.exe"
    assert legible("a\x1b[31m\u2066b") == "a\ufffd[31m\ufffdb"
    assert legible("\u05d3\u05d5\u05d3") == "\u05d3\u05d5\u05d3"


def role(role_id: int, parent: int | None, **more: bool) -> Role:
    return Role(role_id, f"r{role_id}", parent, more.get("active", True), members=1, sensitive=0)


def shape(places: list[Place]) -> list[tuple[int, int, tuple[str, ...]]]:
    return [(place.role.role_id, place.level, place.notes) for place in places]


def test_loops_and_missing_parents_are_shown_not_lost() -> None:
    roles = [
        role(1, 1),
        role(2, 1),
        role(3, 2),
        role(4, 1, active=False),
        role(5, 99),
        role(6, 8),
        role(7, 6),
        role(8, 7),
        role(9, 7),
    ]
    assert shape(list(_places(roles))) == [
        (1, 0, ()),
        (2, 1, ()),
        (3, 2, ()),
        (4, 1, ("deleted",)),
        (5, 0, ("its parent, role 99, is not listed",)),
        (6, 0, ("in a loop, each below the next: r6 → r8 → r7 → r6",)),
        (7, 1, ("in the same loop",)),
        (8, 2, ("in the same loop",)),
        (9, 2, ("below a loop",)),
    ]


def test_lines_of_the_tree_go_on_to_the_next_sibling() -> None:
    places = list(_places([role(1, None), role(2, 1), role(3, 2), role(4, 1)]))
    assert [place.lines for place in places] == [(), (True,), (True, False), (False,)]
    assert [place.drawn for place in places] == [
        [],
        [(0, "branch")],
        [(0, "pass"), (14, "end")],
        [(0, "end")],
    ]


def test_a_tree_may_be_deep() -> None:
    roles = [role(1, None), *(role(number, number - 1) for number in range(2, 3001))]
    assert [place.level for place in _places(roles)] == list(range(3000))
