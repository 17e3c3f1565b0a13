"""Loads the files of sql/ as models: their kind, their words, their query, and what they depend on.

A file is one table (or view, macro, rule) and is called like it. What it reads is taken from its query, so
dropping a file into sql/ is all that a new table needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse import header as headers

PUBLISHED = "published"
"""The schema of the views that the published file alone has, which the warehouse does not make."""

SCHEMAS = {
    "staging": "staging",
    "graph": "main",
    "macros": "main",
    "findings": "rules",
    "published": PUBLISHED,
}
"""The folders of sql/, and the schema that each fills."""

PYTHON_SCHEMAS = ("landing", "history", "policy")
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
    place: str
    """How messages name its file."""
    line: int
    """The line of the file in which the query begins."""
    sha256: str
    """Digest of the whole file: when it changes, what the file says may have changed."""
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
    def comment(self) -> str:
        """What it carries as its comment in the published file: what a row is, and how to tell it apart."""
        said = [self.header.comment]
        if self.kind.is_macro:
            said += [f"Parameters: {_listed(self.header.parameters)}.", f"Columns: {_listed(self.columns)}."]
        elif self.key:
            said.append(f"Key: {', '.join(self.key)}.")
        return " ".join(said)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row."""
        return _names(self.header.settings.get("key", ""))


class Models:
    """The models of a folder, in an order in which each finds what it reads.

    Attributes:
        folder: where their files lie.
        broken: why a file that was to be added makes no model, by the qualified name it would have.

    Raises:
        ModelError: naming the file, if one of them cannot be used or they depend on each other in a ring.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        paths = sorted(path for name in SCHEMAS for path in (folder / name).glob("*.sql"))
        if not paths:
            raise ModelError(f"There are no SQL files in {folder}; is the installation complete?")
        self.broken: Mapping[str, str] = {}
        loaded = [_load(path) for path in paths]
        self._by_name = {model.qualified: model for model in loaded}
        self._arrange(self.resolved(model) for model in loaded)

    def with_rules(self, rules: Iterable[Model], broken: Mapping[str, str]) -> Models:
        """The same models and some rules more, which nothing else reads.

        Args:
            rules: resolved ones.
            broken: why others are not among them.
        """
        more = copy(self)
        more.broken = {**self.broken, **broken}
        more._arrange([*self, *rules])  # noqa: SLF001 - of this class
        return more

    def resolved(self, model: Model) -> Model:
        """Replace the calls in what a model reads by the macros they mean.

        Raises:
            ModelError: if it reads a table that nobody makes.
        """
        reads = set()
        for name in model.reads:
            mark, _, rest = name.rpartition(":")
            if mark == "call":
                called = (self._by_name.get(f"{schema}.{rest}") for schema in ("main", "staging"))
                reads |= {macro.qualified for macro in called if macro and macro.kind.is_macro}
            elif mark == "cte":
                if self._is_table(f"main.{rest}"):
                    raise ModelError(f"{model.place}: the CTE {rest} hides a table of that name.")
            elif self._is_table(name) or name.split(".")[0] in PYTHON_SCHEMAS:
                reads.add(name)
            else:
                raise ModelError(f"{model.place}: reads {name}, which no file makes.")
        return replace(model, reads=frozenset(reads - {model.qualified}))

    def without(self, names: Collection[str]) -> Models:
        """The same models but for some, called by their qualified names."""
        fewer = copy(self)
        fewer._keep(self._by_name.keys() - {*names})  # noqa: SLF001 - of this class
        return fewer

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

    def _is_table(self, qualified: str) -> bool:
        model = self._by_name.get(qualified)
        return model is not None and not model.kind.is_macro

    def _arrange(self, models: Iterable[Model]) -> None:
        self._by_name = {model.qualified: model for model in models}
        self._ordered = [self._by_name[name] for name in self._order()]

    def _keep(self, names: Collection[str]) -> None:
        self._ordered = [model for model in self._ordered if model.qualified in names]
        self._by_name = {model.qualified: model for model in self._ordered}

    def _order(self) -> Iterable[str]:
        sorter = TopologicalSorter(
            {name: sorted(model.reads & self._by_name.keys()) for name, model in self._by_name.items()}
        )
        try:
            return list(sorter.static_order())
        except CycleError as error:
            ring = " → ".join(error.args[1])
            raise ModelError(f"The files of sql/ depend on each other in a ring: {ring}.") from error


def load(path: Path, *, schema: str, place: str, kind: Kind = Kind.TABLE) -> Model:
    """Load one file, without looking at what the tables that it reads are.

    Args:
        path: the file.
        schema: the schema that it fills.
        place: how messages name it.
        kind: what it becomes where its header does not say.

    Raises:
        ModelError: naming the file, and the line where it is known.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ModelError(f"{place}: line {line}: this is not UTF-8; save the file as UTF-8.") from error
    except OSError as error:
        raise ModelError(f"{place}: cannot be read ({error.strerror or error}).") from error
    lines, query = headers.split(text)
    header = headers.parse(lines, place=place)
    kind_name = header.settings.get("kind", kind)
    if kind_name not in set(Kind):
        raise ModelError(f"{place}: '{kind_name}' is no kind; use one of {', '.join(Kind)}.")
    kind = Kind(kind_name)
    line = _first_line(text, after=len(lines))
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
        reads=_reads(query, kind, place, line),
    )


def _load(path: Path) -> Model:
    return load(path, schema=SCHEMAS[path.parent.name], place=f"sql/{path.parent.name}/{path.name}")


def _first_line(text: str, *, after: int) -> int:
    """The number of the first line that is not blank, of those after the header."""
    lines = enumerate(text.splitlines()[after:], start=after + 1)
    return next((number for number, line in lines if line.strip()), after + 1)


@cache  # a process loads the same files again for each company; parsing them is what takes time
def _reads(query: str, kind: Kind, place: str, line: int) -> frozenset[str]:
    """Names as the query writes them: tables, and whatever is called like a function."""
    text = f"SELECT {query}" if kind is Kind.SCALAR_MACRO else query
    try:
        statements = sqlglot.parse(text, dialect="duckdb")
    except (ParseError, TokenError) as error:
        reason = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
        where = f"line {line - 1 + int(reason['line'])}: " if reason.get("line") else ""
        said = str(reason.get("description", error)).splitlines()[0].rstrip(".")
        raise ModelError(f"{place}: {where}{said}.") from error
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


def _listed(described: dict[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in described.items())


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def sql_folder() -> Path:
    """Where the SQL files lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "sql"
    return inside if inside.is_dir() else package.parent / "sql"
