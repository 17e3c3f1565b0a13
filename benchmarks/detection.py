"""Compares planted and found anomalies in simulated companies: precision and recall of each rule.

For each company, the real client collects over loopback and the warehouse is built as in `sync`, on two
nights eight days apart, with events between them and with a roster for each night. The open findings after
a night are compared with the simulator's truth of that night: rule, subject, object and severity. Clean
companies go through both nights as well; findings in them are false alarms. Rate limits are out of reach.

`permission_outlier` is not a rule about facts. It is compared with the grants that were planted as
exceptions.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import duckdb
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from pipedrive_graph.builder import build
from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.collect import Progress, collect
from pipedrive_graph.common.clock import CLOCK_VARIABLE
from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.config.company import TOKEN_VARIABLE, Company, Plan
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.landing import Landing
from pipedrive_graph.simulator.anomalies import EVENTS, ROSTER, STANDING
from pipedrive_graph.simulator.anomalies.visibility import VISIBILITY, WIDENED
from pipedrive_graph.simulator.nights import live_on
from pipedrive_graph.simulator.options import Dialect, Options
from pipedrive_graph.simulator.roster import write_roster
from pipedrive_graph.simulator.server import Simulator
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models

SIZES = (40, 120, 400)
SEEDS = 20
BRIEF_EVERY = 4
"""One company in this number is also read in the brief dialect, because one rule needs it."""

OUTLIERS = "permission_outlier"
FACTS = (*STANDING, *EVENTS, *ROSTER, *VISIBILITY, WIDENED)

Found = tuple[str | None, ...]
"""Rule, kind of subject, subject, object, severity of a finding."""


@dataclass(frozen=True, slots=True)
class Case:
    """A company to measure."""

    size: int
    seed: int
    clean: bool
    dialect: Dialect = "official"


@dataclass(slots=True)
class Outcome:
    """The results of one or several companies, by rule, for both nights together.

    Attributes:
        planted: number of expected findings.
        found: number of expected findings that are open.
        wrong: number of open findings that are not expected.
        alarms: number of open findings in clean companies.
        clean_users: number of users of clean companies, counted once per night.
        examples: some of the differences.
    """

    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    clean_users: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Add another outcome to this one."""
        for mine, theirs in zip(self._counters, other._counters, strict=True):
            mine.update(theirs)
        self.clean_users += other.clean_users
        self.examples += other.examples

    @property
    def _counters(self) -> tuple[Counter[str], ...]:
        return self.planted, self.found, self.wrong, self.alarms


class _Silent:
    """An observer that prints nothing."""

    def progress(self, progress: Progress) -> None:
        """Say nothing."""

    def warn(self, sentence: str) -> None:
        """Say nothing."""


def measure(case: Case) -> Outcome:
    """Run both nights of one company, and compare."""
    outcome = Outcome()
    options = Options(
        users=case.size,
        seed=case.seed,
        clean=case.clean,
        dialect=case.dialect,
        limit=1_000_000,
        daily_limit=1_000_000_000,
    )
    with Simulator(options) as simulator, tempfile.TemporaryDirectory() as home:
        roster = Path(home) / "roster.csv"
        company = Company(
            "benchmark",
            simulator.url,
            daily_reserve=0.0,
            roster=roster,
            visibility=True,
            plan=Plan(options.plan),
        )
        settings = Settings(Path(home), (company,))
        os.environ[TOKEN_VARIABLE] = simulator.token
        for night in range(2):
            if night:
                live_on(simulator.company, clean=case.clean)
            write_roster(simulator.company, roster, clean=case.clean)
            os.environ[CLOCK_VARIABLE] = simulator.company.now.isoformat()
            outcome.examples += [f"{case}: {sentence}" for sentence in _night(settings)]
            _compare(case, simulator, _open(settings), outcome)
    return outcome


def _night(settings: Settings) -> list[str]:
    """Collect, build and publish; return a sentence for each rule that could not be run."""
    (company,) = settings.companies
    models = Models(sql_folder())
    asyncio.run(collect(company, Landing(settings.storage).of(company.name), observer=_Silent()))
    configuration = Configuration(settings)
    batch = build.build_batch(
        settings,
        models,
        configuration.policies,
        configuration.waivers,
        [company],
        on_wait=_say_nothing,
    )
    for error in batch.failed.values():
        raise error
    build.publish(settings, models, on_wait=_say_nothing)
    return batch.built[company.name].broken


def _open(settings: Settings) -> set[Found]:
    """Return the open findings."""
    with duckdb.connect(str(settings.published), read_only=True) as connection:
        rows = connection.execute(
            "SELECT rule, subject_kind, subject_id, object, severity FROM findings WHERE status = 'open'"
        ).fetchall()
    return set(rows)


def _compare(case: Case, simulator: Simulator, found: set[Found], outcome: Outcome) -> None:
    if case.clean:
        outcome.clean_users += len(simulator.company.users)
        outcome.alarms.update(f"{row[0]}" for row in found)
        wrong = found
        missed: set[Found] = set()
    else:
        facts = {row for row in found if row[0] != OUTLIERS}
        truth: set[Found] = {tuple(row.values()) for row in simulator.truth() + simulator.visibility_truth()}
        missed, wrong = truth - facts, facts - truth
        for counter, rows in (
            (outcome.planted, truth),
            (outcome.found, truth & facts),
            (outcome.wrong, wrong),
        ):
            counter.update(f"{row[0]}" for row in rows)
        held = {(str(user_id), flag) for user_id, flag in simulator.company.deviations}
        outliers = {(row[2], row[3]) for row in found if row[0] == OUTLIERS}
        outcome.planted[OUTLIERS] += len(held)
        outcome.found[OUTLIERS] += len(held & outliers)
        outcome.wrong[OUTLIERS] += len(outliers - held)
    missed = {row for row in missed if row[0] in shipped()}
    for word, rows in (("missed", missed), ("wrong", wrong)):
        outcome.examples += [f"{case}: {word} {row}" for row in sorted(rows, key=str)[:10]]


def _say_nothing(_sentence: str) -> None:
    pass


def cases(sizes: Iterable[int], seeds: int) -> list[Case]:
    """Return the companies, the largest first, so that no process waits for another at the end."""
    companies = []
    for size in sorted(sizes, reverse=True):
        for seed in range(seeds):
            companies += [Case(size, seed, clean=False), Case(size, seed, clean=True)]
            if seed % BRIEF_EVERY == 0:
                companies.append(Case(size, seed, clean=False, dialect="brief"))
    return companies


@cache
def shipped() -> set[str]:
    """Return the names of the shipped rules."""
    return {rule.name for rule in Models(sql_folder()).of("rules", Kind.RULE)}


def rows(outcome: Outcome) -> list[tuple[str, ...]]:
    """Return the table's rows: rule, planted, found, missed, wrong, precision, recall, false alarms."""
    table = []
    for rule in (*FACTS, OUTLIERS):
        if rule not in shipped():
            table.append((rule, f"{outcome.planted[rule]:,}", "", "", "", "", "", "no rule"))
            continue
        planted, found, wrong = outcome.planted[rule], outcome.found[rule], outcome.wrong[rule]
        table.append(
            (
                rule,
                *(f"{number:,}" for number in (planted, found, planted - found, wrong)),
                _ratio(found, found + wrong),
                _ratio(found, planted),
                f"{outcome.alarms[rule]:,}",
            )
        )
    return table


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"


HEADS = ("rule", "planted", "found", "missed", "wrong", "precision", "recall", "clean")


def summary(outcome: Outcome) -> str:
    """Return one sentence about the clean companies."""
    alarms = outcome.alarms.total()
    per = 50 * alarms / max(1, outcome.clean_users)
    return (
        f"Clean companies, {outcome.clean_users:,} users over both nights:"
        f" {alarms:,} findings, {per:.3f} per 50 users."
    )


def markdown(outcome: Outcome) -> str:
    """Return the table and the summary as Markdown."""
    lines = [f"| {' | '.join(HEADS)} |", "|---|" + "---:|" * (len(HEADS) - 1)]
    lines += [f"| `{rule}` | {' | '.join(cells)} |" for rule, *cells in rows(outcome)]
    return "\n".join([*lines, "", summary(outcome), ""])


def main() -> int:
    """Print the table; return 1 if a rule about facts was wrong or missed something."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="users of the companies")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="companies of each size")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--markdown", type=Path, help="write the table to this file, too")
    arguments = parser.parse_args()
    outcome = Outcome()
    todo = cases(arguments.sizes, arguments.seeds)
    with ProcessPoolExecutor(arguments.processes) as pool:
        for measured in track(pool.map(measure, todo), "Companies", total=len(todo)):
            outcome.add(measured)
    table = Table(title="Detection", box=SIMPLE_HEAD, pad_edge=False)
    for head in HEADS:
        table.add_column(head, justify="left" if head == "rule" else "right", no_wrap=head == "rule")
    for cells in rows(outcome):
        table.add_row(*cells, style="red" if cells[0] != OUTLIERS and {*cells[3:5]} - {"0", ""} else None)
    # a file or a pipe has no width
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    console.print(summary(outcome))
    for example in outcome.examples[:40]:
        console.print(example, style="dim", highlight=False, markup=False, soft_wrap=True)
    if arguments.markdown:
        arguments.markdown.write_text(markdown(outcome), encoding="utf-8")
    return int(any(outcome.wrong[rule] or outcome.planted[rule] > outcome.found[rule] for rule in FACTS))


if __name__ == "__main__":
    sys.exit(main())
