"""Loads the files of sql/ as models, in dependency order.

A file defines one table (or view, macro, rule) of the same name. Dependencies are parsed from the queries, so
a new table needs only a new file in sql/.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse.parsed import ParsedQueries
from pipedrive_graph.warehouse.sql_model import Kind, Model, load

PUBLISHED = "published"
"""The schema of views that exist only in the published file."""

REPORTS = "reports"
"""The schema of macros that reports create on their connection to the published file."""

REVIEWS = "reviews"
"""The schema of macros that access reviews create on their connection to the warehouse."""

SCHEMAS = {
    "staging": "staging",
    "graph": "main",
    "macros": "main",
    "findings": "rules",
    "history": "merge",
    "lifecycle": "lifecycle",
    "peers": "peers",
    "published": PUBLISHED,
    "reports": REPORTS,
    "reviews": REVIEWS,
}
"""The folders of sql/, and the schema of the models in each."""

STEPS = frozenset({"merge", "lifecycle", "peers"})
"""Schemas of temporary tables, which `steps` creates for one batch."""

_CALLED = ("main", "staging", REPORTS, *STEPS)
"""Schemas whose macros other files call."""

PYTHON_SCHEMAS = ("landing", "history", "policy", "run")
"""Schemas with tables that Python writes and the files of sql/ only read."""


class Models:
    """The models of a folder, in dependency order.

    Args:
        folder: the folder of the files.
        parsed: a cache of parsed queries; by default, all queries are parsed.

    Attributes:
        folder: the folder of the files.
        broken: why a custom rule cannot be used, by the qualified name that it would have.

    Raises:
        ModelError: if a file cannot be used or the files depend on each other in a cycle.
    """

    def __init__(self, folder: Path, parsed: ParsedQueries | None = None) -> None:
        self.folder = folder
        paths = sorted(path for name in SCHEMAS for path in (folder / name).glob("*.sql"))
        if not paths:
            raise ModelError(f"There are no SQL files in {folder}; is the installation complete?")
        self.broken: Mapping[str, str] = {}
        parsed = parsed or ParsedQueries()
        loaded = [_load(path, parsed) for path in paths]
        self._by_name = {model.qualified: model for model in loaded}
        self._arrange(self.resolved(model) for model in loaded)

    def with_rules(self, rules: Iterable[Model], broken: Mapping[str, str]) -> Models:
        """A copy with additional rules.

        Args:
            rules: the rules, already resolved.
            broken: why other rules cannot be used, by qualified name.
        """
        more = copy(self)
        more.broken = {**self.broken, **broken}
        more._arrange([*self, *rules])  # noqa: SLF001 - of this class
        return more

    def resolved(self, model: Model) -> Model:
        """A copy of a model whose `reads` has the called macros, and no other calls.

        Raises:
            ModelError: if it reads a table that does not exist.
        """
        reads = set()
        for name in model.reads:
            mark, _, rest = name.rpartition(":")
            if mark == "call":
                called = (self._by_name.get(f"{schema}.{rest}") for schema in _CALLED)
                reads |= {macro.qualified for macro in called if macro and macro.kind.is_macro}
            elif mark == "cte":
                hidden = self._by_name.get(f"main.{rest}")
                # custom rules may read published tables; helpers are internal, so hiding them is harmless
                if hidden and hidden.is_published:
                    raise ModelError(f"{model.place}: the CTE {rest} hides a table of that name; rename it.")
            elif self._is_table(name) or name.split(".")[0] in PYTHON_SCHEMAS:
                reads.add(name)
            else:
                raise ModelError(f"{model.place}: reads {name}, which does not exist.")
        return replace(model, reads=frozenset(reads - {model.qualified}))

    def without(self, names: Collection[str]) -> Models:
        """A copy without the models of these qualified names."""
        fewer = copy(self)
        fewer._keep(self._by_name.keys() - {*names})  # noqa: SLF001 - of this class
        return fewer

    def __iter__(self) -> Iterator[Model]:
        return iter(self._ordered)

    def __getitem__(self, qualified: str) -> Model:
        return self._by_name[qualified]

    def of(self, schema: str, *kinds: Kind) -> list[Model]:
        """The models of a schema (of some kinds, or of all kinds), in dependency order."""
        return [m for m in self if m.schema == schema and (not kinds or m.kind in kinds)]

    def published(self) -> list[Model]:
        """The models that become tables of the published file, in dependency order."""
        return [model for model in self if model.is_published]

    def reads(self, model: Model) -> frozenset[str]:
        """The names that a model reads; an unpublished helper view is replaced by the names that it reads."""
        names: set[str] = set()
        for name in model.reads:
            other = self._by_name.get(name)
            is_helper = (
                other and other.kind is Kind.VIEW and other.schema == "main" and not other.is_published
            )
            names |= self.reads(other) if other and is_helper else {name}
        return frozenset(names)

    def tables_read(self, model: Model) -> frozenset[str]:
        """Qualified names of the tables that a model reads, directly or through macros and helpers."""
        tables: set[str] = set()
        for name in self.reads(model):
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
            cycle = " → ".join(error.args[1])
            raise ModelError(f"The files of sql/ depend on each other in a cycle: {cycle}.") from error


def _load(path: Path, parsed: ParsedQueries) -> Model:
    folder = path.parent.name
    return load(path, schema=SCHEMAS[folder], place=f"sql/{folder}/{path.name}", parsed=parsed)
