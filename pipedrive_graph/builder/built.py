"""What a build has done, for each company and for the batch, and what the operator should know of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import duckdb

from pipedrive_graph.common.text import counted
from pipedrive_graph.warehouse import database

SHOWN = 10
"""How many rows of a roster a warning names."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build has done for one company; of a rebuild, for all.

    Attributes:
        snapshots: ids of the snapshots taken.
        fired: how often each rule fires, by its qualified name; of a rebuild, nothing.
        unreadable: a line for each value of the last snapshot that could not be read.
        left_out: a sentence, where the last answers about users leave out permissions that they had before.
        broken: a sentence for each rule that could not be run.
        unusable: a line for each row of the company's roster that is not used.
        waivers: a sentence for each waiver that has expired, or speaks of no finding.
        loose: a sentence, where the warehouse's file should be smaller and could not be made so.
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
    """What the build of a batch has done.

    Attributes:
        built: what was done for each company whose snapshots are in the warehouse.
        failed: why the new snapshots of the other companies are not.
        fired: how often each rule fires for the companies of the last transaction, by its qualified name.
        loose: a sentence, where the warehouse's file should be smaller and could not be made so.
    """

    built: Mapping[str, Built]
    failed: Mapping[str, Exception]
    fired: dict[str, int] = field(default_factory=dict)
    loose: str | None = None


def warnings(built: Built, *, names_people: bool) -> Iterator[str]:
    """What the operator should know of a build, in sentences.

    Args:
        built: the build.
        names_people: whether the sentences may name people. Dagster keeps the log of a run: there, numbers
            stand, and where the rows are.
    """
    yield from about_values(built, names_people=names_people)
    if built.left_out:
        yield built.left_out
    if built.unusable:
        rows = f": {listed(built.unusable)}" if names_people else ""
        count = counted(len(built.unusable), "row")
        yield f"{count} of the roster cannot be used{rows}. The table roster has them all."
    if names_people:
        yield from built.waivers
    elif built.waivers:
        count = counted(len(built.waivers), "waiver")
        yield f"{count} expired or match no open finding; `pipedrive-graph findings` names each."
    for sentence in built.broken:
        yield f"{sentence} The other rules were run; what this one found before stays as it was."
    if built.loose:
        yield built.loose


def about_values(built: Built, *, names_people: bool) -> Iterator[str]:
    """A sentence where values could not be read."""
    if built.unreadable:
        count = counted(len(built.unreadable), "value")
        example = f", such as {built.unreadable[0]}" if names_people else ""
        yield (
            f"{count} could not be read{example}. Each counts as last known, or as not known;"
            " the table unreadable_values has them all."
        )


def listed(problems: list[str]) -> str:
    """The first of many, and how many more there are."""
    shown = "; ".join(problems[:SHOWN])
    return f"{shown}; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else shown


def unreadable(connection: duckdb.DuckDBPyConnection, company: str) -> list[str]:
    """A line for each value of a company's last snapshot that could not be read."""
    found = database.rows(
        connection,
        """
        SELECT endpoint, subject_id, field, value
        FROM history.unreadable_values WHERE company = ? ORDER BY ALL""",
        company,
    )
    return [
        f"{endpoint}{f', {subject}' if subject else ''}: {field} is '{value}'"
        for endpoint, subject, field, value in found
    ]


def left_out(connection: duckdb.DuckDBPyConnection, company: str) -> str | None:
    """A sentence where the last answers about users leave out permissions that they had before."""
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
        f"The answers of Pipedrive leave out {counted(values, 'permission')} of {counted(users, 'user')} that"
        f" they had before: {', '.join(permissions[:3])}{more}. Each stays as last known; the table"
        " unanswered_permissions has them all."
    )
