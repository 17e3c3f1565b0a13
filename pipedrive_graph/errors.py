"""The errors that a user may meet: one tree, each with the exit code that the command line ends with.

A message is one plain sentence that says what to do; it never holds a secret or a URL's query.

    PipedriveGraphError            1
    ├── ConfigurationError         2   settings that cannot be used
    ├── DecisionError              2   no such finding, or none about which this can be decided
    ├── NotAuthorisedError         3   the token, or its owner's rights
    ├── IncompleteError            4   Pipedrive stopped answering; what was read is kept
    │   ├── BlockedError           4   the CDN in front of Pipedrive shut the door
    │   └── BudgetError            5   the rest of the day's budget is left to others
    ├── RejectedError              4   too little came back to be trusted; nothing was published
    │   └── ShrunkError            1   so many users are gone that a person must say it is right
    ├── UnreachableError           1   nobody answers at the base URL
    ├── NotPipedriveError          1   somebody answers there, but it is not Pipedrive
    ├── LandingError               1   a snapshot cannot be written or read
    │   ├── LostFileError          1   a roster or a review that the journal names is missing or damaged
    │   └── NoSpaceError           1   the disk is full
    ├── ClockError                 1   this machine's clock, or the date of a snapshot, is wrong
    ├── BusyError                  1   another process does this already
    ├── ExportError                1   a format cannot hold what is published, or it cannot be written
    ├── AlertError                 1   an alert could not be delivered, or which alerts were sent is unknown
    └── WarehouseError             1   the tables cannot be built or published
        ├── UnusableError          1   the warehouse cannot be used as it is, and has to be made again
        │   └── OtherVersionError  1   it has the tables of another version
        ├── LossError              1   history or decisions are in the warehouse alone, and would be lost
        └── ModelError             1   a file in sql/ is not as it should be
            └── RuleError          1   a rule cannot be run; the others can

`sync` ends with 6 where a run is done and an alert could not be sent; no error stands for that.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

UNDELIVERED = 6
"""Exit code of a run that is done, but for an alert that could not be sent; no error has it."""


class PipedriveGraphError(Exception):
    """What went wrong, in one sentence that says what to do next."""

    exit_code: ClassVar[int] = 1


class ConfigurationError(PipedriveGraphError):
    """The settings cannot be used as they are."""

    exit_code = 2


class DecisionError(PipedriveGraphError):
    """The finding does not exist, or cannot be decided in this way."""

    exit_code = 2


class NotAuthorisedError(PipedriveGraphError):
    """The token is wrong, or its owner may not read what is needed."""

    exit_code = 3


class IncompleteError(PipedriveGraphError):
    """Pipedrive stopped answering; what was read so far is kept and resumed."""

    exit_code = 4


class BlockedError(IncompleteError):
    """The CDN in front of Pipedrive refuses the traffic; going on would prolong the block."""


class BudgetError(IncompleteError):
    """The day's budget is used up, or what is left of it is kept for the company's other integrations.

    Attributes:
        continues_at: when there will be a new budget, as far as known; aware, UTC.
    """

    exit_code = 5

    def __init__(self, message: str, continues_at: datetime) -> None:
        super().__init__(message, continues_at)
        self.continues_at = continues_at

    def __str__(self) -> str:
        return str(self.args[0])


class RejectedError(PipedriveGraphError):
    """A snapshot holds too little to be trusted; it stays in the landing, and nothing is published."""

    exit_code = 4


class ShrunkError(RejectedError):
    """So many users are gone that a person must say that it is right."""

    exit_code = 1


class UnreachableError(PipedriveGraphError):
    """Nobody answers at the base URL."""


class NotPipedriveError(PipedriveGraphError):
    """Somebody answers at the base URL, but not with Pipedrive's API."""


class LandingError(PipedriveGraphError):
    """A snapshot cannot be written or read."""

    @property
    def problem(self) -> str:
        """What is wrong, without a full stop and without advice."""
        return str(self).rstrip(".")


class DamagedFileError(LandingError):
    """A file of a snapshot is missing, or not as it was written."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}; restore it from a backup, then try again.")
        self._problem = problem

    @property
    def problem(self) -> str:
        """What is wrong; a file that can be made again needs no backup."""
        return self._problem


class LostFileError(LandingError):
    """A file that the journal names is missing, or not as it was written."""


class NoSpaceError(LandingError):
    """The disk is full."""


class ClockError(PipedriveGraphError):
    """This machine's clock disagrees with the server's, or with the newest snapshot."""


class BusyError(PipedriveGraphError):
    """Another process is doing this already."""


class ExportError(PipedriveGraphError):
    """A format cannot hold what is published, or an export cannot be written."""


class AlertError(PipedriveGraphError):
    """An alert could not be delivered, or it is unknown which alerts were sent."""


class WarehouseError(PipedriveGraphError):
    """The tables cannot be built or published."""


class UnusableError(WarehouseError):
    """The warehouse is damaged, of another version, or made from other snapshots; it has to be made again."""


class OtherVersionError(UnusableError):
    """The warehouse has the tables of another version; the next sync makes it again."""


class LossError(WarehouseError):
    """Snapshots or decisions are in the warehouse alone: going on would lose them."""


class ModelError(WarehouseError):
    """A file in sql/ is not as it should be."""


class RuleError(ModelError):
    """A rule cannot be run; the others can.

    Attributes:
        rule: the rule's qualified name.
    """

    exit_code = 4

    def __init__(self, message: str, *, rule: str) -> None:
        super().__init__(message)
        self.rule = rule
