"""What the asset checks show, judged from what is kept: manifests, the published file, records of runs.

Each check is about all companies, and its description names those for which it failed. So a check can be run
at any time, also by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from pipedrive_graph.common.text import counted
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import LandingError, PipedriveGraphError, WarehouseError
from pipedrive_graph.landing import Landing, Manifest
from pipedrive_graph.orchestration.names import Names
from pipedrive_graph.pipeline.pending import pending
from pipedrive_graph.published.connection import reading
from pipedrive_graph.runs import record
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import Models

SHOWN = 10
"""How many companies a description names."""

SEVERE = {"critical", "high"}
"""Open findings of a rule of this severity are an error, those of another one a warning."""

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check shows; `key` is that of the check."""

    key: dg.AssetCheckKey
    passed: bool
    severity: dg.AssetCheckSeverity
    description: str | None = None


CHECKS = {
    "snapshot_accepted": (
        ("users",),
        "Of every company, the list of users is complete, enough of the details were answered, and not too"
        " many users are gone at once. Otherwise the snapshot is not published.",
    ),
    "snapshot_complete": (
        ("users",),
        "Every call was answered. What was not stays as last known.",
    ),
    "values_readable": (
        ("graph", "users"),
        "Every value could be read as what it should be; the others count as unknown.",
    ),
    "rules_ran": (
        ("graph", "findings"),
        "Every rule could be run; what the others found before stays as it was.",
    ),
    "newest_published": (
        ("identity_graph",),
        "The newest accepted snapshot of every company is published: each answer reached the history, every"
        " key identifies its row, and the published tables have as many rows as the warehouse.",
    ),
    "alerts_delivered": (
        ("alerts_sent",),
        "Every alert that was due was delivered. What was not is tried again by the next run.",
    ),
}
"""The checks that are about a whole run: the asset that each stands at, and what it means."""


def specs(models: Models, names: Names) -> list[dg.AssetCheckSpec]:
    """All checks: those of a run, and one for each rule."""
    found = [
        dg.AssetCheckSpec(name, asset=names.key(*asset), description=description)
        for name, (asset, description) in CHECKS.items()
    ]
    return found + [
        dg.AssetCheckSpec(
            rule.name,
            asset=names.key("graph", "findings"),
            description=f"**{_of(rule, 'title')}** ({_of(rule, 'severity')}). {_of(rule, 'meaning')}\n\n"
            f"*What to do:* {_of(rule, 'remedy')}",
            metadata={"severity": _of(rule, "severity"), "file": rule.place},
        )
        for rule in models.of("rules", Kind.RULE)
    ]


def _of(rule: Model, setting: str) -> str:
    return rule.header.settings[setting]


def evaluate(settings: Settings, models: Models, names: Names) -> Iterator[Outcome]:
    """The outcome of every check."""
    newest = {company.name: _newest(settings, company.name) for company in settings.companies}
    judges: dict[str, Callable[[], tuple[str | None, dg.AssetCheckSeverity]]] = {
        "snapshot_accepted": lambda: (_of_each(newest, _not_accepted), ERROR),
        "snapshot_complete": lambda: (_of_each(newest, _not_complete), ERROR),
        "values_readable": lambda: (_unreadable(settings.published), WARN),
        "rules_ran": lambda: (_broken(settings.published), WARN),
        "newest_published": lambda: (_not_published(settings), ERROR),
        "alerts_delivered": lambda: (_undelivered(settings), WARN),
    }
    for name, judge in judges.items():
        try:
            problem, severity = judge()
        except PipedriveGraphError as error:
            problem, severity = str(error), WARN
        key = dg.AssetCheckKey(names.key(*CHECKS[name][0]), name)
        yield Outcome(key, problem is None, severity, problem)
    yield from _rules(settings, models, names)


def changed(instance: dg.DagsterInstance, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """Those whose latest recorded result is another one: a result that stays is not recorded every night."""
    found = {outcome.key: outcome for outcome in outcomes}
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([*found])
    for key, outcome in found.items():
        record_ = latest.get(key)
        event = record_.event.dagster_event if record_ and record_.event else None
        known = event.event_specific_data if event else None
        if isinstance(known, dg.AssetCheckEvaluation) and (
            (known.passed, known.severity, known.description)
            == (outcome.passed, outcome.severity, outcome.description)
        ):
            continue
        yield outcome


def _newest(settings: Settings, company: str) -> Manifest | LandingError | None:
    try:
        return Landing(settings.storage).of(company).latest()
    except LandingError as error:
        return error


def _of_each(
    newest: Mapping[str, Manifest | LandingError | None], problem: Callable[[Manifest], str | None]
) -> str | None:
    """The problem of each company's newest snapshot, as one text; None where there is none."""
    lines = [
        f"{company}: {reason}"
        for company, manifest in newest.items()
        if manifest is not None
        and (reason := str(manifest) if isinstance(manifest, LandingError) else problem(manifest))
    ]
    return _text(lines)


def _not_accepted(manifest: Manifest) -> str | None:
    return None if manifest.accepted else manifest.verdict.reason or "The snapshot was rejected."


def _not_complete(manifest: Manifest) -> str | None:
    if manifest.verdict.status == "complete":
        return None
    return manifest.verdict.reason or f"The snapshot is {manifest.verdict.status}."


def _not_published(settings: Settings) -> str | None:
    waiting = pending(settings, [company.name for company in settings.companies])
    return _text(
        f"{company}: snapshot {manifest.snapshot_id} is not published."
        for company, manifest in waiting.items()
    )


def _undelivered(settings: Settings) -> str | None:
    lines = []
    for company in settings.companies:
        last = record.read(settings, company.name).last
        lines += [f"{company.name}: {sentence}" for sentence in (last.alerts_not_sent if last else ())]
    return _text(lines)


def _unreadable(published: Path) -> str | None:
    rows = _rows(published, "SELECT company, count(*) FROM unreadable_values GROUP BY ALL ORDER BY ALL")
    return _text(
        f"{company}: {counted(count, 'value')} could not be read; the table unreadable_values has them all."
        for company, count in rows
    )


def _broken(published: Path) -> str | None:
    rows = _rows(published, "SELECT company, reason FROM rule_runs WHERE outcome = 'broken' ORDER BY ALL")
    return _text(f"{company}: {reason}" for company, reason in rows)


def _rules(settings: Settings, models: Models, names: Names) -> Iterator[Outcome]:
    """One outcome for each rule: passed where it was run and none of its findings is open."""
    asset = names.key("graph", "findings")
    rules = [*models.of("rules", Kind.RULE)]
    try:
        found = _rows(
            settings.published,
            "SELECT rule, company, count(*) FROM findings WHERE status = 'open' GROUP BY ALL ORDER BY ALL",
        )
        runs = _rows(settings.published, "SELECT rule, company, outcome, reason FROM rule_runs ORDER BY ALL")
    except WarehouseError as error:
        for rule in rules:
            yield Outcome(dg.AssetCheckKey(asset, rule.name), False, WARN, str(error))
        return
    for rule in rules:
        key = dg.AssetCheckKey(asset, rule.name)
        is_open = {company: count for name, company, count in found if name == rule.name}
        idle = [
            (company, reason) for name, company, how, reason in runs if name == rule.name and how != "ran"
        ]
        ran = [company for name, company, how, _ in runs if name == rule.name and how == "ran"]
        why = _text(f"Not run for {company}: {reason}" for company, reason in idle)
        if is_open:
            total = counted(sum(is_open.values()), "finding")
            by_company = ", ".join(f"{company} {count}" for company, count in [*is_open.items()][:SHOWN])
            severity = ERROR if _of(rule, "severity") in SEVERE else WARN
            yield Outcome(
                key, False, severity, "\n".join(filter(None, [f"{total} open: {by_company}.", why]))
            )
        elif ran:
            yield Outcome(key, True, WARN, why)
        else:
            yield Outcome(key, False, WARN, why or "No company was judged by this rule.")


def _rows(published: Path, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query of the published file.

    Raises:
        WarehouseError: if nothing is published, or the file cannot be read.
    """
    with reading(published) as connection:
        return connection.execute(query).fetchall()


def _text(lines: Iterable[str]) -> str | None:
    """The first lines, and how many more there are; None where there are none."""
    found = [*lines]
    more = [f"And {len(found) - SHOWN} more."] if len(found) > SHOWN else []
    return "\n".join([*found[:SHOWN], *more]) or None
