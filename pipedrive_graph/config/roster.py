"""Reads the roster: the company's people according to HR or an identity provider, to compare users with.

A row that cannot be used is reported with its line and decides nothing, but the person in it counts as being
on the roster. A file that cannot be read, or has no usable row, is a configuration error.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pipedrive_graph.common import addresses, files, trust
from pipedrive_graph.common.addresses import AddressError
from pipedrive_graph.common.pasted import shown
from pipedrive_graph.common.text import legible
from pipedrive_graph.errors import ConfigurationError

ACTIVE = frozenset(
    {
        "active", "current", "employed", "enabled", "leave", "locked out", "on leave", "onboarding",
        "password expired", "probation", "provisioned", "recovery", "staged",
    }
)  # fmt: skip
"""Values of the status for people who belong to the company, including those on leave."""

LEAVERS = frozenset(
    {
        "deactivated", "deleted", "departed", "deprovisioned", "disabled", "dismissed", "former", "inactive",
        "leaver", "left", "offboarded", "resigned", "retired", "separated", "suspended", "terminated",
    }
)  # fmt: skip
"""Values of the status for people who left the company, or whose access was stopped."""

LARGEST_FILE = 64 * 2**20
"""Bytes; ten times the roster of 100,000 people."""

_COLUMNS = ("email", "status", "manager", "expected_role")
_NEEDED = ("email", "status")
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a roster.

    Attributes:
        line: the line of the file in which it starts.
        email: in the form for comparisons (see `addresses.comparable`); None if there is not exactly one.
        status: as written.
        leaver: the meaning of the status; None if unknown.
        manager, expected_role: as written; None if empty. If several rows have the same address, the used row
            has the value that they agree on, even if only one row has it; None if they contradict each other.
        problem: why the row is not used; None if it is used.
    """

    line: int
    email: str | None
    status: str | None
    leaver: bool | None
    manager: str | None
    expected_role: str | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Roster:
    """A company's roster, including the rows that cannot be used."""

    rows: tuple[Row, ...]

    @property
    def problems(self) -> list[str]:
        """A sentence for each row that is not used."""
        return [f"line {row.line}: {row.problem}" for row in self.rows if row.problem]


def read(path: Path) -> Roster:
    """Read a roster: CSV with a header, in UTF-8 or UTF-16, delimited by comma, semicolon, tab or bar.

    Raises:
        ConfigurationError: if it cannot be used, with the reason.
    """
    rows = tuple(_one_per_address(list(_rows(path, _text(path)))))
    if not rows:
        raise ConfigurationError(f"The roster {path} has no rows.")
    roster = Roster(rows)
    if len(roster.problems) == len(rows):
        raise ConfigurationError(
            f"No row of the roster {path} can be used; the first problem: {roster.problems[0]}."
        )
    return roster


def _text(path: Path) -> str:
    trust.check(path)
    try:
        content = files.read_bounded(path, LARGEST_FILE)
        # Excel saves "Unicode text" in UTF-16, and always marks it as such
        encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "utf-16":
            raise ConfigurationError(
                f"The roster {path} is cut off or damaged (its UTF-16 cannot be read); save it as CSV UTF-8."
            ) from error
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"The roster {path} is not UTF-8 (line {line}); save it as CSV UTF-8."
        ) from error
    except OSError as error:
        # without `from error`: Dagster would store the cause too, which names the path
        reason = files.reason(path, error)
        raise ConfigurationError(shown(f"Cannot read the roster {path}: {reason}.")) from None


def _rows(path: Path, text: str) -> Iterator[Row]:
    """Yield the rows, each parsed on its own."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    header: list[str] = []
    begins = 1
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if not any(cell.strip() for cell in cells) or (not header and _is_separator(cells)):
                continue
            if header:
                yield _row(line, header, cells)
            else:
                header = _header(path, cells)
    except csv.Error as error:
        raise ConfigurationError(
            f"The roster {path} cannot be read as CSV from line {begins} on: {error}."
        ) from error
    if not header:
        raise ConfigurationError(f"The roster {path} is empty.")


def _delimiter(text: str) -> str:
    """Return the delimiter with which the first line has most of the roster's columns."""
    lines = (line for line in text.splitlines() if line.strip() and not _is_separator([line]))
    first = next(lines, "")
    return max(_DELIMITERS, key=lambda mark: len({*map(_name, first.split(mark))} & {*_COLUMNS}))


def _is_separator(cells: list[str]) -> bool:
    """Whether this is the line that declares the delimiter for a spreadsheet."""
    return re.fullmatch(r'"?sep=.?"?', "".join(cells).strip(), flags=re.IGNORECASE) is not None


def _name(cell: str) -> str:
    """Return the normalised name of a column."""
    name = re.sub(r"[\s_-]+", "_", addresses.visible(cell).strip().strip('"').strip().lower())
    return "email" if name == "e_mail" else name


def _header(path: Path, cells: list[str]) -> list[str]:
    header = [_name(cell) for cell in cells]
    for name in _COLUMNS:
        if header.count(name) > 1:
            raise ConfigurationError(f"The roster {path} has more than one column {name}.")
    for name in _NEEDED:
        if name not in header:
            raise ConfigurationError(
                f"The roster {path} has no column {name}; its first line must name the columns, as in "
                f"{','.join(_COLUMNS)}."
            )
    return header


def _row(line: int, header: list[str], cells: list[str]) -> Row:
    composed = (unicodedata.normalize("NFC", cell) for cell in cells)
    named = dict(zip(header, (" ".join(cell.split()) or None for cell in composed), strict=False))
    email, status = named.get("email"), named.get("status")
    normalised = re.sub(r"[\s_-]+", " ", addresses.visible(status or "")).strip().lower()
    leaver = True if normalised in LEAVERS else False if normalised in ACTIVE else None
    address, reason = _address(email or "")
    problem = None
    if any(cell.strip() for cell in cells[len(header) :]):
        problem = f"there are {len(cells)} columns, in the header {len(header)}"
    elif not email:
        problem = "there is no e-mail address"
    elif reason:
        problem = f"'{legible(email)}' {reason}"
    elif not status:
        problem = f"{address} has no status"
    elif leaver is None:
        problem = f"'{legible(status)}' is no status that is known"
    return Row(line, address, status, leaver, named.get("manager"), named.get("expected_role"), problem)


def _address(cell: str) -> tuple[str | None, str]:
    """Return the address in a cell for comparisons, or why there is not exactly one."""
    try:
        addresses.read(cell)
    except AddressError as error:
        return None, str(error)
    return addresses.comparable(cell), ""


def _one_per_address(rows: list[Row]) -> Iterator[Row]:
    """Use at most one row per address; rows with a problem of their own are not considered."""
    same: dict[str | None, list[Row]] = {}
    for row in rows:
        if not row.problem:
            same.setdefault(row.email, []).append(row)
    merged = {row.line: row for group in same.values() for row in _merged(group)}
    for row in rows:
        yield merged.get(row.line, row)


def _merged(group: list[Row]) -> Iterator[Row]:
    """Use the first of an address's rows, with the values that all agree on; none if the status differs."""
    first, *others = group
    contradicting = next((row for row in others if row.leaver != first.leaver), None)
    if contradicting:
        for row in group:
            other = contradicting if row.leaver == first.leaver else first
            yield replace(row, problem=f"{row.email} is in line {other.line} too, which says otherwise")
        return
    managers, expected = (
        _distinct(row.manager for row in group),
        _distinct(row.expected_role for row in group),
    )
    yield replace(first, manager=_agreed(managers), expected_role=_agreed(expected))
    differing = [
        name for name, values in (("manager", managers), ("expected role", expected)) if len(values) > 1
    ]
    exception = f", but for the {' and the '.join(differing)}, on which they differ" if differing else ""
    for row in others:
        yield replace(row, problem=f"{row.email} is in line {first.line} too, which is used{exception}")


def _distinct(cells: Iterable[str | None]) -> list[str]:
    """Return the distinct cells as first written; managers may be addresses or names."""
    values: dict[str, str] = {}
    for cell in cells:
        if cell:
            values.setdefault(addresses.person(cell), cell)
    return [*values.values()]


def _agreed(values: list[str]) -> str | None:
    return values[0] if len(values) == 1 else None
