"""Remembers what each channel was told of a company, so that everything is told once.

It is one small file per company, `alerts/<company>.json` in the home folder, replaced as a whole after
each delivery. Where a delivery failed, what was to be told waits there for the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipedrive_graph.alerts.message import Note
from pipedrive_graph.common import clock, files, locks
from pipedrive_graph.common.sealed import Sealed
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import AlertError

WAITS = timedelta(days=14)
"""How long what could not be delivered is kept for another attempt."""
REMEMBERED = timedelta(days=60)
"""How long it is remembered that something about a night was told."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Known(_Record):
    """A finding as it was told: since when it had been open, and how severe it was."""

    opened_at: str
    severity: str


class Waiting(_Record):
    """Something about a night that could not be delivered yet."""

    kind: str
    key: str
    short: str
    text: str
    since: datetime

    @property
    def note(self) -> Note:
        """What is to be told."""
        return Note(self.kind, self.key, self.short, self.text)


class Memory(_Record):
    """What one channel was told of the company.

    Attributes:
        met: whether it was told of what was open at the beginning.
        findings: by id, those that are open.
        told: keys of what was told about nights, and when.
        waiting: what is to be told about nights, and could not be delivered.
    """

    met: bool = False
    findings: dict[str, Known] = {}
    told: dict[str, datetime] = {}
    waiting: list[Waiting] = []

    def wait(self, note: Note, now: datetime) -> None:
        """Keep a note for the next delivery, unless it is told or waits already."""
        if note.key not in self.told and note.key not in {one.key for one in self.waiting}:
            self.waiting.append(
                Waiting(kind=note.kind, key=note.key, short=note.short, text=note.text, since=now)
            )

    def forget(self, now: datetime) -> None:
        """Drop what is too old to be of use."""
        self.told = {key: at for key, at in self.told.items() if now - at < REMEMBERED}
        self.waiting = [one for one in self.waiting if now - one.since < WAITS]


class State(Sealed, _Record):
    """What the channels were told of one company; `since` is when it was first thought of.

    `sha256` is that of the rest; an earlier version wrote none.
    """

    format: Literal[1] = 1
    since: datetime
    channels: dict[str, Memory] = {}
    sha256: str = ""

    def of(self, channel: str) -> Memory:
        """The memory of one channel, empty at first."""
        return self.channels.setdefault(channel, Memory())


def exists(settings: Settings, company: str) -> bool:
    """Whether anything was kept of a company."""
    return file_of(settings, company).exists()


@contextmanager
def opened(
    settings: Settings, company: str, *, wait: Callable[[str], None]
) -> Iterator[tuple[State, Callable[[], None]]]:
    """Hold the state of a company, so that nobody else tells the same, with a function that writes it.

    Raises:
        AlertError: if the file is damaged.
        LandingError: if it cannot be read or written.
    """
    path = file_of(settings, company)
    with locks.lock(path.with_name(f".{company}.lock"), doing="sending alerts", on_wait=wait):
        state = _read(path)

        def write() -> None:
            files.write_atomically(path, state.sealed().model_dump_json(indent=1).encode())

        if not path.exists():
            write()  # from now on, a snapshot is expected
        yield state, write


def read(settings: Settings, company: str) -> State:
    """What was sent about a company over each channel, and what is still to be sent.

    Raises:
        AlertError: if the file is damaged.
    """
    return _read(file_of(settings, company))


def file_of(settings: Settings, company: str) -> Path:
    """The file of a company's state; it need not be there."""
    return settings.home / "alerts" / f"{company}.json"


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
        f"Cannot read {path}, where it stands what was told before; remove the file, and all that is open"
        " is told once more."
    )
