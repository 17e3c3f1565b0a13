"""The record of a company's runs: one small file, `runs/<company>.json` in the home folder.

It holds the run that is under way, the last one that ended, and what is published. It is written as a whole
when a run starts, when it ends, and when something else publishes.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipedrive_graph.common import files
from pipedrive_graph.common.sealed import Sealed
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import UNDELIVERED, BudgetError, LandingError


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Started(_Part):
    """A run that has begun: its id (in Dagster the same), when, and by which version."""

    run_id: str
    started_at: datetime
    version: str


class Ended(Started):
    """A run that has ended.

    Attributes:
        ended_at: when it ended.
        exit_code: the code with which `sync` ends, or would end.
        status: complete, partial, rejected, or unfinished; None where it did not come so far.
        snapshot_id: the snapshot that it read, or built.
        error: the sentence of the error that ended it.
        requests: how many it sent.
        throttled: how many of these were answered with 429.
        seconds: how long it took.
        alerts_not_sent: a sentence for each alert or heartbeat that could not be sent.
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
    """What the published file shows of a company.

    Attributes:
        snapshot_id: the snapshot.
        finished_at: when its last answer was in.
        status: complete or partial.
        findings: how many are open, by severity.
    """

    snapshot_id: str
    finished_at: datetime
    status: str
    findings: dict[str, int]


class Record(Sealed, _Part):
    """What is known of a company's runs; `sha256` is that of the rest.

    Attributes:
        company: its name in the settings.
        running: the run that has begun and not ended: it is under way, or its process is gone.
        last: the last run that ended.
        succeeded_at: when a run last ended with code 0.
        published: what is published.
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
        error: the code of the error that ended it; None where there was none.
        is_partial: whether something is missing, or a rule could not be run.
        is_undelivered: whether an alert could not be sent.
    """
    code = error if error is not None else 4 if is_partial else 0
    return UNDELIVERED if is_undelivered and code in {0, BudgetError.exit_code} else code


def path_of(settings: Settings, company: str) -> Path:
    """Where the record of a company lies."""
    return settings.home / "runs" / f"{company}.json"


def lock_of(settings: Settings, company: str) -> Path:
    """The file that a run keeps locked while it is under way."""
    return path_of(settings, company).with_name(f".{company}.lock")


def read(settings: Settings, company: str) -> Record:
    """The record of a company; empty where there is none yet.

    Raises:
        LandingError: if it is damaged, or cannot be read.
    """
    path = path_of(settings, company)
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


def update(settings: Settings, company: str, **changes: object) -> Record:
    """Write a record with these changes; a damaged one is replaced.

    Raises:
        LandingError: if it cannot be written.
        BusyError: if another process writes it at this moment.
    """
    try:
        before = read(settings, company)
    except LandingError:
        before = Record(company=company)
    record = before.model_copy(update=changes).sealed()
    files.write_atomically(path_of(settings, company), record.model_dump_json(indent=1).encode())
    return record


def _damaged(path: Path) -> LandingError:
    return LandingError(f"{path} is damaged; the next run writes it again.")
