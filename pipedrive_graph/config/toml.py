"""Reads a TOML file that a user wrote with any editor: its bytes, text, tables, and lines.

The error for an unreadable file is one sentence with the file and, if known, the line.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipedrive_graph.common import files, pasted, trust
from pipedrive_graph.common.text import near
from pipedrive_graph.errors import ConfigurationError

_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
LARGEST_FILE = 4 * 2**20
"""Bytes; four times a file of 5,000 waivers."""

_LONGEST_STATEMENT = (
    50_000  # characters; each further line of a value is parsed together with all lines before it
)
_WINDOWS = "\r\n"


def read(file: Path) -> dict[str, Any] | None:
    """Return the tables of a file; None if it does not exist.

    Raises:
        ConfigurationError: if it cannot be read, or is not TOML.
    """
    content = text(file)
    return None if content is None else parse(content, file)


def text(file: Path) -> str | None:
    r"""Return the text of a file without byte order mark and with `\n` line ends; None if it does not exist.

    Raises:
        ConfigurationError: if it cannot be read, or is not UTF-8.
    """
    written = document(file)
    return None if written is None else written.text


def document(file: Path) -> Document | None:
    """Return the text of a file, and its byte order mark and line ends; None if it does not exist.

    Raises:
        ConfigurationError: if it cannot be read, or is not UTF-8.
    """
    content = _bytes(file)
    if content is None:
        return None
    # UTF-16 without a mark has zero bytes, which TOML never has
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content:
        raise ConfigurationError(f"Cannot read {file}: it is UTF-16, not UTF-8; save the file as UTF-8.")
    try:
        decoded = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"Cannot read {file}: line {line} is not UTF-8; save the file as UTF-8."
        ) from error
    return Document(
        re.sub(r"\r\n?", "\n", decoded.lstrip(_BOM)),
        has_mark=content.startswith(codecs.BOM_UTF8),
        has_windows_ends=_WINDOWS.encode() in content,
    )


@dataclass(frozen=True, slots=True)
class Document:
    r"""The text of a file, and how its editor encoded it.

    Attributes:
        text: without a byte order mark and with `\n` line ends.
        has_mark: whether the file starts with a byte order mark.
        has_windows_ends: whether its lines end with `\r\n`.
    """

    text: str = ""
    has_mark: bool = False
    has_windows_ends: bool = False

    def encoded(self, text: str) -> bytes:
        """Return the bytes of a new text for the file, with the same mark and line ends."""
        if self.has_windows_ends:
            text = text.replace("\n", _WINDOWS)
        return (codecs.BOM_UTF8 if self.has_mark else b"") + text.encode()


def parse(content: str, file: Path) -> dict[str, Any]:
    """Return the tables of a text.

    Args:
        content: the text.
        file: the path of the file, for messages.

    Raises:
        ConfigurationError: if it is not TOML, with the line and column.
    """
    try:
        return tomllib.loads(content)
    except ValueError as error:  # a TOMLDecodeError, or a number of thousands of digits
        raise ConfigurationError(f"Cannot read {file}: {pasted.shown(str(error))}.") from error
    except RecursionError as error:
        raise ConfigurationError(f"Cannot read {file}: its lists or tables are nested too deeply.") from error


def on_line(text: str, *path: str | int) -> str:
    """Return ` (line 3)` for the setting at a path of keys and list positions; empty if it is not found.

    For a value of several lines, this is the last line.

    Args:
        text: valid TOML.
        path: the path of the setting, or of a table.
    """
    for statement in _statements(text):
        depth = len(statement.table)
        if statement.table[: len(path)] == path or (
            statement.table == path[:depth] and _holds(statement.content, path[depth:])
        ):
            return f" (line {statement.line})"
    return ""


@dataclass(frozen=True, slots=True)
class _Statement:
    """A key with its value, or the header of a table.

    Attributes:
        line: its last line.
        table: the path of its table, or of the table that the header starts.
        content: the parsed statement; empty for a header.
    """

    line: int
    table: tuple[str | int, ...]
    content: dict[str, Any]


@lru_cache(maxsize=8)
def _statements(text: str) -> tuple[_Statement, ...]:
    """Parse each statement of a valid text separately, so that every way of writing a key is understood."""
    statements: list[_Statement] = []
    entries = Counter[tuple[str | int, ...]]()  # number of entries of each array of tables
    table: tuple[str | int, ...] = ()
    chunk = ""
    for line, more in enumerate(text.split("\n"), 1):
        chunk += f"{more}\n"
        try:
            content = tomllib.loads(chunk)
        except tomllib.TOMLDecodeError:
            if len(chunk) > _LONGEST_STATEMENT:
                break
            continue  # the statement continues on the next line
        if chunk.lstrip().startswith("["):
            table, content = _header(content, entries), {}
        statements.append(_Statement(line, table, content))
        chunk = ""
    return tuple(statements)


def _header(content: Any, entries: Counter[tuple[str | int, ...]]) -> tuple[str | int, ...]:  # noqa: ANN401 - a TOML value
    """Return the path of the table that a header starts; an array of tables gets another entry."""
    table: tuple[str | int, ...] = ()
    while content:
        ((key, content),) = content.items()
        table = (*table, key)
        if isinstance(content, list):
            entries[table] += 1
            (content,) = content
        if entries[table]:
            table = (*table, entries[table] - 1)
    return table


def tables_of_companies(
    tables: dict[str, Any], file: Path, companies: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Take the tables below [companies] out of a file's tables.

    Args:
        tables: the file's tables.
        file: the path of the file, for messages.
        companies: the existing companies.

    Raises:
        ConfigurationError: if one is not a table, or names a company that does not exist.
    """
    of_companies = tables.pop("companies", {})
    if not isinstance(of_companies, dict) or not all(
        isinstance(table, dict) for table in of_companies.values()
    ):
        raise ConfigurationError(
            f"{file}: [companies] must hold a table per company, such as [companies.acme]."
        )
    for name in of_companies:
        if name not in companies:
            raise ConfigurationError(
                f"{file}: [companies] names the unknown company {pasted.shown(name)}{near(name, companies)}"
            )
    return of_companies


def _bytes(file: Path) -> bytes | None:
    trust.check(file)
    try:
        return files.read_bounded(file, LARGEST_FILE)
    except FileNotFoundError as error:
        if file.is_symlink():
            raise ConfigurationError(
                f"Cannot read {file}: it is a link to a file that does not exist."
            ) from error
        return None
    except NotADirectoryError:
        return None  # the home folder is a file, which is reported when something is written to it
    except OSError as error:
        raise ConfigurationError(str(files.cannot_read(file, error))) from error


def _holds(value: Any, path: tuple[str | int, ...]) -> bool:  # noqa: ANN401 - a TOML value
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
