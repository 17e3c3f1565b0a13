"""Checks a workbook before it is loaded: a small file can take gigabytes once it is unpacked.

The limits are far above the size of any review; a file beyond them is refused with one sentence.
"""

from __future__ import annotations

import io
import re
import zipfile
from xml.etree import ElementTree as ET

from pipedrive_graph.common.text import counted

UNPACKED = 64 * 2**20
"""Bytes of all parts together; a review of 5,000 users has a tenth."""

PARTS = 1_000
CELLS = 1_000_000
ELEMENTS = 5_000_000
"""Elements of all parts together; start and end tags both count."""

_OTHERS = 100_000  # elements other than rows, cells and texts, such as formats; each becomes a large object
_SMALL = 2 * 2**20  # bytes of a part that holds neither rows nor texts
_LARGE_TYPES = ("worksheet+xml", "sharedStrings+xml")
_TYPES = "[Content_Types].xml"

_CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
_OTHER = re.compile(rb"<(?!/?(?:\w+:)?(?:c|v|f|is|t|r|row|si)[\s/>])")
_PLACE = re.compile(rb"\sr\s*=\s*[\"'](?:[^\"'<>]*&|\$?[A-Za-z]{4})")
"""A cell reference beyond the last column of Excel, or one written as an entity."""

_ENCODING = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([^\"']*)")


class UnusableArchiveError(ValueError):
    """The archive cannot be loaded; the message completes a sentence that begins with the file's name."""


def check(content: bytes) -> None:
    """Refuse a workbook that needs too much memory, or that no spreadsheet program writes.

    Raises:
        UnusableArchiveError: with the reason.
        Exception: any exception that a damaged archive causes.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        if len(parts) > PARTS:
            raise UnusableArchiveError(f"holds {counted(len(parts), 'part')}, and no workbook has so many")
        left, cells, elements, others = UNPACKED, 0, 0, 0
        large = _large(_unpacked(archive, archive.getinfo(_TYPES), _SMALL))
        for part in parts:
            unpacked = _unpacked(archive, part, left if f"/{part.filename}" in large else min(left, _SMALL))
            left -= len(unpacked)
            if not part.filename.lower().endswith((".xml", ".rels", ".vml")):
                continue
            _check_xml(unpacked)
            cells += sum(1 for _ in _CELL.finditer(unpacked))
            elements += unpacked.count(b"<")
            others += sum(1 for _ in _OTHER.finditer(unpacked))
            if cells > CELLS or elements > ELEMENTS or others > _OTHERS:
                raise UnusableArchiveError(
                    f"holds more cells or formats than a review has (at most {CELLS:,} cells)"
                )


def _unpacked(archive: zipfile.ZipFile, part: zipfile.ZipInfo, most: int) -> bytes:
    """Return a part's content; the size that the archive declares is not trusted."""
    with archive.open(part) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UnusableArchiveError(
            f"is larger than a review can be once it is unpacked (at most {UNPACKED // 2**20} MiB)"
        )
    return content


def _large(types: bytes) -> set[str]:
    """Return the names of the parts that may be large: those that are declared only as rows or texts."""
    _check_xml(types)
    named: dict[str, set[bool]] = {}
    for element in ET.fromstring(types):  # noqa: S314 - without entities, and small
        name, kind = element.get("PartName", ""), element.get("ContentType", "")
        named.setdefault(name, set()).add(kind.endswith(_LARGE_TYPES))
    return {name for name, kinds in named.items() if kinds == {True}}


def _check_xml(content: bytes) -> None:
    encoding = _ENCODING.match(content.lstrip(b"\xef\xbb\xbf \r\n"))
    if (
        b"<!DOCTYPE" in content
        or b"\0" in content
        or (encoding and encoding[1].lower() not in (b"utf-8", b"utf8", b"us-ascii"))
        or _PLACE.search(content)
    ):
        raise UnusableArchiveError("has a structure that no spreadsheet program writes")
