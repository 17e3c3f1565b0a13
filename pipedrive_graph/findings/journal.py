"""The journal of a company: what people decided, and when, beside the landing; lines are only ever added.

    {"at": "2026-11-20T09:12:00.000000Z", "snapshot_id": "20261120T020000-000000", "kind": "acknowledged", …}

The snapshot is the newest in the warehouse when the line was written. So `rebuild` repeats each decision
after the snapshot that it was made about, and comes to what the nights came to. Lines are written under the
lock of the warehouse; one that a crash tore off is dropped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipedrive_graph import clock, files
from pipedrive_graph.errors import LandingError
from pipedrive_graph.settings import Settings

_FRAME = ("at", "snapshot_id", "kind")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal.

    Attributes:
        number: its place, from 1.
        at: when it was written, aware, in UTC.
        snapshot_id: the newest snapshot in the warehouse then; None where there was none.
        kind: what it tells.
        content: what else it says.
    """

    number: int
    at: datetime
    snapshot_id: str | None
    kind: str
    content: dict[str, Any]

    @property
    def naive_at(self) -> datetime:
        """The time as the warehouse keeps it."""
        return self.at.replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of one company."""

    path: Path

    @classmethod
    def of(cls, settings: Settings, company: str) -> Journal:
        """The company's journal; it need not be there yet."""
        return cls(settings.journal / f"{company}.ndjson")

    def lines(self, kind: str | None = None) -> list[Line]:
        """Its lines in order, of one kind or all.

        Raises:
            LandingError: if it cannot be read, naming the line.
        """
        return [line for line in self._read(self._whole()) if kind in {None, line.kind}]

    def append(self, kind: str, *, snapshot_id: str | None, **content: object) -> Line:
        """Add a line, for good once this returns. Its time is later than every other's.

        Raises:
            LandingError: if it cannot be written.
        """
        whole = self._whole()
        before = list(self._read(whole))
        at = clock.now()
        if before and at <= before[-1].at:
            at = before[-1].at + timedelta(microseconds=1)
        written = {"at": clock.iso(at), "snapshot_id": snapshot_id, "kind": kind, **content}
        try:
            files.make_folder(self.path.parent)
            with open(self.path, "ab", opener=files.private) as file:
                file.truncate(len(whole))  # what a crash tore off
                file.write(json.dumps(written, ensure_ascii=False).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            files.sync_folder(self.path.parent)
        except OSError as error:
            raise files.cannot_write(self.path, error) from error
        return Line(len(before) + 1, at, snapshot_id, kind, dict(content))

    def _whole(self) -> bytes:
        """The content up to the end of its last whole line."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise files.cannot_read(self.path, error) from error
        return content[: content.rfind(b"\n") + 1]

    def _read(self, whole: bytes) -> Iterator[Line]:
        for number, text in enumerate(whole.splitlines(), 1):
            try:
                told = json.loads(text)
                at = datetime.fromisoformat(told["at"]).astimezone(UTC)
                content = {name: value for name, value in told.items() if name not in _FRAME}
                yield Line(number, at, told["snapshot_id"], str(told["kind"]), content)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise LandingError(
                    f"{self.path}: line {number} cannot be read; restore the journal from a backup."
                ) from error
