"""Reads settings.toml: the operation of the program, one table per matter.

    [output]
    group = "analysts"      # the group that may read the published file, reports and exports
    mode = "0640"           # the mode of these files

    [dagster]
    keep_days = 90          # older runs are deleted from DAGSTER_HOME, with their events and logs
    cron = "0 2 * * *"      # when Dagster's schedule starts a run
    time_zone = "UTC"       # the time zone of `cron` and `freshness`
    freshness = "0 6 * * *" # by when the file must be published, or Dagster shows it as overdue

    [sync]
    publish_after = 15      # minutes that a snapshot waits for other companies before it is published

A missing table means its defaults. The sources of the data are in companies.toml, and the parameters of the
rules in findings.toml.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipedrive_graph.common import pasted
from pipedrive_graph.config import toml
from pipedrive_graph.config.validation import sentence
from pipedrive_graph.errors import ConfigurationError

FILE = "settings.toml"

CRON_FIELDS = 5

MODES = ("0600", "0640", "0644")
"""The allowed modes of an output file: the owner reads and writes, others may only read."""


class Table(BaseModel):
    """A table of settings.toml; unknown keys and values of the wrong type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Output(Table):
    """The users who may read the published file, reports and exports besides their owner.

    Attributes:
        group: a group's name or number; None for the system's default group of new files.
        mode: the mode of a file, in octal digits; None for 0640 with a group, and for 0600 without one.
    """

    group: str | int | None = None
    mode: str | None = None

    @field_validator("mode")
    @classmethod
    def _is_safe(cls, text: str | None) -> str | None:
        """Refuse a mode that lets other users change a file, or that locks out its owner."""
        if text is not None and text not in MODES:
            raise ValueError(
                f"must be {', '.join(MODES[:-1])} or {MODES[-1]}, not '{pasted.shown(text)}': the owner reads"
                " and writes, others may only read"
            )
        return text


class Dagster(Table):
    """When Dagster's schedule starts a run, and how long runs are kept in DAGSTER_HOME.

    Attributes:
        keep_days: older runs are deleted, except those of the latest materializations.
        keep_runs: this many of the newest runs are kept, however old they are.
        cron: when a run starts, as a cron expression of five fields.
        time_zone: the time zone of `cron` and `freshness`, such as Europe/Berlin.
        freshness: the deadline of the published file, as a cron expression.
    """

    keep_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    keep_runs: Annotated[int, Field(ge=1)] = 20
    cron: str = "0 2 * * *"
    time_zone: str = "UTC"
    freshness: str = "0 6 * * *"

    @field_validator("cron", "freshness")
    @classmethod
    def _has_five_fields(cls, text: str) -> str:
        """Refuse a text that does not have five fields; Dagster refuses other mistakes when it loads it."""
        if len(text.split()) != CRON_FIELDS:
            raise ValueError(
                f"must be a cron expression of five fields, such as '0 2 * * *', not '{pasted.shown(text)}'"
            )
        return text

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        """Refuse a time zone that this machine does not know."""
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"must be a time zone, such as Europe/Berlin, not '{pasted.shown(name)}'"
            ) from error
        return name


class Sync(Table):
    """How `sync` processes several companies.

    Attributes:
        jobs: the most companies that are collected at the same time.
        publish_after: minutes that the first finished snapshot waits for the other companies before it
            is built and published without them.
    """

    jobs: Annotated[int, Field(ge=1, le=1_000)] = 100
    publish_after: Annotated[float, Field(ge=0, le=1_440, strict=False)] = 15


class Metrics(Table):
    """Where the metrics for Prometheus are written.

    Attributes:
        textfile: a file in the folder of node_exporter's textfile collector, whose name ends with .prom; None
            writes no metrics.
    """

    textfile: str | None = None

    @field_validator("textfile")
    @classmethod
    def _is_collected(cls, text: str | None) -> str | None:
        """Refuse a file name that the collector would ignore."""
        if text is not None and not re.fullmatch(r"\S(.*/)?[^/]*\.prom", text):
            raise ValueError(f"must be a path that ends in .prom, not '{pasted.shown(text)}'")
        return text


class Options(Table):
    """All settings of settings.toml."""

    output: Output = Output()
    dagster: Dagster = Dagster()
    sync: Sync = Sync()
    metrics: Metrics = Metrics()


def load(home: Path) -> Options:
    """Read settings.toml; return the defaults if it does not exist.

    Args:
        home: the home folder.

    Raises:
        ConfigurationError: if it cannot be used, naming the key and its line.
    """
    file = home / FILE
    text = toml.text(file)
    if text is None:
        return Options()
    line = partial(toml.on_line, text)
    try:
        return Options.model_validate(toml.parse(text, file))
    except ValidationError as error:
        raise ConfigurationError(sentence(error, Options, str(file), depth=2, line=line)) from error
