"""Reads settings.toml: how the program is operated, one table per matter.

    [output]
    group = "analysts"      # the group that may read what is published, reports and exports
    mode = "0640"           # the mode of these files

    [dagster]
    keep_days = 90          # older runs are deleted from DAGSTER_HOME, with their events and logs
    cron = "0 2 * * *"      # when Dagster's schedule starts the night
    time_zone = "UTC"       # the time zone of `cron` and `freshness`
    freshness = "0 6 * * *" # by when the file must be published, or Dagster shows it as overdue

    [sync]
    publish_after = 15      # minutes that a snapshot waits for other companies before it is published

A table that is missing means its defaults. Where the data comes from stands in companies.toml, and what is
looked for in findings.toml.
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
"""The modes of a file of output: its owner reads and writes, others may only read."""


class Table(BaseModel):
    """A table of settings.toml: every key is known, and a value has the type that is declared."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Output(Table):
    """Who may read the published file, reports and exports beside their owner.

    Attributes:
        group: a group's name or number; None for the one that the system gives a new file.
        mode: the mode of a file, in octal digits; None for 0640 with a group, and for 0600 without one.
    """

    group: str | int | None = None
    mode: str | None = None

    @field_validator("mode")
    @classmethod
    def _is_safe(cls, text: str | None) -> str | None:
        """Refuse a mode with which others could change a file, or its owner could not."""
        if text is not None and text not in MODES:
            raise ValueError(
                f"must be {', '.join(MODES[:-1])} or {MODES[-1]}, not '{pasted.shown(text)}': the owner reads"
                " and writes, others may only read"
            )
        return text


class Dagster(Table):
    """When Dagster's schedule starts a night, and how long runs are kept in DAGSTER_HOME.

    Attributes:
        keep_days: runs that are older are deleted, except those of the latest materializations.
        keep_runs: so many of the newest runs stay, however old they are.
        cron: when the night begins, as a cron expression of five fields.
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
        """Refuse what is no cron expression by its shape; Dagster refuses the rest where it loads it."""
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
    """How `sync` runs over several companies.

    Attributes:
        jobs: how many companies are read at the same time, at most.
        publish_after: minutes that the first snapshot that is ready waits for the other companies before it
            is built and published without them.
    """

    jobs: Annotated[int, Field(ge=1, le=1_000)] = 100
    publish_after: Annotated[float, Field(ge=0, le=1_440, strict=False)] = 15


class Metrics(Table):
    """Where the metrics for Prometheus are written.

    Attributes:
        textfile: a file in the folder of node_exporter's textfile collector, whose name ends with .prom; None
            for nowhere.
    """

    textfile: str | None = None

    @field_validator("textfile")
    @classmethod
    def _is_collected(cls, text: str | None) -> str | None:
        """Refuse a file that the collector would not read."""
        if text is not None and not re.fullmatch(r"\S(.*/)?[^/]*\.prom", text):
            raise ValueError(f"must be a path that ends in .prom, not '{pasted.shown(text)}'")
        return text


class Options(Table):
    """Everything that settings.toml says."""

    output: Output = Output()
    dagster: Dagster = Dagster()
    sync: Sync = Sync()
    metrics: Metrics = Metrics()


def load(home: Path) -> Options:
    """Read settings.toml; the defaults where there is no such file.

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
        problem = sentence(error, Options, depth=2, line=line)
        raise ConfigurationError(f"{file}: {problem}") from error
