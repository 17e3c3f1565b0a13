"""What one check found, and how checks are run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipedrive_graph.errors import UNDELIVERED, PipedriveGraphError


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """Something should be seen to; the next sync ends as if it were not there."""
    FAULT = "fault"
    """The next sync ends with the check's exit code."""


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found.

    Attributes:
        name: what was checked.
        text: what was found, and what to do about it.
        state: how it ended.
        exit_code: with which code the next sync would end.
        company: the company that it is about; None where it is about the installation.
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
"""Checks by their names; each is run when its turn comes."""


def fault(name: str, error: PipedriveGraphError, *, company: str | None = None) -> Check:
    """A check that found what the next sync would end with."""
    return Check(name, str(error), State.FAULT, error.exit_code, company)


def undelivered(name: str, text: object, *, company: str | None = None) -> Check:
    """A check that found why the next sync could not send an alert, if it had one to send."""
    return Check(name, str(text), State.FAULT, UNDELIVERED, company)


def warning(name: str, text: object, *, company: str | None = None) -> Check:
    """A check that found something which does not concern the next sync's exit code."""
    return Check(name, str(text), State.WARNING, company=company)


def all_checked(checks: Checks, company: str | None = None) -> Iterator[Check]:
    """What checks found, each thing once: several may read the same file, and meet the same obstacle."""
    texts: set[str] = set()
    for name, check in checks.items():
        for found in checked(name, check, company):
            if found.text not in texts:
                yield found
            texts.add(found.text)


def checked(name: str, check: Callable[[], Iterator[Check]], company: str | None = None) -> Iterator[Check]:
    """What a check found; an error that it raises is a fault with the error's exit code."""
    try:
        yield from check()
    except PipedriveGraphError as error:
        yield fault(name, error, company=company)
