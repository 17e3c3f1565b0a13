"""Proves that a journal is unchanged: a hash chain over its lines, and marks stored in other places.

A *mark* is a number of first lines of a journal and the sha256 of their bytes. Marks are stored in four
places: each line has the sha256 of everything before it (`previous`), the head file beside the journal has
the mark of the whole journal, the warehouse has the mark of the entries it applied, and each manifest has
the mark at the time of its snapshot. The journal is whole if every mark matches its first lines.

Marks of permanently lost lines are listed in the head file once a person has accepted the loss. Journals of
earlier versions have no `previous`: their chain begins with the first line that has one.
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
    """The digest of lost lines, and when a person accepted the loss."""

    sha256: str
    accepted_at: datetime


class Head(Sealed, Record):
    """The content of the head file: the mark of the whole journal, and the accepted losses.

    Attributes:
        own_sha256: the digest of the other fields; a damaged head file proves nothing about the journal.
    """

    SEAL: ClassVar[str] = "own_sha256"

    lines: int
    sha256: str
    lost: tuple[Lost, ...] = ()
    own_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a journal is damaged or incomplete.

    Attributes:
        text: completes a sentence that begins with the journal's path.
        sha256: the digest to accept as lost in order to continue.
    """

    text: str
    sha256: str


@dataclass(slots=True)
class Chain:
    """The lines of a journal, with the digest up to each line.

    Attributes:
        texts: the lines, as bytes.
        head: the content of the head file; None if it is missing or damaged.
        digests: the sha256 of the first n lines, by n.
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
        """Return the mark of the first lines."""
        return Mark(lines=lines, sha256=self.digests[lines])

    @property
    def lost(self) -> set[str]:
        """The digests that were accepted as lost."""
        return {lost.sha256 for lost in self.head.lost} if self.head else set()

    def check(self, mark: Mark) -> Problem | None:
        """Return why a mark does not match the first lines of this journal; None if it does."""
        if mark.sha256 in self.lost:
            return None
        if mark.lines > len(self.texts):
            missing = counted(mark.lines - len(self.texts), "entry", "entries")
            return Problem(f" lacks {missing} that it had before", mark.sha256)
        if self.digests[mark.lines] != mark.sha256:
            return Problem(" is not as it was written (the sha256 of its entries differs)", mark.sha256)
        return None

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of the lines, and of the journal compared with its head file."""
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
                continue  # written by an earlier version
            chained = True
            claim = str(previous) if previous else hashlib.sha256(text).hexdigest()
            if claim != self.digests[number - 1] and claim not in self.lost:
                yield Problem(
                    f": line {number} does not continue the line before it; a line was changed or is missing",
                    claim,
                )
        if self.head and (problem := self.check(Mark(lines=self.head.lines, sha256=self.head.sha256))):
            yield problem

    def new_head(self, lost: Iterable[Problem] = ()) -> Head:
        """Return the head file's content for this journal, with additional accepted losses."""
        known = self.head.lost if self.head else ()
        new = (Lost(sha256=problem.sha256, accepted_at=clock.now()) for problem in lost)
        return Head(lines=self.mark.lines, sha256=self.mark.sha256, lost=(*known, *new)).sealed()


def parsed(text: bytes) -> dict[str, Any] | None:
    """Return a line's content; None if the line is invalid."""
    try:
        record = json.loads(text)
        datetime.fromisoformat(record["at"])
        usable = isinstance(record["kind"], str) and isinstance(record["snapshot_id"], str | None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return record if usable else None


def read_head(storage: Storage, name: str) -> Head | None:
    """Read a head file; None if it is missing or damaged, because it can be restored from the journal.

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
