"""Plans a `forget` and carries it out: select, stage, rebuild, put in place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from pipedrive_graph.backups.needs import FILES_OF_SETTINGS
from pipedrive_graph.builder import build
from pipedrive_graph.common import clock
from pipedrive_graph.config.home import Home
from pipedrive_graph.config.policy import Policies
from pipedrive_graph.decisions import losses
from pipedrive_graph.errors import ConfigurationError, LossError, PipedriveGraphError
from pipedrive_graph.exports import written
from pipedrive_graph.forget import alerting, seal
from pipedrive_graph.forget.change import Change, Forgetting, Item
from pipedrive_graph.forget.stage import OnWait, Stage, locked, quiet, settle
from pipedrive_graph.landing import Landing
from pipedrive_graph.landing.tombstones import Tombstone
from pipedrive_graph.reports.access.report import write_access_report
from pipedrive_graph.reports.access.source import companies as published_companies
from pipedrive_graph.reports.findings_csv import write_findings
from pipedrive_graph.warehouse.sql_project import Models


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a `forget`.

    Attributes:
        items: what was removed, rewritten or left.
        broken: one sentence per rule that could not be run.
        earlier: a sentence about an interrupted `forget` that was finished or undone first.
    """

    items: list[Item] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    earlier: str | None = None


def plan(home: Home, forgetting: Forgetting) -> list[Item]:
    """List what a `forget` would remove, rewrite or leave, without changing anything.

    Raises:
        PipedriveGraphError: if it would be refused.
    """
    changes = _changes(home, forgetting)
    return _items(home, forgetting, changes)


def carry_out(
    home: Home,
    models: Models,
    policies: Policies,
    forgetting: Forgetting,
    *,
    reason: str,
    on_wait: OnWait,
) -> Done:
    """Delete the selected data, and rebuild everything else without it.

    Args:
        home: the home folder.
        models: the files of sql/ and the custom rules.
        policies: the policies of findings.toml.
        forgetting: selects what to delete.
        reason: the reason, for the tombstone.
        on_wait: called once when another process holds a lock.

    Raises:
        BusyError: if a company is being collected, or another process holds a lock for too long.
        LandingError: if something is damaged or cannot be written; nothing has changed unless the staged
            files were already being put in place.
        PipedriveGraphError: if the selected data may not be deleted.
    """
    with locked(home.folder, on_wait=on_wait) as stage:
        earlier = settle(home, stage, on_wait=on_wait)
        with quiet(home, forgetting.companies, on_wait=on_wait):
            _refuse_losses(home, forgetting)
            choices = _changes(home, forgetting)
            changes = [change for change in choices if change.counts]
            if forgetting.names(reason):
                raise ConfigurationError(
                    "--reason names the person, but is kept for good: write it without the name."
                )
            items = _items(home, forgetting, choices)
            if not any(item.action in {"remove", "rewrite"} for item in items):
                return Done(items, earlier=earlier)
            with _prepared(stage):
                broken = _prepare(home, models, policies, stage, forgetting, changes, reason, on_wait)
                stage.commit([change.company for change in changes], _paths(home, stage, changes, forgetting))
                forgetting.check(home)
    return Done(items, broken, earlier)


@contextmanager
def _prepared(stage: Stage) -> Iterator[None]:
    """Create the staging folder; on an error, remove it unless its content is being put in place."""
    try:
        stage.prepare()
        yield
    except BaseException:
        with suppress(OSError, PipedriveGraphError):
            if stage.intent() is None:
                stage.clear()
        raise


def _changes(home: Home, forgetting: Forgetting) -> list[Change]:
    return [forgetting.change(home, company) for company in forgetting.companies]


def _items(home: Home, forgetting: Forgetting, choices: list[Change]) -> list[Item]:
    """All items: those of the companies, and files that are rebuilt or removed for all of them."""
    items = [item for change in choices for item in change.items]
    changes = [change for change in choices if change.counts]
    if changes:
        items += [
            Item(None, "remove", "export", f"exports/{path.name}", "contains published data; export it again")
            for path in sorted((home.folder / "exports").glob("*"))
        ]
        items += [
            Item(
                None,
                "keep",
                "export",
                str(path),
                "contains published data; export it again or remove it",
            )
            for path in written.elsewhere(home.folder)
        ]
        items += [
            Item(change.company, "rewrite", "report", f"reports/{change.company}", "written again")
            for change in changes
            if (home.reports / change.company).exists() and not change.whole
        ]
        items += [
            Item(None, "rewrite", "database", path.name, "rebuilt from what is left")
            for path in (home.warehouse, home.published)
            if path.exists()
        ]
    return [*items, *forgetting.others(home)]


def _refuse_losses(home: Home, forgetting: Forgetting) -> None:
    """Refuse if data is already missing: after a `forget`, that would look intended.

    Raises:
        LandingError: if a journal is damaged.
        LossError: if data is missing; names it.
    """
    if forgetting.kind == "missing":
        return
    gone = forgetting.companies if forgetting.kind == "company" else ()
    try:
        losses.refuse_to_rebuild(home, without=gone)
    except LossError as error:
        raise LossError(
            f"Nothing was removed: {error} If snapshots were removed on purpose, run `pipedrive-graph forget"
            " --missing` first."
        ) from error


def _prepare(
    home: Home,
    models: Models,
    policies: Policies,
    stage: Stage,
    forgetting: Forgetting,
    changes: list[Change],
    reason: str,
    on_wait: OnWait,
) -> list[str]:
    """Fill the staging folder, and return one sentence per rule that could not be run."""
    staged = stage.staged(home)
    tombstone = Tombstone(at=clock.now(), kind=forgetting.kind, reason=reason)
    for change in changes:
        if change.whole:
            seal.note_company(home, staged, change, tombstone)
        else:
            seal.seal(home, staged, change, tombstone)
    changed = {change.company for change in changes}
    others = [name for name in Landing(home.storage).companies() if name not in changed]
    rules = policies.rules
    own = [rules.relative_to(home.folder).as_posix()] if rules.is_relative_to(home.folder) else []
    stage.link([*FILES_OF_SETTINGS, *own])
    stage.link(f"landing/{name}" for name in others)
    stage.link(f"journal/{name}" for other in others for name in seal.names(other))
    landing = Landing(staged.storage)
    if not any(landing.of(name).digests() for name in landing.companies()):
        return []  # no snapshot is left to build a warehouse from
    built = build.rebuild(staged, models, policies, on_wait=on_wait)
    shown = published_companies(staged.published)
    for change in changes:
        if change.company in shown:
            write_findings(staged, change.company)
            write_access_report(staged, change.company)
        if not change.whole:
            alerting.carry_over(home, staged, change, forgetting.names)
    return built.broken


def _paths(home: Home, stage: Stage, changes: list[Change], forgetting: Forgetting) -> list[str]:
    """The paths to put in place or remove, in order."""
    paths = []
    for change in changes:
        paths += [f"landing/{change.company}", *(f"journal/{name}" for name in seal.names(change.company))]
    for file in (home.warehouse.name, home.published.name):
        paths += [f"{file}.wal", file, f"{file}.tmp", f".{file}.tmp"]
    for change in changes:
        paths += [f"reports/{change.company}"]
        alerts = f"alerts/{change.company}.json"
        if change.whole or (stage.new / alerts).exists():
            paths.append(alerts)
    # custom rules may contain names of people
    paths.append(home.parsed_queries.relative_to(home.folder).as_posix())
    return [*paths, "exports", *forgetting.removed(home)]
