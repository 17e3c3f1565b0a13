"""A workbook that would take the memory of the machine is refused with one sentence."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import Workbook

from pipedrive_graph.errors import DecisionError
from pipedrive_graph.reviews import columns
from pipedrive_graph.reviews.read_file import read

SHEET = "xl/worksheets/sheet1.xml"
ROW = '<row r="{row}"><c r="{place}" t="inlineStr"><is><t>x</t></is></c></row>'
HEAD = [*columns.MARKS, columns.DECISION]


def review() -> bytes:
    book = Workbook()
    book.active.append(HEAD)
    book.active.append(["r", "user-1", "sha256:0", "keep"])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def changed(change: Callable[[dict[str, bytes]], object]) -> bytes:
    """A review whose parts are changed."""
    with zipfile.ZipFile(io.BytesIO(review())) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return written.getvalue()


def cell(place: str, row: int) -> bytes:
    def change(parts: dict[str, bytes]) -> None:
        added = ROW.format(row=row, place=place).encode()
        parts[SHEET] = parts[SHEET].replace(b"</sheetData>", added + b"</sheetData>")

    return changed(change)


def put(name: str, content: bytes) -> bytes:
    return changed(lambda parts: parts.update({name: content}))


def in_sheet(old: bytes, new: bytes) -> bytes:
    return changed(lambda parts: parts.update({SHEET: parts[SHEET].replace(old, new, 1)}))


ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
TOO_LARGE = "is larger than a review can be once it is unpacked (at most 64 MiB)"
STRANGE = "has a structure that no spreadsheet program writes"
TOO_MANY = "holds more cells or formats than a review has (at most 1,000,000 cells)"

HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "last cell": (lambda: cell("XFD1048576", 1_048_576), "has a value in row 1,048,576 and column 16,384"),
    "last column": (lambda: cell("XFD3", 3), "has a value in row 3 and column 16,384"),
    "last row": (lambda: cell("A1048576", 1_048_576), "has a value in row 1,048,576 and column 1"),
    "beyond the last row": (lambda: cell("A1048576", 10**15), "has rows beyond the last possible row"),
    "beyond the last column": (lambda: cell("ZZZZZZZ3", 3), STRANGE),
    "a place in entities": (lambda: cell("&#90;ZZZZZZ3", 3), STRANGE),
    "a sheet of zeros": (lambda: put(SHEET, b" " * (65 * 2**20)), TOO_LARGE),
    "styles of zeros": (lambda: put("xl/styles.xml", b" " * (3 * 2**20)), TOO_LARGE),
    "a large part": (lambda: put("xl/media/a.bin", bytes(3 * 2**20)), TOO_LARGE),
    "entities": (lambda: in_sheet(b"<worksheet", ENTITIES + b"<worksheet"), STRANGE),
    "an encoding": (lambda: put("xl/styles.xml", b"<?xml version='1.0' encoding='cp037'?><x/>"), STRANGE),
    "cells": (lambda: in_sheet(b"</row>", b"<c/>" * 1_000_001 + b"</row>"), TOO_MANY),
    "formats": (lambda: put("xl/styles.xml", b"<x>" + b"<font/>" * 200_000 + b"</x>"), TOO_MANY),
    "parts": (
        lambda: changed(lambda parts: parts.update({f"xl/{number}": b"" for number in range(1_000)})),
        "parts, and no workbook has so many",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_would_take_the_memory_is_refused(tmp_path: Path, name: str) -> None:
    content, reason = HOSTILE[name]
    path = tmp_path / "review.xlsx"
    path.write_bytes(content())

    with pytest.raises(DecisionError) as caught:
        read(path)

    assert str(caught.value).startswith(f"{path} ")
    assert reason in str(caught.value)


def test_a_review_with_empty_rows_and_formats_is_read(tmp_path: Path) -> None:
    path = tmp_path / "review.xlsx"
    empty = b'<row r="1048576"><c r="XFD1048576" s="0"/></row></sheetData>'
    path.write_bytes(in_sheet(b"</sheetData>", empty))
    (row,) = read(path)
    assert (row.place, row.text(columns.DECISION)) == ("sheet Sheet, line 2", "keep")


CHILD = """
import json, sys, time
from pathlib import Path
from pipedrive_graph.errors import DecisionError
from pipedrive_graph.reviews.read_file import read
import openpyxl

def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) // 1024

begun, started = peak(), time.process_time()
for name in sys.argv[1:]:
    try:
        read(Path(name))
    except DecisionError:
        pass
print(json.dumps([peak() - begun, time.process_time() - started]))
"""


@pytest.mark.slow
def test_no_workbook_takes_much_memory_or_time(tmp_path: Path) -> None:
    names = ("last cell", "last row", "a sheet of zeros", "cells")
    for name in names:
        (tmp_path / name).write_bytes(HOSTILE[name][0]())
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *(str(tmp_path / name) for name in names)],
        capture_output=True,
        text=True,
        check=True,
    )
    memory, seconds = json.loads(child.stdout)
    assert memory < 300  # MiB
    assert seconds < 15


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipedrive_graph.reviews.read_file.LARGEST_FILE", 2**20)
    path = tmp_path / "review.csv"
    path.write_bytes(b"a" * (2**20 + 1))
    with pytest.raises(DecisionError, match=r"^Cannot read .*review.csv: it is larger than 1 MiB.$"):
        read(path)
