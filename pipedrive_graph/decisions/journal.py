"""The journal of a company: what people decided, and when, beside the landing; lines are only ever added.

    {"at": "2026-11-20T09:12:00.000000Z", "snapshot_id": "20261120T020000-000000", "kind": "acknowledged",
     "previous": "9f86d081884c7d65…", …}

The snapshot is the newest in the warehouse when the line was written. So `rebuild` repeats each decision
after the snapshot that it was made about, and comes to what the nights came to. `previous` is the sha256 of
everything before the line; see `chain`. Lines are written under the lock of the warehouse; one that a crash
tore off is dropped. A crash between a line and the head file leaves a head file that is one line behind: the
next writer brings it up to date.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipedrive_graph.common import clock
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.decisions.chain import Chain, Problem, parsed, read_head, write_head
from pipedrive_graph.errors import LandingError
from pipedrive_graph.landing.records import Mark
from pipedrive_graph.landing.storage import Storage

_FRAME = ("at", "snapshot_id", "kind", "previous")

_ACCEPT = "`pipedrive-graph rebuild --accept-loss` goes on with what is left."


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal.

    Attributes:
        number: its place, from 1.
        at: when it was written, aware, in UTC.
        snapshot_id: the newest snapshot in the warehouse then; None where there was none.
        kind: what it tells.
        content: what else it says.
        mark: how many lines the journal has with it, and their sha256.
    """

    number: int
    at: datetime
    snapshot_id: str | None
    kind: str
    content: dict[str, Any]
    mark: Mark

    @property
    def naive_at(self) -> datetime:
        """The time as the warehouse keeps it."""
        return self.at.replace(tzinfo=None)


def written(line: Line, previous: str) -> bytes:
    """A line as it stands in a journal, after lines with this sha256."""
    return _text(line.at, line.snapshot_id, line.kind, line.content, previous=previous)


def _text(
    at: datetime, snapshot_id: str | None, kind: str, content: dict[str, Any], *, previous: str
) -> bytes:
    frame = {"at": clock.iso(at), "snapshot_id": snapshot_id, "kind": kind, "previous": previous}
    return json.dumps({**frame, **content}, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of one company."""

    storage: Storage
    company: str

    @classmethod
    def of(cls, settings: Settings, company: str) -> Journal:
        """The company's journal; it need not be there yet."""
        return cls(settings.storage.within("journal"), company)

    @property
    def path(self) -> Path:
        """How messages name it."""
        return self.storage.path(self._name)

    @property
    def head(self) -> Path:
        """How messages name the head file: how long the journal is, its digest, and accepted losses."""
        return self.storage.path(self._head)

    @property
    def _name(self) -> str:
        return f"{self.company}.ndjson"

    @property
    def _head(self) -> str:
        return f"{self.company}.head.json"

    def lines(self, kind: str | None = None) -> list[Line]:
        """Its lines in order, of one kind or all.

        Raises:
            LandingError: if it cannot be read, or is not whole, naming the line.
        """
        return [line for line in self._lines(self._checked()) if kind in {None, line.kind}]

    def mark(self) -> Mark:
        """How many lines it has, with those that were accepted as unreadable, and their sha256.

        Raises:
            LandingError: as `lines` does.
        """
        return self._checked().mark

    def beginning(self, lines: int) -> Mark:
        """The mark of the first lines; there must be as many.

        Raises:
            LandingError: as `lines` does.
        """
        return self._checked().beginning(lines)

    def check(self, mark: Mark | None) -> None:
        """Check that the journal still begins with the lines that somebody else has seen.

        Raises:
            LandingError: if it does not, or is not whole.
        """
        problem = self._checked().check(mark) if mark else None
        if problem:
            raise self._not_whole(problem)

    def settle(self) -> None:
        """Bring the head file up to date: after a crash, and for a journal of an earlier version.

        Raises:
            LandingError: as `lines` does, or if it cannot be written.
        """
        chain = self._checked()
        if chain.texts and chain.head != chain.new_head():
            write_head(self.storage, self._head, chain.new_head())

    def accept_loss(self, marks: Iterable[Mark]) -> None:
        """Accept for good that lines are missing, changed or cannot be read.

        Args:
            marks: what others have seen of the journal.

        Raises:
            LandingError: if it cannot be read, or that cannot be written down.
        """
        chain = self._chain()
        problems = [*chain.problems(), *filter(None, map(chain.check, marks))]
        if problems:
            write_head(self.storage, self._head, chain.new_head(problems))

    def has_head(self) -> bool:
        """Whether the head file is there and can be read; where it cannot, the next writer makes it again.

        Raises:
            LandingError: if it may not be read.
        """
        return read_head(self.storage, self._head) is not None

    def lost(self) -> set[str]:
        """The digests of lines, and of files that lines name, that a person has accepted as lost.

        Raises:
            LandingError: as `lines` does.
        """
        return self._checked().lost

    def accept_lost_files(self, digests: Iterable[str]) -> None:
        """Accept for good that files are lost which lines of the journal name by their sha256.

        Raises:
            LandingError: as `lines` does, or if that cannot be written down.
        """
        chain = self._checked()
        new = [Problem("", digest) for digest in digests if digest not in chain.lost]
        if new:
            write_head(self.storage, self._head, chain.new_head(new))

    def write(self, texts: list[bytes], lost: Journal) -> Chain:
        """Begin the journal with lines that another one has left, and with the losses accepted there.

        Raises:
            LandingError: if it cannot be written.
        """
        chain = Chain(texts, read_head(lost.storage, lost._head))
        if texts:
            self.storage.write(self._name, b"".join(text + b"\n" for text in texts))
            write_head(self.storage, self._head, chain.new_head())
        return chain

    def append(self, kind: str, *, snapshot_id: str | None, **content: object) -> Line:
        """Add a line, for good once this returns. Its time is later than every other's.

        Raises:
            LandingError: if it cannot be written, or the journal is not whole.
        """
        chain = self._checked()
        before = self._lines(chain)
        at = clock.now()
        if before and at <= before[-1].at:
            at = before[-1].at + timedelta(microseconds=1)
        text = _text(at, snapshot_id, kind, content, previous=chain.mark.sha256)
        self.storage.extend(self._name, text + b"\n", at=sum(len(line) + 1 for line in chain.texts))
        chain = Chain([*chain.texts, text], chain.head)
        write_head(self.storage, self._head, chain.new_head())
        return Line(chain.mark.lines, at, snapshot_id, kind, dict(content), chain.mark)

    def _chain(self) -> Chain:
        """The lines up to the end of the last whole one, with the head file.

        The head file is read first: a writer that adds a line meanwhile leaves a head that is behind.
        """
        head = read_head(self.storage, self._head)
        try:
            content = self.storage.read(self._name)
        except FileNotFoundError:
            content = b""
        return Chain(content.split(b"\n")[:-1], head)

    def _checked(self) -> Chain:
        chain = self._chain()
        problem = next(chain.problems(), None)
        if problem:
            raise self._not_whole(problem)
        return chain

    def _not_whole(self, problem: Problem) -> LandingError:
        return LandingError(
            f"{self.path}{problem.text}; restore the journal from a backup, then try again."
            f" Without a backup, {_ACCEPT}"
        )

    @staticmethod
    def _lines(chain: Chain) -> list[Line]:
        lines = []
        for number, record in enumerate(map(parsed, chain.texts), 1):
            if record is not None:  # what cannot be read was accepted as lost
                at = datetime.fromisoformat(record["at"]).astimezone(UTC)
                content = {name: value for name, value in record.items() if name not in _FRAME}
                mark = chain.beginning(number)
                lines.append(Line(number, at, record["snapshot_id"], record["kind"], content, mark))
        return lines
