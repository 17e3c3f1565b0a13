"""Proves that a journal is as it was written: each line, the head file and others name its digest.

A *mark* is the number of a journal's first lines and the sha256 of all their bytes. Marks are kept in four
places: each line has the sha256 of everything before it (`previous`), the head file beside the journal has
the mark of the whole journal, the warehouse the mark of what it has applied, and each manifest the mark at
the time of its snapshot. The journal is whole if every mark is that of one of its beginnings.

Marks of what is lost for good are listed in the head file once a person has accepted the loss. A journal of
an earlier version has no `previous`: its chain begins with the first line that has one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from pydantic import ValidationError

from pipedrive_graph.common import clock
from pipedrive_graph.common.sealed import Sealed
from pipedrive_graph.common.text import counted
from pipedrive_graph.landing.records import Mark, Record
from pipedrive_graph.landing.storage import Storage


class Lost(Record):
    """The digest of lines that are lost, and when a person accepted that."""

    sha256: str
    accepted_at: datetime


class Head(Sealed, Record):
    """What the head file says: the mark of the whole journal, and the losses that were accepted.

    Attributes:
        own_sha256: the digest of the rest: a head file that is damaged says nothing about the journal.
    """

    SEAL: ClassVar[str] = "own_sha256"

    lines: int
    sha256: str
    lost: tuple[Lost, ...] = ()
    own_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a journal is not whole.

    Attributes:
        text: the rest of a sentence that begins with the journal's path.
        sha256: what has to be accepted as lost to go on without it.
    """

    text: str
    sha256: str


@dataclass(slots=True)
class Chain:
    """The lines of a journal, and the digest of each of its beginnings.

    Attributes:
        texts: the lines, as bytes.
        head: what the head file says; None where it is missing or damaged.
        digests: by number of lines, the sha256 of the journal's beginning.
    """

    texts: list[bytes]
    head: Head | None
    digests: list[str] = field(init=False)

    def __post_init__(self) -> None:
        beginning = hashlib.sha256()
        self.digests = [beginning.hexdigest()]
        for text in self.texts:
            beginning.update(text + b"\n")
            self.digests.append(beginning.hexdigest())

    @property
    def mark(self) -> Mark:
        """The mark of the whole journal."""
        return self.beginning(len(self.texts))

    def beginning(self, lines: int) -> Mark:
        """The mark of the first lines."""
        return Mark(lines=lines, sha256=self.digests[lines])

    @property
    def lost(self) -> set[str]:
        """The digests of what was accepted as lost."""
        return {lost.sha256 for lost in self.head.lost} if self.head else set()

    def check(self, mark: Mark) -> Problem | None:
        """Whether a mark is that of a beginning of this journal."""
        if mark.sha256 in self.lost:
            return None
        if mark.lines > len(self.texts):
            missing = counted(mark.lines - len(self.texts), "entry", "entries")
            return Problem(f" lacks {missing} that it had", mark.sha256)
        if self.digests[mark.lines] != mark.sha256:
            return Problem(" is not as it was written (the sha256 of its entries differs)", mark.sha256)
        return None

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the lines, or with the journal by its head file."""
        chained = False
        for number, text in enumerate(self.texts, 1):
            record = parsed(text)
            if record is None:
                sha256 = hashlib.sha256(text).hexdigest()
                if sha256 not in self.lost:
                    yield Problem(f": line {number} cannot be read", sha256)
                continue
            previous = record.get("previous")
            if previous is None and not chained:
                continue  # an earlier version wrote it
            chained = True
            claim = str(previous) if previous else hashlib.sha256(text).hexdigest()
            if claim != self.digests[number - 1] and claim not in self.lost:
                yield Problem(
                    f": line {number} does not continue the line before it; one was changed or is missing",
                    claim,
                )
        if self.head and (problem := self.check(Mark(lines=self.head.lines, sha256=self.head.sha256))):
            yield problem

    def new_head(self, lost: Iterable[Problem] = ()) -> Head:
        """The head file's content for this journal, with further losses accepted."""
        known = self.head.lost if self.head else ()
        new = (Lost(sha256=problem.sha256, accepted_at=clock.now()) for problem in lost)
        return Head(lines=self.mark.lines, sha256=self.mark.sha256, lost=(*known, *new)).sealed()


def parsed(text: bytes) -> dict[str, Any] | None:
    """A line's content; None where it is not what a line should be."""
    try:
        record = json.loads(text)
        datetime.fromisoformat(record["at"])
        usable = isinstance(record["kind"], str) and isinstance(record["snapshot_id"], str | None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return record if usable else None


def read_head(storage: Storage, name: str) -> Head | None:
    """Read a head file; None where it is missing or damaged: it can be made again from the journal.

    Raises:
        LandingError: if it cannot be read.
    """
    try:
        head = Head.model_validate_json(storage.read(name))
    except (FileNotFoundError, ValidationError):
        return None
    return head if head == head.sealed() else None


def write_head(storage: Storage, name: str, head: Head) -> None:
    """Write a head file.

    Raises:
        LandingError: if it cannot be written.
    """
    storage.write(name, head.model_dump_json(indent=1).encode() + b"\n")
