"""A review goes round: opened, filled in, imported; the next night finds what was to go and is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from installation import CommandResult, Installation
from openpyxl import load_workbook
from openpyxl.worksheet.cell_range import CellRange
from openpyxl.worksheet.worksheet import Worksheet
from published import Row, differing, query, tables

from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.simulator.server import Options, Simulator

SENSITIVE = "can_use_import"
RULE = "revoked_access_still_present"


@dataclass
class Round:
    """What happened, and what could be seen after each step."""

    installation: Installation
    simulator: Simulator
    who: dict[str, int]
    told: dict[str, CommandResult]
    seen: dict[str, Any]

    def query(self, text: str, *values: object) -> list[Row]:
        return query(self.installation.published, text, *values)

    def findings(self) -> dict[tuple[str, str], Row]:
        found = self.query(
            "SELECT subject_id, object, status, resolved_reason, note FROM findings WHERE rule = ?", RULE
        )
        names = {str(user_id): name for name, user_id in self.who.items()}
        return {(names[subject], thing): (*rest,) for subject, thing, *rest in found}


def fill(path: Path, decisions: dict[int, dict[str, str]]) -> None:
    """Fill in a workbook as its reader would."""
    book = load_workbook(path)
    for sheet in book.worksheets[1:]:
        heads = {cell.value: cell.column for cell in sheet[2]}
        for row in range(3, sheet.max_row + 1):
            user_id = int(str(sheet.cell(row, heads["user id"]).value))
            for name, text in decisions.get(user_id, {}).items():
                sheet.cell(row, heads[name]).value = text
    book.save(path)


@pytest.fixture(scope="module")
def round_(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    """Two nights of a company; a review is opened after the first, a decision changed after the second."""
    with Simulator(Options(users=30, limit=2000, clean=True)) as simulator:
        company = simulator.company
        people = [
            u.id
            for u in company.users.values()
            if u.active and u.created and u.last_login and not u.admin_apps and u.access
        ]
        names = ("closed", "open", "switched", "changed", "half", "moved", "kept", "reader")
        who = dict(zip(names, people, strict=False))
        who["admin"] = next(u.id for u in company.users.values() if u.admin_apps and u.id != company.owner_id)
        for name in ("changed", "half"):
            company.grant(who[name], SENSITIVE)
        folder = tmp_path_factory.mktemp("review")
        installation = Installation.of(folder / "home", simulator)
        done = Round(installation, simulator, who, {}, {})
        file = folder / "review.xlsx"

        def at(moment: str) -> None:
            installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = f"{moment}+00:00"

        def run(name: str, moment: str, *arguments: str) -> None:
            at(moment)
            done.told[name] = installation.command("review", *arguments)

        at("2026-11-20T02:00:00")
        installation.night()
        reader = company.users[who["reader"]].email
        (installation.home / "reviews.toml").write_text(f'default = "{reader}"\n')
        run("open", "2026-11-20T09:00:00", "open", "--out", str(file), "--name", "Q4 <b>review</b>")
        done.seen["untouched"] = file.read_bytes()
        fill(
            file,
            {
                who["closed"]: {"decision": "revoke"},
                who["open"]: {"decision": "revoke", "comment": "left us"},
                who["switched"]: {"decision": "Revoke"},
                who["changed"]: {
                    "decision": "change",
                    "permission sets": "revoke",
                    "sensitive permissions": "revoke",
                },
                who["half"]: {"decision": "change", "sensitive permissions": "revoke"},
                who["moved"]: {"decision": "change", "role": "revoke"},
                who["admin"]: {"decision": "change", "admin rights": "revoke"},
                who["kept"]: {"decision": "keep"},
                who["reader"]: {"decision": "keep", "decided by": reader.upper()},
            },
        )
        run("import", "2026-11-20T10:00:00", "import", str(file))
        run("again", "2026-11-20T11:00:00", "import", str(file))
        run("status", "2026-11-21T00:00:00", "status", "--json")
        run("late", "2026-12-21T00:00:00", "status")
        done.seen["journal"] = Journal.of(installation.settings, "default").lines()

        # what was decided is done for some, and not for others
        closed, changed = company.users[who["closed"]], company.users[who["changed"]]
        closed.access = []
        company.deactivate(closed.id)
        company.move(closed.id, 1)
        company.deactivate(who["switched"])
        changed.access = changed.access[:1]
        done.seen["set"] = changed.access[0].permission_set_id
        company.revoke(who["half"], SENSITIVE)
        at("2026-11-21T02:00:00")
        installation.night()
        done.seen["night 2"] = done.findings()
        done.seen["role"] = company.users[who["moved"]].role_id
        done.seen["evidence"] = json.loads(
            done.query(
                "SELECT evidence FROM findings WHERE rule = ? AND subject_id = ?", RULE, str(who["open"])
            )[0][0]
        )

        # one is kept after all, and of another everything is to go
        fill(
            file,
            {
                who["open"]: {"decision": "keep", "comment": "back from leave"},
                who["moved"]: {"decision": "revoke"},
            },
        )
        run("changed mind", "2026-11-21T09:00:00", "import", str(file))
        done.seen["changed mind"] = done.findings()
        yield done


def test_it_is_said_what_was_opened(round_: Round) -> None:
    told = round_.told["open"]
    assert told.code == 0
    lines = told.out.splitlines()
    assert lines[0].startswith("Opened 20261120-")
    assert lines[0].endswith(": Q4 <b>review</b>, due 2026-12-20.")
    assert lines[2].startswith("  Written to ")
    assert lines[2].endswith(", for 1 reviewer.")
    assert told.err.startswith("Warning: 1 row under Unowned has no reviewer; ")


def test_what_can_be_taken_is_taken_and_the_rest_is_named(round_: Round) -> None:
    told = round_.told["import"]
    (population,) = round_.query("SELECT count(*) FROM review_items")[0]
    assert told.code == 0
    assert told.out == (
        "Imported: 8 decisions (1 keep, 3 revoke, 4 change). Not imported: 1 row."
        f" Still open: {population - 8}.\n"
    )
    assert "Warning: sheet Unowned, line 3, " in told.err
    assert told.err.endswith(": nobody decides about their own access.\n")


def test_the_same_file_again_changes_nothing(round_: Round) -> None:
    (population,) = round_.query("SELECT count(*) FROM review_items")[0]
    assert round_.told["again"].out == (
        f"Imported: 0 decisions. Unchanged: 8. Not imported: 1 row. Still open: {population - 8}.\n"
    )
    assert [line.kind for line in round_.seen["journal"]] == ["review_opened", "review_decided"]


def test_a_decision_is_kept_with_who_when_snapshot_and_digest(round_: Round) -> None:
    opened, decided = round_.seen["journal"]
    reader = round_.query("SELECT email FROM users WHERE user_id = ?", round_.who["reader"])[0][0]
    [snapshot] = round_.query("SELECT snapshot_id FROM snapshots ORDER BY started_at LIMIT 1")

    rows = round_.query(
        """
        SELECT decision, permission_sets, sensitive_permissions, role, admin_rights, decided_by,
            strftime(decided_at, '%Y-%m-%d %H'), snapshot_id, sha256, counts
        FROM review_decisions WHERE user_id = ?""",
        round_.who["changed"],
    )

    assert rows == [
        (
            "change", "revoke", "revoke", "keep", "keep", reader, "2026-11-20 10", *snapshot,
            opened.content["sha256"], True,
        )
    ]  # fmt: skip
    assert decided.content["sha256"] == opened.content["sha256"]
    assert (opened.content["snapshot"], opened.snapshot_id) == (*snapshot, *snapshot)


def test_status_counts(round_: Round) -> None:
    (review,) = round_.told["status"].objects
    owners = {owner.pop("owner"): owner for owner in review["owners"]}
    whole = {name: review[name] for name in ("population", "keep", "revoke", "change", "open")}

    assert (whole["keep"], whole["revoke"], whole["change"]) == (1, 3, 4)
    assert whole["open"] == whole["population"] - 8
    assert (review["overdue"], review["due"]) == (False, "2026-12-20")
    assert owners[None] == {"population": 1, "keep": 0, "revoke": 0, "change": 0, "open": 1}
    assert sum(owner["population"] for owner in owners.values()) == whole["population"]
    assert "overdue" in round_.told["late"].out


def test_the_next_night_finds_what_is_still_there_and_not_what_is_gone(round_: Round) -> None:
    open_ = ("open", None, None)
    assert round_.seen["night 2"] == {
        ("open", "account"): open_,
        ("switched", "account"): open_,  # deactivated, with all its permission sets
        ("changed", round_.seen["set"]): open_,
        ("changed", SENSITIVE): open_,
        ("moved", f"role:{round_.seen['role']}"): open_,
        ("admin", "admin:account_settings"): open_,
        ("admin", "admin:global"): open_,
        ("admin", "admin:sales"): open_,
    }


def test_the_evidence_says_who_decided_what_and_what_is_left(round_: Round) -> None:
    evidence = round_.seen["evidence"]
    assert evidence["comment"] == "left us"
    assert evidence["decided_at"].startswith("2026-11-20 10:")
    assert evidence["review"] == "Q4 <b>review</b>"
    assert [thing["kind"] for thing in evidence["still_there"]][:2] == ["account", "role"]
    assert {thing["since"] for thing in evidence["still_there"]} == {evidence["since"]}


def test_a_later_keep_ends_it_at_once(round_: Round) -> None:
    status, reason, note = round_.seen["changed mind"]["open", "account"]
    assert (status, reason) == ("resolved", "decided anew")
    assert note.startswith("keep by ")
    assert round_.query(
        "SELECT decision, counts FROM review_decisions WHERE user_id = ? ORDER BY decided_at",
        round_.who["open"],
    ) == [("revoke", False), ("keep", True)]


def test_a_later_revoke_of_everything_ends_nothing(round_: Round) -> None:
    found = {key: told for key, told in round_.seen["changed mind"].items() if key[0] == "moved"}
    assert found == {("moved", f"role:{round_.seen['role']}"): ("open", None, None)}


@pytest.mark.slow
def test_rebuild_comes_to_the_same_rows(round_: Round) -> None:
    before = tables(round_.installation.published)
    assert len(before["review_decisions"]) == 10

    result = round_.installation.command("rebuild")

    assert result.code == 0
    assert differing(before, tables(round_.installation.published)) == {}


@pytest.mark.slow
def test_the_next_review_knows_the_last_decision(round_: Round, tmp_path: Path) -> None:
    file = tmp_path / "next.csv"
    round_.installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-22T09:00:00+00:00"

    result = round_.installation.command("review", "open", "--out", str(file))

    assert result.code == 0
    text = file.read_text(encoding="utf-8-sig")
    assert "keep by " in text
    assert "on 2026-11-21, Q4 <b>review</b>" in text
    assert "An earlier review revoked the access, and it is still there; the account is deactivated" in text


def test_the_workbook_is_one_that_can_be_filled_in(round_: Round, tmp_path: Path) -> None:
    path = tmp_path / "untouched.xlsx"
    path.write_bytes(round_.seen["untouched"])
    book = load_workbook(path)

    reader = round_.query("SELECT email FROM users WHERE user_id = ?", round_.who["reader"])[0][0]
    assert book.sheetnames == ["Read me", reader[:31], "Unowned"]
    for sheet in book.worksheets[1:]:
        assert isinstance(sheet, Worksheet)
        last = sheet.max_row
        lists = {v.formula1: {*v.sqref.ranges} for v in sheet.data_validations.dataValidation}
        assert lists == {
            '"keep,revoke,change"': {CellRange(f"H3:H{last}")},
            '"keep,revoke"': {CellRange(f"I3:L{last}")},
        }
        assert sheet.freeze_panes == "B3"
        assert sheet.auto_filter.ref == f"A2:W{last}"
        assert (sheet.page_setup.orientation, str(sheet.page_setup.paperSize)) == ("landscape", "9")
        assert sheet.print_title_rows == "$1:$2"
        assert sheet.protection.sheet
        assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value} == {"s"}
        unlocked = [cell.column_letter for cell in sheet[3] if not cell.protection.locked]
        assert unlocked == list("HIJKLMN")
        assert [letter for letter in "UVWA" if sheet.column_dimensions[letter].hidden] == list("UVW")
        assert {sheet.cell(row, 14).value for row in range(3, last + 1)} <= {reader, None}
    facts = {row[0].value: row[1].value for row in book.worksheets[0].iter_rows() if row[0].value}
    assert facts["company"] == "default"
    assert facts["due"].startswith("2026-12-20")
    assert len(facts["sha256"]) == 64
    assert facts["1 person"] == "Unowned"


@pytest.mark.slow
def test_what_was_done_late_is_fixed_and_what_came_anew_is_another_grant(round_: Round) -> None:
    company = round_.simulator.company
    company.grant(round_.who["half"], SENSITIVE)
    company.move(round_.who["moved"], 1)
    company.drop_admin(round_.who["admin"])
    round_.installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-22T12:00:00+00:00"
    round_.installation.night()

    found = round_.findings()
    fixed = ("resolved", "fixed", None)
    assert found["moved", f"role:{round_.seen['role']}"] == fixed
    assert {row for (name, _), row in found.items() if name == "admin"} == {fixed}
    assert ("half", SENSITIVE) not in found
    assert found["switched", "account"] == ("open", None, None)
    assert found["open", "account"] == round_.seen["changed mind"]["open", "account"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ("open", "--out", "HOME/companies.csv"),
            2,
            "exists and may hold decisions; choose another file.",
        ),
        (("open", "--out", "HOME/review.pdf"), 2, "it must end in .xlsx or .csv."),
        (("open", "--out", "HOME/x.csv", "--due", "2026-11-21"), 2, "2026-11-21 is in the past."),
        (
            ("open", "--out", "HOME/x.csv", "--due", "2027-02-30"),
            2,
            "--due '2027-02-30' is not a day; write it as",
        ),
        (
            ("open", "--out", "HOME/x.csv", "--company", "acne"),
            2,
            "The settings have no company 'acne'",
        ),
        (("import", "HOME/nothing.xlsx"), 2, "nothing.xlsx: No such file or directory."),
        (("import", "HOME/companies.csv"), 2, "is not an access review: "),
        (("import", "HOME/blank.csv"), 2, "blank.csv contains no decision; nothing was imported."),
        (("import", "HOME/other.csv"), 2, "The file belongs to the review R2, which does not exist here; "),
        (("import", "HOME/wrong.csv"), 2, "can be used; nothing was imported."),
        (("import", "HOME/blank.csv", "--by", "kim"), 2, "'kim' is not an e-mail address."),
        (("status", "--company", "acne"), 2, "The settings have no company 'acne'"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    round_: Round, arguments: tuple[str, ...], code: int, message: str
) -> None:
    home = round_.installation.home
    round_.installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-22T10:00:00+00:00"
    ((known,),) = round_.query("SELECT review_id FROM reviews ORDER BY opened_at LIMIT 1")
    head = "decision,review id,row id,row sha256\n"
    (home / "companies.csv").write_text("email\n")
    (home / "blank.csv").write_text(f"{head},{known},user-1,x\n")
    (home / "other.csv").write_text(f"{head}keep,R2,user-1,x\n")
    (home / "wrong.csv").write_text(f"{head}keep,{known},user-1,x\n")

    ended = round_.installation.command("review", *(text.replace("HOME", str(home)) for text in arguments))

    assert ended.code == code
    assert message in ended.err.strip().splitlines()[-1]
    assert "Traceback" not in ended.err
    assert not (home / "x.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("open", "--out", "x.csv"), "No snapshot exists yet; run sync first."),
        (("status",), "yet; run sync first."),
    ],
)
def test_before_the_first_night(home: Path, arguments: tuple[str, ...], message: str) -> None:
    ended = Installation(home).command("review", *arguments)

    assert ended.code in {1, 2}
    assert ended.sentence.endswith(message)
    assert not home.exists()
