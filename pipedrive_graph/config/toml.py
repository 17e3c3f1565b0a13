"""Reads a TOML file that a person wrote, with whatever editor: its bytes, text, tables, and lines.

What cannot be read is one sentence that names the file, and the line where it is known.
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
"""Bytes; a file of 5,000 waivers has a quarter."""

_LONGEST_STATEMENT = 50_000  # characters; each further line of a value takes another look at all of it
_WINDOWS = "\r\n"


def read(file: Path) -> dict[str, Any] | None:
    """The tables of a file; None where there is no such file.

    Raises:
        ConfigurationError: if it cannot be read, or is not TOML.
    """
    content = text(file)
    return None if content is None else parse(content, file)


def text(file: Path) -> str | None:
    r"""The text of a file, without a byte order mark and with `\n` line ends; None where there is no file.

    Raises:
        ConfigurationError: if it cannot be read, or is not UTF-8.
    """
    found = document(file)
    return None if found is None else found.text


def document(file: Path) -> Document | None:
    """The text of a file, and how its editor wrote it; None where there is no file.

    Raises:
        ConfigurationError: if it cannot be read, or is not UTF-8.
    """
    content = _bytes(file)
    if content is None:
        return None
    # UTF-16 without a mark shows by its zeros, which TOML has no use for
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
    r"""A file as its editor wrote it.

    Attributes:
        text: without a byte order mark and with `\n` line ends.
        has_mark: whether the file begins with a byte order mark.
        has_windows_ends: whether its lines end with `\r\n`.
    """

    text: str = ""
    has_mark: bool = False
    has_windows_ends: bool = False

    def encoded(self, text: str) -> bytes:
        """The bytes of a new text for the file, with the same mark and line ends."""
        if self.has_windows_ends:
            text = text.replace("\n", _WINDOWS)
        return (codecs.BOM_UTF8 if self.has_mark else b"") + text.encode()


def parse(content: str, file: Path) -> dict[str, Any]:
    """The tables of a text.

    Args:
        content: the text.
        file: the file that messages name.

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
    """Return ` (line 3)` for the setting at a path of keys and list positions; empty where it is not found.

    Of a value of several lines, the last one is named.

    Args:
        text: valid TOML.
        path: of the setting, or of a table.
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
        table: the path of the table in which it stands, or which it begins.
        content: what it says by itself; empty for a header.
    """

    line: int
    table: tuple[str | int, ...]
    content: dict[str, Any]


@lru_cache(maxsize=8)
def _statements(text: str) -> tuple[_Statement, ...]:
    """Parse each statement of a valid text by itself, so that every way of writing a key is understood."""
    statements: list[_Statement] = []
    entries = Counter[tuple[str | int, ...]]()  # of each array of tables
    table: tuple[str | int, ...] = ()
    chunk = ""
    for line, more in enumerate(text.split("\n"), 1):
        chunk += f"{more}\n"
        try:
            content = tomllib.loads(chunk)
        except tomllib.TOMLDecodeError:
            if len(chunk) > _LONGEST_STATEMENT:
                break
            continue  # it goes on in the next line
        if chunk.lstrip().startswith("["):
            table, content = _header(content, entries), {}
        statements.append(_Statement(line, table, content))
        chunk = ""
    return tuple(statements)


def _header(content: Any, entries: Counter[tuple[str | int, ...]]) -> tuple[str | int, ...]:  # noqa: ANN401 - a TOML value
    """The path of the table that a header begins; an array of tables gets one entry more."""
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
        file: the file that messages name.
        companies: the companies that there are.

    Raises:
        ConfigurationError: if one is not a table, or names a company that does not exist.
    """
    found = tables.pop("companies", {})
    if not isinstance(found, dict) or not all(isinstance(table, dict) for table in found.values()):
        raise ConfigurationError(f"{file}: [companies] must hold a table per company, as [companies.acme].")
    for name in found:
        if name not in companies:
            raise ConfigurationError(
                f"{file}: [companies] knows no {pasted.shown(name)}{near(name, companies)}"
            )
    return found


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
        return None  # the home folder is a file; the error says so where something is written to it
    except OSError as error:
        raise ConfigurationError(str(files.cannot_read(file, error))) from error


def _holds(value: Any, path: tuple[str | int, ...]) -> bool:  # noqa: ANN401 - a TOML value
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
