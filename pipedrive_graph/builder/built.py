"""The results of a build, per company and per batch, and the warnings for the operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import duckdb

from pipedrive_graph.common.text import counted
from pipedrive_graph.warehouse import database

SHOWN = 10
"""How many rows of a roster a warning lists."""


@dataclass(frozen=True, slots=True)
class Built:
    """The result of a build for one company, or of a rebuild for all companies.

    Attributes:
        snapshots: ids of the processed snapshots.
        fired: how many findings each rule has, by its qualified name; empty for a rebuild.
        unreadable: a line for each value of the last snapshot that could not be read.
        left_out: a sentence if the last answers about users omit permissions that they had before.
        broken: a sentence for each rule that could not be run.
        unusable: a line for each row of the company's roster that is not used.
        waivers: a sentence for each waiver that has expired or matches no finding.
        loose: a sentence if the warehouse's file could not be compacted.
    """

    snapshots: list[str] = field(default_factory=list)
    fired: dict[str, int] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    left_out: str | None = None
    broken: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    waivers: list[str] = field(default_factory=list)
    loose: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The result of a build of several companies.

    Attributes:
        built: the result of each company that succeeded.
        failed: the error of each company that failed.
        fired: how many findings each rule has in the last transaction, by its qualified name.
        loose: a sentence if the warehouse's file could not be compacted.
    """

    built: Mapping[str, Built]
    failed: Mapping[str, Exception]
    fired: dict[str, int] = field(default_factory=dict)
    loose: str | None = None


def warnings(built: Built, *, names_people: bool) -> Iterator[str]:
    """The warnings about a build, as sentences.

    Args:
        built: the result of the build.
        names_people: whether the sentences may name people. Dagster stores the log of a run, so its log gets
            counts and the names of the tables instead.
    """
    yield from about_values(built, names_people=names_people)
    if built.left_out:
        yield built.left_out
    if built.unusable:
        rows = f": {listed(built.unusable)}" if names_people else ""
        count = counted(len(built.unusable), "row")
        yield f"{count} of the roster cannot be used{rows}. The table roster lists all of them."
    if names_people:
        yield from built.waivers
    elif built.waivers:
        count = counted(len(built.waivers), "waiver")
        yield f"{count} expired or match no open finding; `pipedrive-graph findings` names each."
    for sentence in built.broken:
        yield f"{sentence} The other rules were run; the earlier findings of this rule stay as they are."
    if built.loose:
        yield built.loose


def about_values(built: Built, *, names_people: bool) -> Iterator[str]:
    """A sentence if values could not be read."""
    if built.unreadable:
        count = counted(len(built.unreadable), "value")
        example = f", such as {built.unreadable[0]}" if names_people else ""
        yield (
            f"{count} could not be read{example}. The last known value is used, if there is one;"
            " the table unreadable_values lists all of them."
        )


def listed(problems: list[str]) -> str:
    """The first `SHOWN` problems, and how many more there are."""
    shown = "; ".join(problems[:SHOWN])
    return f"{shown}; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else shown


def unreadable(connection: duckdb.DuckDBPyConnection, company: str) -> list[str]:
    """A line for each value of a company's last snapshot that could not be read."""
    values = database.rows(
        connection,
        """
        SELECT endpoint, subject_id, field, value
        FROM history.unreadable_values WHERE company = ? ORDER BY ALL""",
        company,
    )
    return [
        f"{endpoint}{f', {subject}' if subject else ''}: {field} is '{value}'"
        for endpoint, subject, field, value in values
    ]


def left_out(connection: duckdb.DuckDBPyConnection, company: str) -> str | None:
    """A sentence if the last answers about users omit permissions that they had before."""
    ((values, users, permissions),) = database.rows(
        connection,
        """
        SELECT count(*), count(DISTINCT user_id), list(DISTINCT permission ORDER BY permission)
        FROM history.unanswered_permissions
        WHERE company = ? AND observed_at IS NOT NULL""",
        company,
    )
    if not values:
        return None
    more = f" and {len(permissions) - 3} others" if len(permissions) > 3 else ""
    return (
        f"The answers of Pipedrive omit {counted(values, 'permission')} of {counted(users, 'user')} that"
        f" they had before: {', '.join(permissions[:3])}{more}. The last known values are used; the table"
        " unanswered_permissions lists all of them."
    )
