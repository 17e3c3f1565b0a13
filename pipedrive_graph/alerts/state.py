"""Records what was sent over each channel about a company, so that nothing is sent twice.

The record is one small file per company, `alerts/<company>.json` in the home folder, replaced as a whole
after each delivery. Notes whose delivery failed wait there for the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipedrive_graph.alerts.message import Note
from pipedrive_graph.common import clock, files, locks
from pipedrive_graph.common.sealed import Sealed
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import AlertError

WAITS = timedelta(days=14)
"""How long a note that could not be delivered is kept for another attempt."""
REMEMBERED = timedelta(days=60)
"""How long the key of a sent note is remembered."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", validate_by_name=True, serialize_by_alias=True)


class SentFinding(_Record):
    """A finding as it was sent: when it was opened, and its severity."""

    opened_at: str
    severity: str


class PendingNote(_Record):
    """A note about a run that could not be delivered yet."""

    kind: str
    key: str
    short: str
    text: str
    since: datetime

    @property
    def note(self) -> Note:
        """The note to send."""
        return Note(self.kind, self.key, self.short, self.text)


class ChannelState(_Record):
    """What was sent over one channel about the company.

    Attributes:
        met: whether the first alert was sent, with the findings that were open then.
        findings: the open findings that were sent, by id.
        sent: when each note was sent, by key; `told` in the file.
        waiting: notes that could not be delivered yet.
    """

    met: bool = False
    findings: dict[str, SentFinding] = {}
    sent: dict[str, datetime] = Field(default={}, alias="told")
    waiting: list[PendingNote] = []

    def keep(self, note: Note, now: datetime) -> None:
        """Queue a note for the next delivery, unless it was sent or is queued already."""
        if note.key not in self.sent and note.key not in {queued.key for queued in self.waiting}:
            self.waiting.append(
                PendingNote(kind=note.kind, key=note.key, short=note.short, text=note.text, since=now)
            )

    def forget(self, now: datetime) -> None:
        """Drop entries that are too old to be useful."""
        self.sent = {key: at for key, at in self.sent.items() if now - at < REMEMBERED}
        self.waiting = [note for note in self.waiting if now - note.since < WAITS]


class State(Sealed, _Record):
    """What was sent over the channels of one company.

    Attributes:
        since: when alerts about the company began.
        channels: the record of each channel, by name.
        sha256: of the other fields; empty in files of an earlier version.
    """

    format: Literal[1] = 1
    since: datetime
    channels: dict[str, ChannelState] = {}
    sha256: str = ""

    def of(self, channel: str) -> ChannelState:
        """The record of one channel; it is created empty."""
        return self.channels.setdefault(channel, ChannelState())


def exists(home: Home, company: str) -> bool:
    """Whether there is a record of a company."""
    return file_of(home, company).exists()


@contextmanager
def opened(
    home: Home, company: str, *, on_wait: Callable[[str], None]
) -> Iterator[tuple[State, Callable[[], None]]]:
    """Lock and read the record of a company; yields it with a function that writes it.

    The lock keeps two processes from sending the same alert.

    Raises:
        AlertError: if the file is damaged.
        LandingError: if it cannot be read or written.
    """
    path = file_of(home, company)
    with locks.lock(path.with_name(f".{company}.lock"), doing="sending alerts", on_wait=on_wait):
        state = _read(path)

        def write() -> None:
            files.write_atomically(path, state.sealed().model_dump_json(indent=1).encode())

        if not path.exists():
            write()  # from now on, a missing snapshot is reported
        yield state, write


def read(home: Home, company: str) -> State:
    """Read what was sent over each channel about a company, and what still waits.

    Raises:
        AlertError: if the file is damaged.
    """
    return _read(file_of(home, company))


def file_of(home: Home, company: str) -> Path:
    """The file of a company's record, whether or not it exists."""
    return home.folder / "alerts" / f"{company}.json"


def _read(path: Path) -> State:
    try:
        if not path.exists():
            return State(since=clock.now())
        content = path.read_bytes()
    except OSError as error:
        raise AlertError(f"{files.cannot_read(path, error)} No alert is sent until then.") from error
    try:
        state = State.model_validate_json(content)
    except ValidationError as error:
        raise _damaged(path) from error
    if state.sha256 and state.sha256 != state.digest:
        raise _damaged(path)
    return state


def _damaged(path: Path) -> AlertError:
    return AlertError(
        f"Cannot read {path}, the record of the alerts that were sent; remove the file, and all open findings"
        " are sent once more."
    )
