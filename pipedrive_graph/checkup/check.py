"""The result of a check, and helpers that run checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipedrive_graph.errors import UNDELIVERED, PipedriveGraphError


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """Something needs attention, but does not change how the next sync ends."""
    FAULT = "fault"
    """The next sync ends with the check's exit code."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        name: the name of the check.
        text: the result, and what to do about it.
        state: how it ended.
        exit_code: the exit code with which the next sync would end.
        company: the company that it concerns; None if it concerns the installation.
    """

    name: str
    text: str
    state: State = State.OK
    exit_code: int = 0
    company: str | None = None

    def as_json(self) -> dict[str, str | int | None]:
        """The object that `doctor --json` prints."""
        return {
            "check": self.name,
            "company": self.company,
            "state": str(self.state),
            "exit_code": self.exit_code,
            "text": self.text,
        }


Checks = Mapping[str, Callable[[], Iterator[Check]]]
"""Checks by name; they are run lazily."""


def fault(name: str, error: PipedriveGraphError, *, company: str | None = None) -> Check:
    """The result for an error with which the next sync would end."""
    return Check(name, str(error), State.FAULT, error.exit_code, company)


def undelivered(name: str, text: object, *, company: str | None = None) -> Check:
    """The result for a problem that would keep the next sync from sending alerts."""
    return Check(name, str(text), State.FAULT, UNDELIVERED, company)


def warning(name: str, text: object, *, company: str | None = None) -> Check:
    """The result for a problem that does not change the next sync's exit code."""
    return Check(name, str(text), State.WARNING, company=company)


def all_checked(checks: Checks, company: str | None = None) -> Iterator[Check]:
    """The results of checks, without duplicates: several checks may read the same damaged file."""
    texts: set[str] = set()
    for name, check in checks.items():
        for result in checked(name, check, company):
            if result.text not in texts:
                yield result
            texts.add(result.text)


def checked(name: str, check: Callable[[], Iterator[Check]], company: str | None = None) -> Iterator[Check]:
    """The results of a check; an error that it raises becomes a fault with the error's exit code."""
    try:
        yield from check()
    except PipedriveGraphError as error:
        yield fault(name, error, company=company)
