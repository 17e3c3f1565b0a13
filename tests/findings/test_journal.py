"""The journal: lines are only added, in the order of their times, and a torn one is dropped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipedrive_graph.config.settings import Settings
from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.errors import LandingError
from pipedrive_graph.landing import Mark


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setenv("PIPEDRIVE_GRAPH_CLOCK", "2026-11-20T09:00:00Z")
    return Journal.of(Settings(tmp_path / "home", ()), "acme")


def test_no_file_is_no_line(journal) -> None:
    assert journal.lines() == []


def test_lines_are_read_as_they_were_written(journal) -> None:
    written = [
        journal.append("waivers", snapshot_id=None, waivers=[]),
        journal.append("acknowledged", snapshot_id="s1", finding_id="ab", note="Zoë\nÅ", by="kim"),
    ]

    assert journal.lines() == written
    assert journal.lines("acknowledged") == written[1:]
    assert [line.number for line in written] == [1, 2]
    assert written[1].content == {"finding_id": "ab", "note": "Zoë\nÅ", "by": "kim"}
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert journal.path.name == "acme.ndjson"


def test_a_line_is_later_than_those_before(journal, monkeypatch) -> None:
    first = journal.append("waivers", snapshot_id=None)
    monkeypatch.setenv("PIPEDRIVE_GRAPH_CLOCK", "2020-01-01T00:00:00Z")
    second = journal.append("waivers", snapshot_id=None)

    assert first.at >= datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert second.at == first.at + timedelta(microseconds=1)


@pytest.mark.parametrize("torn", [b'{"at": "2026', b"\xc3", b'{"at": "2026-11-20T10:00:00Z"}'])
def test_a_torn_last_line_is_dropped(journal, torn: bytes) -> None:
    first = journal.append("waivers", snapshot_id="s1")
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + torn)

    assert journal.lines() == [first]
    second = journal.append("waivers", snapshot_id="s2")

    assert journal.lines() == [first, second]
    assert journal.path.read_bytes().startswith(whole)


@pytest.mark.parametrize("line", [b"nonsense", b"[]", b"{}", b'{"at": 1, "snapshot_id": null, "kind": "x"}'])
def test_a_damaged_line_is_told(journal, line: bytes) -> None:
    journal.append("waivers", snapshot_id="s1")
    journal.path.write_bytes(journal.path.read_bytes() + line + b"\n")

    with pytest.raises(LandingError, match=r"acme.ndjson: line 2 cannot be read; restore"):
        journal.lines()


def test_a_journal_that_cannot_be_written_is_told(journal) -> None:
    journal.path.parent.parent.mkdir()
    journal.path.parent.write_text("a file")

    with pytest.raises(LandingError, match=r"^Cannot (read|write) "):
        journal.append("waivers", snapshot_id=None)


def three(journal: Journal) -> list[bytes]:
    """Write three lines, and return them as bytes."""
    for number in range(3):
        journal.append("acknowledged", snapshot_id="s1", finding_id=f"f{number}")
    return journal.path.read_bytes().splitlines(keepends=True)


def test_each_line_has_the_digest_of_everything_before_it(journal) -> None:
    lines = three(journal)

    previous = [json.loads(line)["previous"] for line in lines]
    assert previous == [hashlib.sha256(b"".join(lines[:number])).hexdigest() for number in range(3)]
    head = json.loads(journal.head.read_text())
    own = head.pop("own_sha256")
    assert head == {"lines": 3, "sha256": hashlib.sha256(b"".join(lines)).hexdigest(), "lost": []}
    assert own == hashlib.sha256(json.dumps(head, separators=(",", ":")).encode()).hexdigest()
    assert journal.head.stat().st_mode & 0o777 == 0o600
    assert journal.mark() == Mark(lines=3, sha256=hashlib.sha256(b"".join(lines)).hexdigest())


CUTS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "emptied": (lambda lines: [], " lacks 3 entries that it had before"),
    "halved": (lambda lines: lines[:1], " lacks 2 entries that it had before"),
    "its first line is missing": (
        lambda lines: lines[1:],
        ": line 1 does not continue the line before it; a line was changed or is missing",
    ),
    "a line is missing": (
        lambda lines: [lines[0], lines[2]],
        ": line 2 does not continue the line before it; a line was changed or is missing",
    ),
    "a line is changed": (
        lambda lines: [lines[0].replace(b'"f0"', b'"f9"'), *lines[1:]],
        ": line 2 does not continue the line before it; a line was changed or is missing",
    ),
    "the last line is changed": (
        lambda lines: [*lines[:2], lines[2].replace(b'"f2"', b'"f9"')],
        " is not as it was written (the sha256 of its entries differs)",
    ),
    "two lines are exchanged": (
        lambda lines: [lines[1], lines[0], lines[2]],
        ": line 1 does not continue the line before it; a line was changed or is missing",
    ),
    "a line is written twice": (
        lambda lines: [*lines, lines[2]],
        ": line 4 does not continue the line before it; a line was changed or is missing",
    ),
    "a line of an earlier version follows": (
        lambda lines: [*lines, b'{"at": "2026-11-20T10:00:00Z", "snapshot_id": null, "kind": "x"}\n'],
        ": line 4 does not continue the line before it; a line was changed or is missing",
    ),
}


@pytest.mark.parametrize("cut", CUTS)
def test_a_journal_that_is_not_whole_is_refused_until_that_is_accepted(journal, cut: str) -> None:
    damage, problem = CUTS[cut]
    kept = damage(three(journal))
    journal.path.write_bytes(b"".join(kept))

    for refused in (
        journal.lines,
        journal.mark,
        journal.update_head,
        lambda: journal.append("waivers", snapshot_id="s2"),
    ):
        with pytest.raises(LandingError) as caught:
            refused()
        assert str(caught.value) == (
            f"{journal.path}{problem}; restore the journal from a backup, then try again. Without a backup,"
            " `pipedrive-graph rebuild --accept-loss` goes on with what is left."
        )
    assert journal.path.read_bytes() == b"".join(kept)

    journal.accept_loss([])
    line = journal.append("waivers", snapshot_id="s2")

    assert line.number == len(kept) + 1
    assert [line.number for line in journal.lines()] == [*range(1, len(kept) + 2)]
    journal.path.write_bytes(b"".join(kept))  # what was accepted once does not excuse the next loss
    with pytest.raises(LandingError, match="lacks 1 entry that it had before"):
        journal.lines()


def test_a_line_that_nobody_can_read_is_passed_over_once_that_is_accepted(journal) -> None:
    lines = three(journal)
    journal.path.write_bytes(b"".join([lines[0], b"\x00" * 20 + b"\n", lines[2]]))
    with pytest.raises(LandingError, match=r"acme.ndjson: line 2 cannot be read; restore the journal"):
        journal.lines()

    journal.accept_loss([])

    assert [(line.number, line.content["finding_id"]) for line in journal.lines()] == [(1, "f0"), (3, "f2")]
    assert journal.append("waivers", snapshot_id=None).number == 4


@pytest.mark.parametrize("head", ["one line behind", "missing", "damaged", "a digit is another"])
def test_a_crash_between_the_line_and_the_head_file_heals(journal, head: str) -> None:
    three(journal)
    before = journal.head.read_bytes()
    written = journal.append("waivers", snapshot_id="s2")
    after = journal.head.read_bytes()
    if head == "missing":
        journal.head.unlink()
    else:
        other = after.replace(b'"lines": 4', b'"lines": 5')
        assert other != after
        journal.head.write_bytes({"one line behind": before, "damaged": b"{"}.get(head, other))

    assert journal.lines()[-1] == written
    journal.update_head()

    assert journal.head.read_bytes() == after


def test_the_chain_of_an_earlier_journal_begins_with_the_next_line(journal) -> None:
    lines = [
        {"at": f"2026-11-19T0{hour}:00:00.000000Z", "snapshot_id": None, "kind": "waivers"} for hour in (1, 2)
    ]
    journal.path.parent.mkdir(parents=True)
    legacy = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    journal.path.write_bytes(legacy)

    journal.update_head()
    assert [line.kind for line in journal.lines()] == ["waivers", "waivers"]
    journal.path.write_bytes(legacy.splitlines(keepends=True)[0])
    with pytest.raises(LandingError, match="lacks 1 entry that it had before"):
        journal.lines()
    journal.path.write_bytes(legacy)
    journal.append("waivers", snapshot_id=None)

    assert json.loads(journal.path.read_bytes().splitlines()[2])["previous"] == (
        hashlib.sha256(legacy).hexdigest()
    )
    journal.path.write_bytes(journal.path.read_bytes().replace(b"T01", b"T00"))
    with pytest.raises(LandingError, match="line 3 does not continue the line before it"):
        journal.lines()


def test_what_others_have_seen_of_a_journal_must_still_be_there(journal) -> None:
    lines = three(journal)
    seen = journal.mark()
    journal.check(seen)
    journal.check(None)
    journal.path.write_bytes(lines[0])
    journal.head.unlink()

    with pytest.raises(LandingError, match="lacks 2 entries that it had before"):
        journal.check(seen)
    journal.accept_loss([seen])
    journal.check(seen)
    with pytest.raises(LandingError, match="the sha256 of its entries differs"):
        journal.check(Mark(lines=1, sha256="0" * 64))
