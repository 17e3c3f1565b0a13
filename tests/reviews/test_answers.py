"""What of a filled-in review is taken, and how the rest is named."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from pipedrive_graph.errors import DecisionError
from pipedrive_graph.reviews import columns
from pipedrive_graph.reviews.csv_file import sheet
from pipedrive_graph.reviews.items import Item, Population
from pipedrive_graph.reviews.read_file import FilledRow, read
from pipedrive_graph.reviews.validate import CheckedFile, Decision, Row, check, review_of
from pipedrive_graph.reviews.workbook import HEADS, sheet_name, workbook

from .literal import holder, issue, item, population

ANA = item()
BEN = item(user_id=6, name="Ben", email="ben@example.com", findings=(issue("never_logged_in"),))
CHANGED = "cells other than the yellow ones were changed; use the file as it was sent"
REVIEW = population(ANA, BEN)


def frozen(of: Population) -> dict[str, Row]:
    return {
        one.row_id: Row(
            one.row_id, one.name or one.row_id, one.email, one.owner, one.recommendation, one.sha256
        )
        for one in of.items
    }


def row(of: Item = ANA, place: str = "line 2", **texts: str) -> FilledRow:
    """A row as it was written, and filled in; `_` stands for the blanks in the names of columns."""
    shown = columns.shown(of, of.recommendation, of.reason, REVIEW.snapshot_at)
    marks = {
        columns.REVIEW: "R1",
        columns.ROW: of.row_id,
        columns.DIGEST: of.sha256,
        columns.BY: "kim@example.com",
    }
    return FilledRow(place, shown | marks | {name.replace("_", " "): text for name, text in texts.items()})


def checked(
    *rows: FilledRow, known: dict[str, dict[str, str | None]] | None = None, by: str | None = None
) -> CheckedFile:
    return check(rows, "R1", frozen(REVIEW), known or {}, by=by)


@pytest.mark.parametrize(
    ("texts", "decision"),
    [
        ({"decision": "keep"}, Decision("user-5", "kim@example.com", "keep")),
        ({"decision": " Revoke "}, Decision("user-5", "kim@example.com", "revoke")),
        ({"decision": "revoke", "role": "keep"}, Decision("user-5", "kim@example.com", "revoke")),
        (
            {"decision": "CHANGE", "permission_sets": "Revoke", "role": "keep", "comment": "=1+1"},
            Decision("user-5", "kim@example.com", "change", "keep", "revoke", "keep", "keep", "=1+1"),
        ),
    ],
)
def test_what_can_be_taken(texts: dict[str, str], decision: Decision) -> None:
    texts = {name: columns.normalised(text) for name, text in texts.items()}

    assert checked(row(**texts)) == CheckedFile(taken=[decision])
    assert checked(row(**texts), known={"user-5": decision.written}) == CheckedFile(same=[decision])
    other = decision.written | {"comment": "other"}
    assert checked(row(**texts), known={"user-5": other}) == CheckedFile(taken=[decision])


def test_who_decides_may_be_said_for_all_rows() -> None:
    assert checked(row(decision="keep", decided_by=""), by="lee@example.com").taken == [
        Decision("user-5", "lee@example.com", "keep")
    ]
    assert checked(row(decision="keep"), by="ANA@example.com").refused


@pytest.mark.parametrize(
    ("owner", "others"),
    [
        ("lee@example.com", True),
        (" KIM@example.com", False),
        ("Lee", False),  # the roster's manager may be written as a name
        (None, False),
    ],
)
def test_a_decision_of_somebody_else_than_the_owner(owner: str | None, others: bool) -> None:
    row = Row("user-5", "Ana", "ana@example.com", owner, "keep", "…")
    assert row.is_others("kim@example.com") is others


def test_rows_without_a_decision_are_open() -> None:
    assert checked(row(), row(BEN, comment="later", name="changed")) == CheckedFile()


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({"decision": "kep"}, "'kep' is not a decision; use keep, revoke or change"),
        ({"decision": "=A1"}, "''=a1' is not a decision; use keep, revoke or change"),
        ({"role": "revoke"}, "the decision is missing, but role is filled in"),
        ({"decision": "change"}, "a change needs revoke for at least one part"),
        ({"decision": "change", "role": "keep"}, "a change needs revoke for at least one part"),
        ({"decision": "change", "role": "gone"}, "role: 'gone' is neither keep nor revoke"),
        (
            {"decision": "keep", "admin_rights": "revoke"},
            "the decision is keep, but admin rights says revoke; use change",
        ),
        ({"decision": "keep", "decided_by": ""}, "decided by is empty"),
        ({"decision": "keep", "decided_by": "Kim"}, "decided by: 'Kim' is not an e-mail address"),
        ({"decision": "keep", "decided_by": "ANA@Example.COM"}, "nobody decides about their own access"),
        *(
            ({"decision": "keep", "decided_by": by}, "nobody decides about their own access")
            for by in ("ana@example.com\u200b", "Ana <Ana@example.com>")
        ),
        (
            {"decision": "keep", "decided_by": "kim@x.com, lee@x.com"},
            "decided by: 'kim@x.com, lee@x.com' holds more than one e-mail address",
        ),
        ({"decision": "keep", "name": "Anna"}, CHANGED),
        ({"decision": "keep", "findings": "none"}, CHANGED),
        ({"decision": "keep", "row_sha256": "sha256:00"}, CHANGED),
        ({"decision": "keep", "row_id": "user-6"}, CHANGED),
        ({"decision": "keep", "review_id": "R2"}, "it belongs to another review (R2)"),
        ({"decision": "keep", "review_id": ""}, "it belongs to another review (none)"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken(texts: dict[str, str], problem: str) -> None:
    answers = checked(row(**texts))

    assert (answers.taken, answers.same) == ([], [])
    label = "Ben" if texts.get("row_id") else "Ana"
    assert answers.refused == [f"line 2, {label}: {problem}."]


def test_a_row_that_nobody_knows() -> None:
    assert checked(row(decision="keep", row_id="user-9", name="=Eve")).refused == [
        "line 2, '=Eve: this review has no such row."
    ]


def test_to_keep_what_is_to_be_revoked_takes_a_comment() -> None:
    assert checked(row(BEN, decision="keep")).refused == [
        "line 2, Ben: a comment is required to keep access that is recommended to be revoked."
    ]
    assert len(checked(row(BEN, decision="keep", comment="starts in May")).taken) == 1


def test_rows_about_the_same_user() -> None:
    alike = checked(row(decision="keep"), row(place="line 9", decision="keep"))
    assert len(alike.taken) == 1
    assert alike.refused == ["line 9, Ana: line 2 is about the same user, and was used."]

    differ = checked(row(decision="keep"), row(place="line 9", decision="revoke"))
    assert differ.taken == []
    assert differ.refused == [
        "line 2, Ana: line 9 is about the same user, and contradicts it.",
        "line 9, Ana: line 2 is about the same user, and contradicts it.",
    ]


def test_a_file_is_of_the_review_that_most_rows_name() -> None:
    assert review_of([row(), row(BEN), row(review_id="R2")]) == "R1"
    with pytest.raises(DecisionError, match="no row names its review"):
        review_of([row(review_id="")])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_is_read_however_it_was_saved(tmp_path: Path, delimiter: str, encoding: str) -> None:
    import csv

    text = sheet(REVIEW, "R1").decode("utf-8-sig")
    lines = list(csv.reader(io.StringIO(text, newline="")))
    head = lines[0]
    lines[1][head.index("decision")] = "keep"
    head[head.index("row id")] = "Row  ID"
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(lines)
    path = tmp_path / "review.csv"
    path.write_bytes(out.getvalue().encode(encoding))

    written = read(path)

    assert [one.place for one in written] == ["line 2", "line 3"]
    assert checked(*written).taken == [Decision("user-5", "kim@example.com", "keep")]


def test_half_a_character_is_no_reason_to_refuse_a_workbook(tmp_path: Path) -> None:
    book = load_workbook(io.BytesIO(workbook(REVIEW, "R1", "0" * 64)))
    page = book["kim@example.com"]
    heads = {cell.value: cell.column for cell in page[HEADS]}
    page.cell(HEADS + 1, heads[columns.DECISION]).value = "revoke"
    page.cell(HEADS + 1, heads[columns.COMMENT]).value = "left _xD800_ in May _xD83D__xDE00_"
    path = tmp_path / "review.xlsx"
    book.save(path)

    (decision,) = checked(*read(path)).taken

    assert decision.comment == "left \N{REPLACEMENT CHARACTER} in May \N{GRINNING FACE}"


def test_columns_and_sheets_that_were_added_are_not_read(tmp_path: Path) -> None:
    book = load_workbook(io.BytesIO(workbook(REVIEW, "R1", "0" * 64)))
    book.create_sheet("My notes").append(["decision", "keep"])
    page = book["kim@example.com"]
    page.insert_rows(1)
    page.cell(5, 8).value = "revoke"
    page.cell(7, 1).value = "a note below"
    path = tmp_path / "review.xlsx"
    book.save(path)

    written = read(path)

    assert [one.place for one in written] == [f"sheet kim@example.com, line {n}" for n in (4, 5, 7)]
    assert [decision.row_id for decision in checked(*written).taken] == ["user-6"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"",
            "is not an access review: no sheet has the columns review id, row id, row sha256 and a row below",
        ),
        (b"email,status\nana@example.com,active\n", "is not an access review: no sheet has the columns"),
        (b"PK\x03\x04nonsense", "is damaged, or is not a readable workbook."),
        (b"\xd0\xcf\x11\xe0old", "is a workbook in the old format, or has a password; save it as .xlsx."),
        (b"row id\nZo\xe9\n", r"is not UTF-8 \(line 2\); save it as CSV UTF-8, or as .xlsx."),
        (b'row id,"x\n', "cannot be read as CSV: unexpected end of data."),
    ],
)
def test_a_file_that_is_no_review(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file.xlsx"
    path.write_bytes(content)

    with pytest.raises(DecisionError, match=message):
        read(path)


def test_a_workbook_of_something_else(tmp_path: Path) -> None:
    Workbook().save(tmp_path / "other.xlsx")
    with pytest.raises(DecisionError, match="is not an access review"):
        read(tmp_path / "other.xlsx")
    with pytest.raises(DecisionError, match=r"^Cannot read .*nothing.xlsx: No such file or directory.$"):
        read(tmp_path / "nothing.xlsx")


def test_names_of_sheets() -> None:
    taken = {"read me"}
    names = [
        sheet_name(owner, taken)
        for owner in (
            "a" * 40 + "1", "A" * 40 + "2", "Read me", "[x]:*?/\\y", "History", "''", "=cmd",
            "kim@example.com",
        )
    ]  # fmt: skip
    assert names == [
        "a" * 31, "A" * 27 + " (2)", "Read me (2)", "_x______y", "History_", "Unowned", "=cmd",
        "kim@example.com",
    ]  # fmt: skip


def test_what_is_shown() -> None:
    shown = columns.shown(
        holder(
            name="=HYPERLINK(1)",
            email="\u202egpj.exe@example.com",
            admin=True,
            admin_apps=("global", "sales"),
            roles=({"role_id": 3, "name": None, "source": "inferred"},),
            permission_sets=({"app": None, "permission_set_id": "gone", "name": None},),
            sensitive_permissions=(
                {"permission": "can_a", "source": "observed"},
                {"permission": "can_b", "source": "inferred"},
                {"permission": "can_c", "source": None},
            ),
            findings=(
                issue("permission_outlier", "high", object="can_a"),
                issue("permission_outlier", "high", object="can_b"),
                issue("dormant_user", status="waived"),
            ),
            last={"decision": "keep", "by": "kim@x", "at": "2026-08-01T10:00:00", "review": "Q3"},
        ),
        "look closer",
        "Permission outlier (2).",
        REVIEW.snapshot_at,
    )
    assert shown == {
        "name": "'=HYPERLINK(1)",
        "e-mail": "\N{REPLACEMENT CHARACTER}gpj.exe@example.com",
        "account": "active",
        "roles": "role 3 (inferred)",
        "last login": "2026-11-20\n0 days before",
        "recommendation": "look closer",
        "why": "Permission outlier (2).",
        "permission sets held": "no app: gone",
        "admin of": "global\nsales",
        "sensitive permissions held": "can_a, can_b (inferred)\ncan_c (not known)",
        "findings": "high: Permission outlier [permission_outlier] can_a, can_b\n"
        "medium: Dormant user [dormant_user, waived]",
        "last decision": "keep by kim@x\non 2026-08-01, Q3",
        "user id": "5",
    }


def test_what_is_not_known_is_shown_as_not_known() -> None:
    nothing = holder(
        live=None, admin=None, roles=None, permission_sets=None, sensitive_permissions=None,
        last_login=None, login_known=False, name=None, email=None,
    )  # fmt: skip
    shown = columns.shown(nothing, "unknown", "", REVIEW.snapshot_at)
    assert {name for name, text in shown.items() if text == "not known"} == {
        "account", "roles", "last login", "permission sets held", "admin of", "sensitive permissions held",
    }  # fmt: skip
