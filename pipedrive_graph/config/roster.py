"""Reads the roster of a company's people, from HR or an identity provider, against which users are held.

A row that cannot be used is told by its line and decides nothing, but whoever it names stands on the roster.
A file that cannot be read, or of which no row can be used, is a mistake in the settings.
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
"""What a status calls people who belong to the company, on leave too."""

LEAVERS = frozenset(
    {
        "deactivated", "deleted", "departed", "deprovisioned", "disabled", "dismissed", "former", "inactive",
        "leaver", "left", "offboarded", "resigned", "retired", "separated", "suspended", "terminated",
    }
)  # fmt: skip
"""What a status calls people who do not, or whose access was stopped."""

LARGEST_FILE = 64 * 2**20
"""Bytes; the roster of 100,000 people has a tenth."""

_COLUMNS = ("email", "status", "manager", "expected_role")
_NEEDED = ("email", "status")
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a roster.

    Attributes:
        line: the line of the file in which it begins.
        email: as addresses are compared (see `addresses.comparable`); None where there is not exactly one.
        status: as written.
        leaver: what it means; None where that is not known.
        manager, expected_role: as written; None where empty. In a row that is used for others about the same
            address too, what they agree in: what one of them says; None where they contradict each other.
        problem: why it is not used; None where it is.
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
    """A company's roster, with the rows that cannot be used."""

    rows: tuple[Row, ...]

    @property
    def problems(self) -> list[str]:
        """A sentence for each row that is not used."""
        return [f"line {row.line}: {row.problem}" for row in self.rows if row.problem]


def read(path: Path) -> Roster:
    """Read a roster: CSV with a header, in UTF-8 or UTF-16, with comma, semicolon, tab or bar.

    Raises:
        ConfigurationError: if it cannot be used, saying why.
    """
    rows = tuple(_alone(list(_rows(path, _text(path)))))
    if not rows:
        raise ConfigurationError(f"The roster {path} names nobody.")
    roster = Roster(rows)
    if len(roster.problems) == len(rows):
        raise ConfigurationError(f"No row of the roster {path} can be used, the first: {roster.problems[0]}.")
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
        # Dagster would store the cause as well, and that names the path
        reason = files.reason(path, error)
        raise ConfigurationError(shown(f"Cannot read the roster {path}: {reason}.")) from None


def _rows(path: Path, text: str) -> Iterator[Row]:
    """The rows, each for itself."""
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
    """The delimiter with which the first line names most columns of a roster."""
    lines = (line for line in text.splitlines() if line.strip() and not _is_separator([line]))
    first = next(lines, "")
    return max(_DELIMITERS, key=lambda mark: len({*map(_name, first.split(mark))} & {*_COLUMNS}))


def _is_separator(cells: list[str]) -> bool:
    """Whether this is the line that tells a spreadsheet the delimiter."""
    return re.fullmatch(r'"?sep=.?"?', "".join(cells).strip(), flags=re.IGNORECASE) is not None


def _name(cell: str) -> str:
    """A column's name as it is known here."""
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
    meant = re.sub(r"[\s_-]+", " ", addresses.visible(status or "")).strip().lower()
    leaver = True if meant in LEAVERS else False if meant in ACTIVE else None
    address, unread = _address(email or "")
    problem = None
    if any(cell.strip() for cell in cells[len(header) :]):
        problem = f"there are {len(cells)} columns, in the header {len(header)}"
    elif not email:
        problem = "there is no e-mail address"
    elif unread:
        problem = f"'{legible(email)}' {unread}"
    elif not status:
        problem = f"{address} has no status"
    elif leaver is None:
        problem = f"'{legible(status)}' is no status that is known"
    return Row(line, address, status, leaver, named.get("manager"), named.get("expected_role"), problem)


def _address(cell: str) -> tuple[str | None, str]:
    """The address in a cell as addresses are compared, or why there is not exactly one."""
    try:
        addresses.read(cell)
    except AddressError as error:
        return None, str(error)
    return addresses.comparable(cell), ""


def _alone(rows: list[Row]) -> Iterator[Row]:
    """Let one row at most speak for an address; a row that cannot be used for itself has no say in that."""
    same: dict[str | None, list[Row]] = {}
    for row in rows:
        if not row.problem:
            same.setdefault(row.email, []).append(row)
    settled = {row.line: row for group in same.values() for row in _settled(group)}
    for row in rows:
        yield settled.get(row.line, row)


def _settled(group: list[Row]) -> Iterator[Row]:
    """Of an address's rows, use the first for all that they agree in; none where the status contradicts."""
    first, *others = group
    otherwise = next((row for row in others if row.leaver != first.leaver), None)
    if otherwise:
        for row in group:
            other = otherwise if row.leaver == first.leaver else first
            yield replace(row, problem=f"{row.email} is in line {other.line} too, which says otherwise")
        return
    managers, expected = _said(row.manager for row in group), _said(row.expected_role for row in group)
    yield replace(first, manager=_agreed(managers), expected_role=_agreed(expected))
    contradicted = [
        name for name, said in (("manager", managers), ("expected role", expected)) if len(said) > 1
    ]
    but = f", but for the {' and the '.join(contradicted)}, on which they differ" if contradicted else ""
    for row in others:
        yield replace(row, problem=f"{row.email} is in line {first.line} too, which is used{but}")


def _said(cells: Iterable[str | None]) -> list[str]:
    """The different cells, each as it is written first; managers may be addresses or names."""
    said: dict[str, str] = {}
    for cell in cells:
        if cell:
            said.setdefault(addresses.person(cell), cell)
    return [*said.values()]


def _agreed(said: list[str]) -> str | None:
    return said[0] if len(said) == 1 else None
