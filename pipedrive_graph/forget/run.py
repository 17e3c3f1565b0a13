"""Plans a `forget`, and carries it out: choose, prepare beside the home, make everything again, exchange."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from pipedrive_graph.backups.needs import FILES_OF_SETTINGS
from pipedrive_graph.builder import build
from pipedrive_graph.common import clock
from pipedrive_graph.config import policy
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.decisions import losses
from pipedrive_graph.errors import ConfigurationError, LossError, PipedriveGraphError
from pipedrive_graph.exports import written
from pipedrive_graph.forget import alerting, seal
from pipedrive_graph.forget.change import Change, Forgetting, Item
from pipedrive_graph.forget.stage import Stage, Wait, locked, quiet, settle
from pipedrive_graph.landing import Landing
from pipedrive_graph.landing.tombstones import Tombstone
from pipedrive_graph.reports.access.report import write_access_report
from pipedrive_graph.reports.access.source import companies as published_companies
from pipedrive_graph.reports.findings_csv import write_findings
from pipedrive_graph.warehouse.sql_project import Models


@dataclass(frozen=True, slots=True)
class Done:
    """What a `forget` has done.

    Attributes:
        items: what was removed, rewritten or left.
        broken: a sentence for each rule that could not be run.
        earlier: a sentence about a `forget` that was interrupted, and finished or undone first.
    """

    items: list[Item] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    earlier: str | None = None


def plan(settings: Settings, forgetting: Forgetting) -> list[Item]:
    """What a `forget` would remove, rewrite or leave; nothing is changed.

    Raises:
        PipedriveGraphError: if it would be refused.
    """
    changes = _changes(settings, forgetting)
    return _items(settings, forgetting, changes)


def carry_out(
    settings: Settings, models: Models, forgetting: Forgetting, *, reason: str, on_wait: Wait
) -> Done:
    """Remove what is chosen, and make everything else again without it.

    Args:
        settings: where everything lies.
        models: the files of sql/ and the installation's own rules.
        forgetting: how it is chosen what goes.
        reason: why, for the tombstone.
        on_wait: called once when another process holds a lock.

    Raises:
        BusyError: if a company is being collected, or another process writes for too long.
        LandingError: if something is damaged or cannot be written; before the exchange, nothing has changed.
        PipedriveGraphError: if what is chosen may not go.
    """
    with locked(settings.home, on_wait=on_wait) as stage:
        earlier = settle(settings, stage, on_wait=on_wait)
        with quiet(settings, forgetting.companies, on_wait=on_wait):
            _refuse_losses(settings, forgetting)
            choices = _changes(settings, forgetting)
            changes = [change for change in choices if change.counts]
            if forgetting.names(reason):
                raise ConfigurationError(
                    "--reason names the person; it is kept for good, so say it otherwise."
                )
            items = _items(settings, forgetting, choices)
            if not any(item.action in {"remove", "rewrite"} for item in items):
                return Done(items, earlier=earlier)
            with _prepared(stage):
                broken = _prepare(settings, models, stage, forgetting, changes, reason, on_wait)
                stage.commit(
                    [change.company for change in changes], _paths(settings, stage, changes, forgetting)
                )
                forgetting.check(settings)
    return Done(items, broken, earlier)


@contextmanager
def _prepared(stage: Stage) -> Iterator[None]:
    """Make a stage; where it is not put in place, remove it again."""
    try:
        stage.prepare()
        yield
    except BaseException:
        with suppress(OSError, PipedriveGraphError):
            if stage.intent() is None:
                stage.clear()
        raise


def _changes(settings: Settings, forgetting: Forgetting) -> list[Change]:
    return [forgetting.change(settings, company) for company in forgetting.companies]


def _items(settings: Settings, forgetting: Forgetting, choices: list[Change]) -> list[Item]:
    """All items of the companies, and of what is made again or removed for all of them."""
    items = [item for change in choices for item in change.items]
    changes = [change for change in choices if change.counts]
    if changes:
        items += [
            Item(
                None, "remove", "export", f"exports/{path.name}", "made from what is published; export again"
            )
            for path in sorted((settings.home / "exports").glob("*"))
        ]
        items += [
            Item(
                None,
                "keep",
                "export",
                str(path),
                "made from what was published; export it again or remove it",
            )
            for path in written.elsewhere(settings.home)
        ]
        items += [
            Item(change.company, "rewrite", "report", f"reports/{change.company}", "written again")
            for change in changes
            if (settings.reports / change.company).exists() and not change.whole
        ]
        items += [
            Item(None, "rewrite", "database", path.name, "made again from what is left")
            for path in (settings.warehouse, settings.published)
            if path.exists()
        ]
    return [*items, *forgetting.others(settings)]


def _refuse_losses(settings: Settings, forgetting: Forgetting) -> None:
    """Refuse where something is missing already: a `forget` would make that look as if it were meant.

    Raises:
        LandingError: if a journal is not whole.
        LossError: saying what is missing.
    """
    if forgetting.kind == "missing":
        return
    gone = forgetting.companies if forgetting.kind == "company" else ()
    try:
        losses.refuse_to_rebuild(settings, without=gone)
    except LossError as error:
        raise LossError(
            f"Nothing was removed: {error} If snapshots were removed on purpose, run `pipedrive-graph forget"
            " --missing` first."
        ) from error


def _prepare(
    settings: Settings,
    models: Models,
    stage: Stage,
    forgetting: Forgetting,
    changes: list[Change],
    reason: str,
    on_wait: Wait,
) -> list[str]:
    """Fill the stage; return a sentence for each rule that could not be run."""
    staged = stage.settings(settings)
    tombstone = Tombstone(at=clock.now(), kind=forgetting.kind, reason=reason)
    for change in changes:
        if change.whole:
            seal.note_company(settings, staged, change, tombstone)
        else:
            seal.seal(settings, staged, change, tombstone)
    changed = {change.company for change in changes}
    others = [name for name in Landing(settings.storage).companies() if name not in changed]
    policies = policy.load(settings)
    rules = policies.rules
    own = [rules.relative_to(settings.home).as_posix()] if rules.is_relative_to(settings.home) else []
    stage.link([*FILES_OF_SETTINGS, *own])
    stage.link(f"landing/{name}" for name in others)
    stage.link(f"journal/{name}" for other in others for name in seal.names(other))
    landing = Landing(staged.storage)
    if not any(landing.of(name).digests() for name in landing.companies()):
        return []  # nothing is left to make a warehouse from
    built = build.rebuild(staged, models, tell=on_wait, policies=policies)
    there = published_companies(staged.published)
    for change in changes:
        if change.company in there:
            write_findings(staged, change.company)
            write_access_report(staged, models, change.company)
        if not change.whole:
            alerting.carry_over(settings, staged, change, forgetting.names)
    return built.broken


def _paths(settings: Settings, stage: Stage, changes: list[Change], forgetting: Forgetting) -> list[str]:
    """What is put in place or removed, in the order in which that is done."""
    paths = []
    for change in changes:
        paths += [f"landing/{change.company}", *(f"journal/{name}" for name in seal.names(change.company))]
    for file in (settings.warehouse.name, settings.published.name):
        paths += [f"{file}.wal", file, f"{file}.tmp", f".{file}.tmp"]
    for change in changes:
        paths += [f"reports/{change.company}"]
        alerts = f"alerts/{change.company}.json"
        if change.whole or (stage.new / alerts).exists():
            paths.append(alerts)
    # the names in custom rules may be those of people
    paths.append(settings.parsed_queries.relative_to(settings.home).as_posix())
    return [*paths, "exports", *forgetting.removed(settings)]
