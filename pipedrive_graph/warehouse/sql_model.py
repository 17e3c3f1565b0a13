"""Loads one file of sql/ as a model: its kind, header and query, and the tables that the query reads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse import header as headers
from pipedrive_graph.warehouse.parsed import ParsedQueries

RULE_COLUMNS = {
    "company": "the company's name in the settings",
    "subject_kind": "user, role, permission_set, pipeline, team or company",
    "subject_id": "the subject's id",
    "object": "the flag, set, role or combination; NULL where the subject alone identifies the finding",
    "severity": "critical, high, medium, low or info",
    "title": "the finding in one sentence",
    "evidence": "what a reviewer needs to agree or not, as JSON",
}
"""The columns that every rule has."""


class Kind(StrEnum):
    """What a file of sql/ defines."""

    TABLE = "table"
    VIEW = "view"
    MACRO = "macro"
    SCALAR_MACRO = "scalar macro"
    RULE = "rule"

    @property
    def is_macro(self) -> bool:
        """Whether the model is called like a function rather than read like a table."""
        return self in {Kind.MACRO, Kind.SCALAR_MACRO}


@dataclass(frozen=True)
class Model:
    """One file of sql/."""

    name: str
    schema: str
    kind: Kind
    header: headers.Header
    query: str
    path: Path
    place: str
    """The file's name in messages."""
    line: int
    """The line of the file on which the query begins."""
    sha256: str
    """Digest of the whole file, including header and comments."""
    query_sha256: str
    """Digest of the query without comments and white space."""
    reads: frozenset[str]
    """Qualified names of the tables and macros in the query, such as `history.users`."""

    @property
    def qualified(self) -> str:
        """The name with the schema, such as `main.users`."""
        return f"{self.schema}.{self.name}"

    @property
    def is_published(self) -> bool:
        """Whether it is a table of the published file; helpers in sql/graph have `published: no`."""
        is_table = self.schema == "main" and self.kind in {Kind.TABLE, Kind.VIEW}
        return is_table and self.header.settings.get("published") != "no"

    @property
    def columns(self) -> dict[str, str]:
        """The description of each column."""
        return RULE_COLUMNS if self.kind is Kind.RULE else self.header.columns

    @property
    def comment(self) -> str:
        """Its comment in the published file: the header's comment with the key, or a macro's parameters."""
        sentences = [self.header.comment]
        if self.kind.is_macro:
            sentences += [
                f"Parameters: {_listed(self.header.parameters)}.",
                f"Columns: {_listed(self.columns)}.",
            ]
        elif self.key:
            sentences.append(f"Key: {', '.join(self.key)}.")
        return " ".join(sentences)

    @property
    def in_file(self) -> str:
        """The query after blank lines, so that line numbers in error messages match the file."""
        return "\n" * (self.line - 1) + self.query

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row."""
        return _names(self.header.settings.get("key", ""))

    @property
    def writes(self) -> tuple[str, ...]:
        """Qualified names of the tables that a step's rows are written to; empty if only steps read them."""
        return _names(self.header.settings.get("writes", ""))


def load(path: Path, *, schema: str, place: str, parsed: ParsedQueries, kind: Kind = Kind.TABLE) -> Model:
    """Load one file. Whether the tables that it reads exist is not checked.

    Args:
        path: the file.
        schema: the schema of the model.
        place: the file's name in messages.
        parsed: parses the query, or has it in its cache.
        kind: the kind if the header has none.

    Raises:
        ModelError: if the file cannot be used; the message names the file, and the line if it is known.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ModelError(f"{place}: line {line}: not valid UTF-8; save the file as UTF-8.") from error
    except OSError as error:
        raise ModelError(f"{place}: cannot be read ({error.strerror or error}).") from error
    lines, query = headers.split(text)
    header = headers.parse(lines, place=place)
    kind_name = header.settings.get("kind", kind)
    if kind_name not in set(Kind):
        raise ModelError(f"{place}: unknown kind '{kind_name}'; use one of {', '.join(Kind)}.")
    kind = Kind(kind_name)
    line = _first_line(text, after=len(lines))
    parsed_text = f"SELECT {query}" if kind is Kind.SCALAR_MACRO else query
    parsed_query = parsed.parse(parsed_text, place=place, line=line)
    return Model(
        name=path.stem,
        schema=schema,
        kind=kind,
        header=header,
        query=query,
        path=path,
        place=place,
        line=line,
        sha256=hashlib.sha256(content).hexdigest(),
        query_sha256=parsed_query.sha256,
        reads=parsed_query.reads,
    )


def _first_line(text: str, *, after: int) -> int:
    """The number of the first non-blank line after the header."""
    lines = enumerate(text.splitlines()[after:], start=after + 1)
    return next((number for number, line in lines if line.strip()), after + 1)


def _listed(described: dict[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in described.items())


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
