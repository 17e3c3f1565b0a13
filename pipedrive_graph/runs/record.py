"""The record of a company's runs: one small file, `runs/<company>.json` in the home folder.

It contains the current run, the last run that ended, and the published snapshot. It is written as a whole
when a run starts, when a run ends, and when another command publishes.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipedrive_graph.common import files
from pipedrive_graph.common.sealed import Sealed
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import UNDELIVERED, BudgetError, LandingError


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Started(_Part):
    """A run that has begun: its id (the same as in Dagster), its start, and the program's version."""

    run_id: str
    started_at: datetime
    version: str


class Ended(Started):
    """A run that has ended.

    Attributes:
        ended_at: when it ended.
        exit_code: the exit code of `sync` for this company.
        status: complete, partial, rejected, or unfinished; None if it did not get that far.
        snapshot_id: the snapshot that it read or built.
        error: the message of the error that ended it.
        requests: the number of requests that it sent.
        throttled: the number of requests that were answered with 429.
        seconds: its duration.
        alerts_not_sent: one sentence per alert or heartbeat that could not be sent.
    """

    ended_at: datetime
    exit_code: int
    status: str | None = None
    snapshot_id: str | None = None
    error: str | None = None
    requests: int = 0
    throttled: int = 0
    seconds: float = 0.0
    alerts_not_sent: tuple[str, ...] = ()


class Shown(_Part):
    """The published snapshot of a company.

    Attributes:
        snapshot_id: its id.
        finished_at: the time of its last response.
        status: complete or partial.
        findings: the number of open findings by severity.
    """

    snapshot_id: str
    finished_at: datetime
    status: str
    findings: dict[str, int]


class Record(Sealed, _Part):
    """The record of a company's runs; `sha256` covers all other fields.

    Attributes:
        company: its name in the settings.
        running: the run that has begun but not ended; its process may have died.
        last: the last run that ended.
        succeeded_at: when a run last ended with code 0.
        published: the published snapshot.
    """

    format: Literal[1] = 1
    company: str
    running: Started | None = None
    last: Ended | None = None
    succeeded_at: datetime | None = None
    published: Shown | None = None
    sha256: str = ""


def exit_code(error: int | None, *, is_partial: bool, is_undelivered: bool) -> int:
    """The exit code of a run.

    Args:
        error: the exit code of the error that ended it; None if it ended without an error.
        is_partial: whether data is missing, or a rule could not be run.
        is_undelivered: whether an alert could not be sent.
    """
    code = error if error is not None else 4 if is_partial else 0
    return UNDELIVERED if is_undelivered and code in {0, BudgetError.exit_code} else code


def path_of(home: Home, company: str) -> Path:
    """The path of a company's record."""
    return home.folder / "runs" / f"{company}.json"


def lock_of(home: Home, company: str) -> Path:
    """The file that a run locks while it is under way."""
    return path_of(home, company).with_name(f".{company}.lock")


def read(home: Home, company: str) -> Record:
    """Read the record of a company; empty if there is none yet.

    Raises:
        LandingError: if it is damaged, or cannot be read.
    """
    path = path_of(home, company)
    try:
        record = Record.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Record(company=company)
    except OSError as error:
        raise files.cannot_read(path, error) from error
    except ValidationError as error:
        raise _damaged(path) from error
    if record.sha256 != record.digest or record.company != company:
        raise _damaged(path)
    return record


def update(home: Home, company: str, **changes: object) -> Record:
    """Write a record with these changes; a damaged record is replaced.

    Raises:
        LandingError: if it cannot be written.
        BusyError: if another process writes it at this moment.
    """
    try:
        before = read(home, company)
    except LandingError:
        before = Record(company=company)
    record = before.model_copy(update=changes).sealed()
    files.write_atomically(path_of(home, company), record.model_dump_json(indent=1).encode())
    return record


def _damaged(path: Path) -> LandingError:
    return LandingError(f"{path} is damaged; the next run writes it again.")
