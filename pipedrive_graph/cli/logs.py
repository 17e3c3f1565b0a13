"""Writes messages to stderr: as text for people, or as one JSON object per line for programs.

Messages are warnings, errors, progress, and with `--debug` the steps of this program. Log records of
libraries are written with `--debug` only, from the level of a warning.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import uuid4

from pythonjsonlogger.json import JsonFormatter

from pipedrive_graph.common import clock, environment
from pipedrive_graph.common.redaction import masked
from pipedrive_graph.common.text import printable
from pipedrive_graph.errors import ConfigurationError

DEBUG_OPTION = "--debug"
FORMAT_OPTION = "--log-format"
LEVEL_OPTION = "--log-level"
LOG_FORMAT_VARIABLE = "PIPEDRIVE_GRAPH_LOG_FORMAT"
LOG_LEVEL_VARIABLE = "PIPEDRIVE_GRAPH_LOG_LEVEL"

FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")

WARNING = "Warning: "
"""The prefix of a warning in text; in JSON, the warning has that level instead."""

_OURS = "pipedrive_graph"


@dataclass(frozen=True)
class _Log:
    """How messages are written.

    Attributes:
        is_json: whether each message is a JSON object.
        level: the lowest level that is written, a number of `logging`.
        command: the running command, such as `review import`; None if unknown.
        run: the id of this process's run.
    """

    is_json: bool = False
    level: int = logging.INFO
    command: str | None = None
    run: str = ""


_log = _Log()
_subject: ContextVar[tuple[str | None, str | None]] = ContextVar("subject", default=(None, None))


def configure(arguments: Sequence[str], command: str | None) -> None:
    """Set format and level from the arguments, else from the variables; replaces the earlier configuration.

    Click reports an argument with an invalid value, so such a value is ignored here.

    Args:
        arguments: the arguments of the command line.
        command: the command that they name.

    Raises:
        ConfigurationError: if a variable has an invalid value.
    """
    global _log
    reset()
    _log = _Log(command=command, run=str(uuid4()))
    format_ = _chosen(arguments, FORMAT_OPTION, LOG_FORMAT_VARIABLE, FORMATS, "text")
    _log = replace(_log, is_json=format_ == "json")  # an error about the level uses this format
    level = _chosen(arguments, LEVEL_OPTION, LOG_LEVEL_VARIABLE, LEVELS, "info")
    if DEBUG_OPTION in arguments:
        level = "debug"
    _log = replace(_log, level=logging.getLevelNamesMapping()[level.upper()])
    if _log.is_json or is_debugging():
        logging.getLogger().addHandler(_HANDLER)
    if is_debugging():
        logging.getLogger(_OURS).setLevel(logging.DEBUG)
    if _log.is_json:
        logging.captureWarnings(capture=True)


def reset() -> None:
    """Return to the defaults: text, from the level info."""
    global _log
    _log = _Log()
    logging.getLogger().removeHandler(_HANDLER)
    logging.getLogger(_OURS).setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)
    logging.disable(logging.NOTSET)


def quieten() -> None:
    """Keep libraries from writing to stderr, except while debugging."""
    if is_debugging():
        say("Debug output is on; it contains no secrets.")
    else:
        logging.disable(logging.CRITICAL)


def is_json() -> bool:
    """Whether messages are JSON objects."""
    return _log.is_json


def is_debugging() -> bool:
    """Whether debug messages are written."""
    return _log.level <= logging.DEBUG


def writes(level: int) -> bool:
    """Whether messages of a level are written."""
    return level >= _log.level


@contextmanager
def about(company: str, run: str) -> Iterator[None]:
    """Add this company and run id to all messages within the block."""
    token = _subject.set((company, run))
    try:
        yield
    finally:
        _subject.reset(token)


def say(text: str, level: int = logging.INFO, error: BaseException | None = None, **fields: Any) -> None:  # noqa: ANN401 - JSON
    """Write a message to stderr, apart from the output that other programs read.

    Args:
        text: the message; if it begins with "Warning: ", its level is warning.
        level: its level, a number of `logging`.
        error: its cause; while debugging, the traceback is written too.
        fields: more fields of the JSON object, such as an exit code.
    """
    if text.startswith(WARNING):
        level = max(level, logging.WARNING)
    if not writes(level):
        return
    shown_error = error if is_debugging() else None
    if not _log.is_json:
        if shown_error is not None:
            _print(str(masked("".join(traceback.format_exception(shown_error)).rstrip("\n"))))
        _print("\n".join(map(printable, text.split("\n"))))
        return
    trace = (type(shown_error), shown_error, shown_error.__traceback__) if shown_error else None
    record = logging.LogRecord(f"{_OURS}.cli", level, "", 0, text.removeprefix(WARNING), (), trace or None)
    record.__dict__ |= {name: value for name, value in fields.items() if value is not None}
    _HANDLER.emit(record)


def warn(sentence: str) -> None:
    """Write a warning to stderr."""
    say(f"{WARNING}{sentence}")


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the command line


def _chosen(arguments: Sequence[str], option: str, variable: str, values: Sequence[str], default: str) -> str:
    """The value of the option, of the variable, or the default, in this order."""
    given = [argument.partition("=")[2] for argument in arguments if argument.startswith(f"{option}=")]
    given += [value for name, value in pairwise(arguments) if name == option]
    if given:
        return given[-1] if given[-1] in values else default
    value = environment.value(variable)
    if value and value not in values:
        raise ConfigurationError(f"The variable {variable} must be {', '.join(values[:-1])} or {values[-1]}.")
    return value or default


class _Handler(logging.Handler):
    """Writes records to the current stderr, with secrets masked."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            _print(_JSON.format(record) if _log.is_json else _line(record))
        except Exception:  # noqa: BLE001 - a message that cannot be written must not end the run
            self.handleError(record)


def _line(record: logging.LogRecord) -> str:
    """A record as text, with its time, for debugging."""
    from_library = "" if record.name.startswith(_OURS) else f"{record.name}: "
    message = printable(str(masked(record.getMessage())))
    trace = f"\n{masked(_traceback(record))}" if record.exc_info else ""
    return f"{_time():%Y-%m-%dT%H:%M:%S.%f}Z {record.levelname}: {from_library}{message}{trace}"


class _JsonFormatter(JsonFormatter):
    """A record as a line of JSON in ASCII, so that no control character reaches a terminal."""

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Collect the fields; those of every message come first."""
        company, run = _subject.get()
        log_data |= {
            "time": clock.iso(_time()),
            "level": record.levelname.lower(),
            "message": None,
            "command": _log.command,
            "company": company,
            "run": run or _log.run,
        }
        if not record.name.startswith(_OURS):
            log_data["logger"] = record.name
        super().add_fields(log_data, record, message_dict)

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Mask secrets."""
        return {name: masked(value) for name, value in log_data.items()}


def _traceback(record: logging.LogRecord) -> str:
    return logging.Formatter().formatException(record.exc_info) if record.exc_info else ""


def _time() -> datetime:
    try:
        return clock.now()
    except ConfigurationError:  # the message is about that
        return datetime.now(UTC)


_HANDLER = _Handler()
_JSON = _JsonFormatter(["message"], rename_fields={"exc_info": "traceback"})
