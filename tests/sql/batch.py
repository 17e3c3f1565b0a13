"""Answers the queries of many tests at once: all their companies in one database, each rule run once.

Each test writes the rows of a company and queries tables or rules for it. Alone, that takes 0.3 seconds,
mostly to build tables and rules, which takes DuckDB no longer for 200 companies. So the tests of a module are
run in advance, each up to its first query. Their companies are loaded together, the queries are answered, and
the tests are run again up to their next query. An answer is cached by the contents of its company, and used
by every test that has written exactly these rows. Other queries (after an UPDATE, about two companies, or in
tests with other fixtures) are answered in the database of the test.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from .literal import TABLES, Company, Contents, model_of, tables_below, write

ROUNDS = 8
FEWEST = 4
"""With fewer tests, a round takes longer than answering each query alone."""

Question = tuple[Contents, str, str]


class Asked(BaseException):
    """Ends an advance run of a test at a query without a cached answer.

    It is not an `Exception`, so that no test catches it.
    """

    def __init__(self, question: Question) -> None:
        self.question = question


class Batch:
    """The cached answers for the companies of the tests of a module."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], list[tuple[Any, ...]]] = {}
        self._in_advance = False

    def of(self, contents: Contents, table: str, columns: str) -> list[tuple[Any, ...]] | None:
        """The cached columns of a table for a company with these contents, or None."""
        answer = self._known.get((contents.key, table, columns))
        if answer is None and self._in_advance:
            raise Asked((contents, table, columns))
        return None if answer is None else list(answer)

    def learn(self, warehouse: duckdb.DuckDBPyConnection, items: Iterable[pytest.Item]) -> None:
        """Run tests in advance, query by query, and cache the answers."""
        waiting = [item for item in items if isinstance(item, pytest.Function)]
        for _ in range(ROUNDS):
            questions = [(item, question) for item in waiting if (question := self._next(item))]
            waiting = [item for item, _ in questions]
            if len(waiting) < FEWEST:
                return
            try:
                self.answer(warehouse, [question for _, question in questions])
            except duckdb.Error:
                return  # each test then asks for itself, and those fail that should

    def answer(self, warehouse: duckdb.DuckDBPyConnection, questions: Iterable[Question]) -> None:
        """Answer questions, in a transaction that is rolled back."""
        renamed: dict[str, Contents] = {}
        wanted: dict[str, set[tuple[str, str, str]]] = {}
        for contents, table, columns in questions:
            key = contents.key
            renamed.setdefault(key, replace(contents, company=f"{contents.company}~{len(renamed)}~"))
            wanted.setdefault(table, set()).add((key, contents.company, columns))
        below = {model.qualified for table in wanted for model in tables_below(table)}
        warehouse.execute("BEGIN")
        try:
            write(warehouse, list(renamed.values()))
            for model in TABLES:
                if model.qualified in below:
                    warehouse.execute(f"CREATE TEMP TABLE {model.name} AS {model.query}")
            for table, asked in wanted.items():
                warehouse.execute(f"CREATE TEMP TABLE answers AS {model_of(table).query}")
                for key, company, columns in sorted(asked):
                    name = renamed[key].company
                    query = f"SELECT {columns} FROM temp.answers WHERE company = ? ORDER BY ALL"  # noqa: S608
                    rows = warehouse.execute(query, [name]).fetchall()
                    self._known[key, table, columns] = [_called(company, name, row) for row in rows]
                warehouse.execute("DROP TABLE temp.answers")
        finally:
            warehouse.execute("ROLLBACK")

    def _next(self, item: pytest.Function) -> Question | None:
        """The first query of a test without a cached answer; None if all are answered.

        It is also None if the test cannot be run in advance or fails; the failure recurs in the real run.
        """
        self._in_advance = True
        try:
            item.obj(**_arguments(item, self))
        except Asked as asked:
            return asked.question
        except BaseException:  # noqa: BLE001 - whatever it is, it comes again
            return None
        finally:
            self._in_advance = False
        return None


class _NoDatabase:
    """Replaces the connection in an advance run, which must not use one."""

    def __getattr__(self, name: str) -> Any:
        raise LookupError(name)


def _arguments(item: pytest.Function, batch: Batch) -> dict[str, Any]:
    """The arguments of a test: its parameters, a company, and the results of this folder's fixtures.

    Raises:
        LookupError: if the test takes another argument.
    """
    parameters: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    folder = item.nodeid.split("::")[0].rsplit("/", 1)[0]
    made: dict[tuple[str, int], Any] = {}

    def make(name: str, depth: int) -> Any:
        if name in parameters:
            return parameters[name]
        if name == "new_company":
            return lambda name: Company(_NoDatabase(), name, batch)  # type: ignore[arg-type]
        definition = item._fixtureinfo.name2fixturedefs[name][depth]
        if not definition.baseid.startswith(folder) or inspect.isgeneratorfunction(definition.func):
            raise LookupError(name)
        taken = inspect.signature(definition.func).parameters
        # a fixture that takes one of its own name extends that of the folder
        return definition.func(
            **{other: argument(other, depth - 1 if other == name else -1) for other in taken}
        )

    def argument(name: str, depth: int = -1) -> Any:
        if (name, depth) not in made:
            made[name, depth] = make(name, depth)
        return made[name, depth]

    return {name: argument(name) for name in inspect.signature(item.obj).parameters}


def _called(company: str, name: str, value: Any) -> Any:
    """A copy of a value with the company's own name in place of the one used in the batch."""
    if isinstance(value, str):
        return value.replace(name, company)
    if isinstance(value, (list, tuple)):
        return type(value)(_called(company, name, one) for one in value)
    if isinstance(value, dict):
        return {key: _called(company, name, one) for key, one in value.items()}
    return value
