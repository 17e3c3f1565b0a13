"""Evaluates the asset checks from stored data: manifests, the published file, run records.

Each check covers all companies, and its description names the companies for which it failed. So a check can
be run at any time, also on demand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from pipedrive_graph.common.text import counted
from pipedrive_graph.config.home import Home
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
"""The most companies that a description names."""

SEVERE = {"critical", "high"}
"""Open findings of these severities are an error; others are a warning."""

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a check; `key` identifies the check."""

    key: dg.AssetCheckKey
    passed: bool
    severity: dg.AssetCheckSeverity
    description: str | None = None


CHECKS = {
    "snapshot_accepted": (
        ("users",),
        "For every company, the list of users is complete, enough detail requests were answered, and not too"
        " many users disappeared at once. Otherwise the snapshot is not published.",
    ),
    "snapshot_complete": (
        ("users",),
        "Every request was answered. Unanswered data stays as last known.",
    ),
    "values_readable": (
        ("graph", "users"),
        "Every value could be parsed; other values count as unknown.",
    ),
    "rules_ran": (
        ("graph", "findings"),
        "Every rule could be run; the findings of other rules stay as they were.",
    ),
    "newest_published": (
        ("identity_graph",),
        "The newest accepted snapshot of every company is published: each response is in the history, every"
        " key is unique, and the published tables have as many rows as the warehouse.",
    ),
    "alerts_delivered": (
        ("alerts_sent",),
        "Every alert that was due was delivered. The next run retries the others.",
    ),
}
"""The checks of a whole run: the asset and the meaning of each."""


def specs(models: Models, names: Names) -> list[dg.AssetCheckSpec]:
    """All checks: those of a run, and one per rule."""
    of_run = [
        dg.AssetCheckSpec(name, asset=names.key(*asset), description=description)
        for name, (asset, description) in CHECKS.items()
    ]
    return of_run + [
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
    """Evaluate every check."""
    newest = {name: _newest(settings, name) for name in settings.names}
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
    """The outcomes that differ from the latest recorded ones; an unchanged result is not recorded again."""
    by_key = {outcome.key: outcome for outcome in outcomes}
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([*by_key])
    for key, outcome in by_key.items():
        record_ = latest.get(key)
        event = record_.event.dagster_event if record_ and record_.event else None
        recorded = event.event_specific_data if event else None
        if isinstance(recorded, dg.AssetCheckEvaluation) and (
            (recorded.passed, recorded.severity, recorded.description)
            == (outcome.passed, outcome.severity, outcome.description)
        ):
            continue
        yield outcome


def _newest(home: Home, company: str) -> Manifest | LandingError | None:
    try:
        return Landing(home.storage).of(company).latest()
    except LandingError as error:
        return error


def _of_each(
    newest: Mapping[str, Manifest | LandingError | None], problem: Callable[[Manifest], str | None]
) -> str | None:
    """The problems of the companies' newest snapshots as one text; None if there are none."""
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
    waiting = pending(settings, settings.names)
    return _text(
        f"{company}: snapshot {manifest.snapshot_id} is not published."
        for company, manifest in waiting.items()
    )


def _undelivered(settings: Settings) -> str | None:
    lines = []
    for company in settings.names:
        last = record.read(settings, company).last
        lines += [f"{company}: {sentence}" for sentence in (last.alerts_not_sent if last else ())]
    return _text(lines)


def _unreadable(published: Path) -> str | None:
    rows = _rows(published, "SELECT company, count(*) FROM unreadable_values GROUP BY ALL ORDER BY ALL")
    return _text(
        f"{company}: {counted(count, 'value')} could not be parsed; the table unreadable_values lists them."
        for company, count in rows
    )


def _broken(published: Path) -> str | None:
    rows = _rows(published, "SELECT company, reason FROM rule_runs WHERE outcome = 'broken' ORDER BY ALL")
    return _text(f"{company}: {reason}" for company, reason in rows)


def _rules(home: Home, models: Models, names: Names) -> Iterator[Outcome]:
    """One outcome per rule: passed if the rule ran and none of its findings is open."""
    asset = names.key("graph", "findings")
    rules = [*models.of("rules", Kind.RULE)]
    try:
        open_findings = _rows(
            home.published,
            "SELECT rule, company, count(*) FROM findings WHERE status = 'open' GROUP BY ALL ORDER BY ALL",
        )
        runs = _rows(home.published, "SELECT rule, company, outcome, reason FROM rule_runs ORDER BY ALL")
    except WarehouseError as error:
        for rule in rules:
            yield Outcome(dg.AssetCheckKey(asset, rule.name), False, WARN, str(error))
        return
    for rule in rules:
        key = dg.AssetCheckKey(asset, rule.name)
        is_open = {company: count for name, company, count in open_findings if name == rule.name}
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
            yield Outcome(key, False, WARN, why or "This rule was not run for any company.")


def _rows(published: Path, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query of the published file.

    Raises:
        WarehouseError: if nothing is published, or the file cannot be read.
    """
    with reading(published) as connection:
        return connection.execute(query).fetchall()


def _text(lines: Iterable[str]) -> str | None:
    """The first lines, and the number of the others; None without any lines."""
    all_lines = [*lines]
    more = [f"And {len(all_lines) - SHOWN} more."] if len(all_lines) > SHOWN else []
    return "\n".join([*all_lines[:SHOWN], *more]) or None
