"""The journal: lines are only added, in the order of their times, and a torn one is dropped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipedrive_graph.errors import LandingError
from pipedrive_graph.findings.journal import Journal
from pipedrive_graph.settings import Settings


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
