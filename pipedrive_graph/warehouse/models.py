"""Loads the files of sql/ as models: their kind, their words, their query, and what they depend on.

A file is one table (or view, macro, rule) and is called like it. What it reads is taken from its query, so
dropping a file into sql/ is all that a new table needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse import header as headers

SCHEMAS = {"staging": "staging", "graph": "main", "macros": "main", "findings": "rules"}
"""The folders of sql/, and the schema that each fills."""

PYTHON_SCHEMAS = ("landing", "history")
"""Schemas whose tables Python writes; the files of sql/ only read them."""


RULE_COLUMNS = {
    "company": "the company's name in the settings",
    "subject_kind": "user, role, permission_set or company",
    "subject_id": "the subject's id",
    "object": "the flag, set, role or combination; NULL where the subject alone identifies the finding",
    "severity": "critical, high, medium, low or info",
    "title": "the finding in one sentence",
    "evidence": "what a reviewer needs to agree or not, as JSON",
}
"""The columns that every rule has."""


class Kind(StrEnum):
    """What a file of sql/ becomes."""

    TABLE = "table"
    VIEW = "view"
    MACRO = "macro"
    SCALAR_MACRO = "scalar macro"
    RULE = "rule"

    @property
    def is_macro(self) -> bool:
        """Whether it is called rather than read."""
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
    reads: frozenset[str]
    """Qualified names of the tables and macros in the query, such as `history.users`."""

    @property
    def qualified(self) -> str:
        """Its name with its schema, such as `main.users`."""
        return f"{self.schema}.{self.name}"

    @property
    def columns(self) -> dict[str, str]:
        """Its columns, each with what it holds."""
        return RULE_COLUMNS if self.kind is Kind.RULE else self.header.columns

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row."""
        return _names(self.header.settings.get("key", ""))

    @cached_property
    def sha256(self) -> str:
        """Digest of the whole file: when it changes, what the file says may have changed."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


class Models:
    """The models of a folder, in an order in which each finds what it reads.

    Raises:
        ModelError: naming the file, if one of them cannot be used or they depend on each other in a ring.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        paths = sorted(path for name in SCHEMAS for path in (folder / name).glob("*.sql"))
        if not paths:
            raise ModelError(f"There are no SQL files in {folder}; is the installation complete?")
        loaded = [_load(path) for path in paths]
        self._by_name = {model.qualified: model for model in _resolved(loaded)}
        self._ordered = [self._by_name[name] for name in self._order()]

    def __iter__(self) -> Iterator[Model]:
        return iter(self._ordered)

    def __getitem__(self, qualified: str) -> Model:
        return self._by_name[qualified]

    def of(self, schema: str, *kinds: Kind) -> list[Model]:
        """The models of a schema, of some kinds or of all, in order."""
        return [m for m in self if m.schema == schema and (not kinds or m.kind in kinds)]

    def tables_read(self, model: Model) -> frozenset[str]:
        """Qualified names of the tables that a model reads, those behind its macros included."""
        tables: set[str] = set()
        for name in model.reads:
            other = self._by_name.get(name)
            if other and other.kind.is_macro:
                tables |= self.tables_read(other)
            else:
                tables.add(name)
        return frozenset(tables)

    def _order(self) -> Iterable[str]:
        sorter = TopologicalSorter(
            {name: sorted(model.reads & self._by_name.keys()) for name, model in self._by_name.items()}
        )
        try:
            return list(sorter.static_order())
        except CycleError as error:
            ring = " → ".join(error.args[1])
            raise ModelError(f"The files of sql/ depend on each other in a ring: {ring}.") from error


def _load(path: Path) -> Model:
    place = _place(path)
    lines, query = headers.split(path.read_text(encoding="utf-8"))
    header = headers.parse(lines, place=place)
    kind_name = header.settings.get("kind", Kind.TABLE)
    if kind_name not in set(Kind):
        raise ModelError(f"{place}: '{kind_name}' is no kind; use one of {', '.join(Kind)}.")
    kind = Kind(kind_name)
    return Model(
        name=path.stem,
        schema=SCHEMAS[path.parent.name],
        kind=kind,
        header=header,
        query=query,
        path=path,
        reads=_reads(query, kind, place),
    )


@cache  # a process loads the same files again for each company; parsing them is what takes time
def _reads(query: str, kind: Kind, place: str) -> frozenset[str]:
    """Names as the query writes them: tables, and whatever is called like a function."""
    text = f"SELECT {query}" if kind is Kind.SCALAR_MACRO else query
    try:
        statements = sqlglot.parse(text, dialect="duckdb")
    except ParseError as error:
        reason = error.errors[0] if error.errors else {}
        where = f"line {reason.get('line')}: " if reason.get("line") else ""
        raise ModelError(f"{place}: {where}{reason.get('description', error)}.") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ModelError(f"{place}: expected one bare SELECT.")
    statement = statements[0]
    ctes = {cte.alias for cte in statement.find_all(exp.CTE)}
    names: set[str] = set()
    for table in statement.find_all(exp.Table):
        if table.name and (table.db or table.name not in ctes):
            names.add(f"{table.db or 'main'}.{table.name}")
    calls = {f"call:{call.name.lower()}" for call in statement.find_all(exp.Anonymous)}
    return frozenset(names | calls | {f"cte:{name}" for name in ctes})


def _resolved(models: list[Model]) -> Iterator[Model]:
    """Replace calls by the macros they mean, and refuse tables that nobody makes."""
    macros = {m.name: m.qualified for m in models if m.kind.is_macro}
    known = {m.qualified for m in models if not m.kind.is_macro}
    for model in models:
        reads = set()
        for name in model.reads:
            mark, _, rest = name.rpartition(":")
            if mark == "call":
                reads |= {macros[rest]} if rest in macros else set()
            elif mark == "cte":
                if f"main.{rest}" in known:
                    raise ModelError(f"{_place(model.path)}: the CTE {rest} hides a table of that name.")
            elif name in known or name.split(".")[0] in PYTHON_SCHEMAS:
                reads.add(name)
            else:
                raise ModelError(f"{_place(model.path)}: reads {name}, which no file makes.")
        yield replace(model, reads=frozenset(reads - {model.qualified}))


def _place(path: Path) -> str:
    return f"sql/{path.parent.name}/{path.name}"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def sql_folder() -> Path:
    """Where the SQL files lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "sql"
    return inside if inside.is_dir() else package.parent / "sql"
