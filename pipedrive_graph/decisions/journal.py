"""The journal of a company: an append-only file, beside the landing, with the decisions of people.

    {"at": "2026-11-20T09:12:00.000000Z", "snapshot_id": "20261120T020000-000000", "kind": "acknowledged",
     "previous": "9f86d081884c7d65…", …}

The snapshot is the newest one in the warehouse when the line was written, so that `rebuild` replays each
decision after the right snapshot and yields the same rows. `previous` is the sha256 of everything before the
line; see `chain`. Lines are written under the lock of the warehouse; a line that a crash truncated is
dropped. A crash between a line and the head file leaves the head file one line behind; the next writer
updates it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipedrive_graph.common import clock
from pipedrive_graph.config.home import Home
from pipedrive_graph.decisions.chain import Chain, Problem, parsed, read_head, write_head
from pipedrive_graph.errors import LandingError
from pipedrive_graph.landing.records import Mark
from pipedrive_graph.landing.storage import Storage

_FRAME = ("at", "snapshot_id", "kind", "previous")

_ACCEPT = "`pipedrive-graph rebuild --accept-loss` goes on with what is left."


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a journal, which is a line of its file.

    Attributes:
        number: the number of its line, from 1.
        at: when it was written, aware, in UTC.
        snapshot_id: the newest snapshot in the warehouse at that time; None if there was none.
        kind: the kind of decision, such as `acknowledged`.
        content: the other fields.
        mark: the number of lines up to this one, and their sha256.
    """

    number: int
    at: datetime
    snapshot_id: str | None
    kind: str
    content: dict[str, Any]
    mark: Mark

    @property
    def naive_at(self) -> datetime:
        """The time as the warehouse stores it."""
        return self.at.replace(tzinfo=None)


def written(entry: Entry, previous: str) -> bytes:
    """Return the line of an entry, after lines with this sha256."""
    return _text(entry.at, entry.snapshot_id, entry.kind, entry.content, previous=previous)


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
    def of(cls, home: Home, company: str) -> Journal:
        """Return the company's journal; the file need not exist yet."""
        return cls(home.storage.within("journal"), company)

    @property
    def path(self) -> Path:
        """The path of the journal, for messages."""
        return self.storage.path(self._name)

    @property
    def head(self) -> Path:
        """The path of the head file, for messages; it has the journal's digest and accepted losses."""
        return self.storage.path(self._head)

    @property
    def _name(self) -> str:
        return f"{self.company}.ndjson"

    @property
    def _head(self) -> str:
        return f"{self.company}.head.json"

    def lines(self, kind: str | None = None) -> list[Entry]:
        """Return the entries in order, of one kind or all.

        Raises:
            LandingError: if it cannot be read, or is damaged; the message names the line.
        """
        return [entry for entry in self._lines(self._checked()) if kind in {None, entry.kind}]

    def mark(self) -> Mark:
        """Return the number of lines, including those accepted as unreadable, and their sha256.

        Raises:
            LandingError: like `lines`.
        """
        return self._checked().mark

    def beginning(self, lines: int) -> Mark:
        """Return the mark of the first lines; the journal must have at least as many.

        Raises:
            LandingError: like `lines`.
        """
        return self._checked().beginning(lines)

    def check(self, mark: Mark | None) -> None:
        """Check that the journal still begins with the lines of a mark that is stored elsewhere.

        Raises:
            LandingError: if it does not, or is damaged.
        """
        problem = self._checked().check(mark) if mark else None
        if problem:
            raise self._not_whole(problem)

    def update_head(self) -> None:
        """Update the head file, after a crash or for a journal of an earlier version.

        Raises:
            LandingError: like `lines`, or if it cannot be written.
        """
        chain = self._checked()
        if chain.texts and chain.head != chain.new_head():
            write_head(self.storage, self._head, chain.new_head())

    def accept_loss(self, marks: Iterable[Mark]) -> None:
        """Accept permanently that lines are missing, changed or unreadable.

        Args:
            marks: the marks of the journal that are stored elsewhere.

        Raises:
            LandingError: if it cannot be read, or the acceptance cannot be written.
        """
        chain = self._chain()
        problems = [*chain.problems(), *filter(None, map(chain.check, marks))]
        if problems:
            write_head(self.storage, self._head, chain.new_head(problems))

    def has_head(self) -> bool:
        """Whether the head file exists and is undamaged; otherwise, the next writer restores it.

        Raises:
            LandingError: if this user may not read it.
        """
        return read_head(self.storage, self._head) is not None

    def lost(self) -> set[str]:
        """Return the digests of lines, and of files that lines name, that a person accepted as lost.

        Raises:
            LandingError: like `lines`.
        """
        return self._checked().lost

    def accept_lost_files(self, digests: Iterable[str]) -> None:
        """Accept permanently that files are lost which entries of the journal name by sha256.

        Raises:
            LandingError: like `lines`, or if the acceptance cannot be written.
        """
        chain = self._checked()
        new = [Problem("", digest) for digest in digests if digest not in chain.lost]
        if new:
            write_head(self.storage, self._head, chain.new_head(new))

    def write(self, texts: list[bytes], lost: Journal) -> Chain:
        """Write a new journal from the remaining lines of another one, with the losses accepted there.

        Raises:
            LandingError: if it cannot be written.
        """
        chain = Chain(texts, read_head(lost.storage, lost._head))
        if texts:
            self.storage.write(self._name, b"".join(text + b"\n" for text in texts))
            write_head(self.storage, self._head, chain.new_head())
        return chain

    def append(self, kind: str, *, snapshot_id: str | None, **content: object) -> Entry:
        """Append an entry; it is durable once this returns. Its time is later than all others.

        Raises:
            LandingError: if it cannot be written, or the journal is damaged.
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
        return Entry(chain.mark.lines, at, snapshot_id, kind, dict(content), chain.mark)

    def _chain(self) -> Chain:
        """Return the complete lines, with the head file.

        The head file is read first, so that a concurrent writer can only leave a head that is behind.
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
    def _lines(chain: Chain) -> list[Entry]:
        entries = []
        for number, record in enumerate(map(parsed, chain.texts), 1):
            if record is not None:  # unreadable lines were accepted as lost
                at = datetime.fromisoformat(record["at"]).astimezone(UTC)
                content = {name: value for name, value in record.items() if name not in _FRAME}
                mark = chain.beginning(number)
                entries.append(Entry(number, at, record["snapshot_id"], record["kind"], content, mark))
        return entries
