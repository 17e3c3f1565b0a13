"""`pipedrive-graph forget`: permanently deletes old data, a person or a company."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, time

import click

from pipedrive_graph.builder import configuration as config
from pipedrive_graph.cli.commands.completion import COMPANY
from pipedrive_graph.cli.runner import as_root_option, debug_option, parsed_day, say
from pipedrive_graph.common import clock, environment
from pipedrive_graph.common.text import counted, printable
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.forget import run, stage
from pipedrive_graph.forget.age import Older
from pipedrive_graph.forget.change import Forgetting, Item, Runs
from pipedrive_graph.forget.company import WholeCompany, with_data
from pipedrive_graph.forget.missing import Missing
from pipedrive_graph.forget.person import checked
from pipedrive_graph.forget.run import Done
from pipedrive_graph.landing import Landing

LEFT = 4
"""The exit code if something is left that a person has to change."""


@click.command("forget")
@click.option("--before", metavar="DATE", help="Delete data from before this day (UTC), such as 2026-01-31.")
@click.option("--person", metavar="WHO", help="Delete a person: an e-mail address, or an id with --company.")
@click.option("--missing", is_flag=True, help="Accept that snapshots were removed by hand; the rest is kept.")
@click.option("--finish", is_flag=True, help="Only finish, or undo, a forget that was interrupted.")
@click.option(
    "--company",
    "names",
    type=COMPANY,
    multiple=True,
    metavar="NAME",
    help="All of this company, if the settings no longer name it; with another option, of this company only"
    " (repeatable).",
)
@click.option("--reason", metavar="TEXT", help="Why; it is kept for good, so do not name anybody.")
@click.option("--yes", is_flag=True, help="Delete; without it, only what would be deleted is printed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per item, one line each.")
@as_root_option
@debug_option
def command(
    *,
    before: str | None,
    person: str | None,
    missing: bool,
    finish: bool,
    names: tuple[str, ...],
    reason: str | None,
    yes: bool,
    as_json: bool,
    debug: bool,
) -> int:
    """Delete data for good, and rebuild everything else without it.

    Without --yes, nothing is changed: the command prints what it would delete. Exit code 4 means that
    something is left that you have to change yourself; each such place is printed.
    """
    configuration = config.load()
    settings = configuration.settings
    if finish:
        if before or person or missing or names or yes or reason:
            raise ConfigurationError("--finish takes no other option: it only ends an interrupted forget.")
        say(stage.resume(settings, on_wait=say) or "No forget was interrupted.")
        return 0
    forgetting = _chosen(settings, before=before, person=person, missing=missing, names=names)
    if not yes:
        items = run.plan(settings, forgetting)
        _show(items, as_json=as_json)
        if _forget_runs(forgetting.runs, dry_run=True) or any(
            item.action in {"remove", "rewrite"} for item in items
        ):
            say("Nothing was changed. Run it again with --yes and --reason to delete this for good.")
        else:
            say("There is nothing to delete.")
        return 0
    if not reason:
        raise ConfigurationError("--yes needs --reason: it records why the data was deleted.")
    done = run.carry_out(
        settings,
        configuration.models,
        configuration.policies,
        forgetting,
        reason=reason.strip(),
        on_wait=say,
    )
    for sentence in [*filter(None, [done.earlier]), *done.broken]:
        say(sentence)
    _show(done.items, as_json=as_json)
    return _end(done, _forget_runs(forgetting.runs, dry_run=False))


def _chosen(
    settings: Settings, *, before: str | None, person: str | None, missing: bool, names: Sequence[str]
) -> Forgetting:
    """What to delete, by the options.

    Raises:
        ConfigurationError: if no option says what to delete, or more than one does.
    """
    kinds = sum((before is not None, person is not None, missing))
    if kinds > 1 or (not kinds and not names):
        raise ConfigurationError(
            "Choose what to delete: one of --before DATE, --person WHO, --company NAME and --missing."
        )
    if not kinds:
        if len(names) > 1:
            raise ConfigurationError("Only one company at a time can be deleted.")
        return WholeCompany(_known(names, with_data(settings)), settings.names, settings.rosters)
    companies = _companies(settings, names)
    if missing:
        return Missing(companies)
    if person is not None:
        return checked(person, companies, all_companies=not names, rosters=settings.rosters)
    moment = datetime.combine(parsed_day(str(before), "--before"), time(), UTC)
    if moment > clock.now():
        raise ConfigurationError(f"--before {before} is in the future.")
    return Older(companies, moment, all_companies=not names)


def _companies(settings: Settings, names: Sequence[str]) -> tuple[str, ...]:
    """The companies of these names; by default, all that have data.

    Raises:
        ConfigurationError: if a company has no data.
    """
    stored = Landing(settings.storage).companies()
    return _known(names, stored) or tuple(stored)


def _known(names: Sequence[str], stored: Sequence[str]) -> tuple[str, ...]:
    """The names without duplicates, if all of them have data."""
    for name in names:
        if name not in stored:
            known = ", ".join(stored) or "none"
            raise ConfigurationError(f"There is no data of a company '{printable(name)}'; there is: {known}.")
    return tuple(dict.fromkeys(names))


def _show(items: Sequence[Item], *, as_json: bool) -> None:
    for item in items:
        if as_json:
            click.echo(json.dumps(item.as_json()))
        else:
            click.echo(printable(f"{item.action:<8} {item.kind:<16} {item.path}: {item.text}"))


def _forget_runs(runs: Runs, *, dry_run: bool) -> int:
    """Delete Dagster's own records of these runs, and return their number.

    Raises:
        PipedriveGraphError: if they cannot be deleted; running the command again continues.
    """
    if runs == Runs() or not environment.value(environment.DAGSTER_HOME):
        return 0
    from pipedrive_graph.orchestration import retention  # imported late: slow

    removed = retention.forget(
        company=runs.company, before=runs.before, texts=runs.texts, on_wait=say, dry_run=dry_run
    )
    if removed is None:
        return 0
    if removed.runs:
        text = counted(removed.runs, "run of Dagster", "runs of Dagster")
        say(f"{text} in DAGSTER_HOME would be deleted." if dry_run else f"Deleted {text} in DAGSTER_HOME.")
    if removed.left:
        text = counted(removed.left, "run of Dagster", "runs of Dagster")
        say(f"{text} has not ended and stays: run forget again after it has ended.")
    return removed.runs


def _end(done: Done, runs: int) -> int:
    """Print what was done, and return the exit code."""
    removed = sum(item.action == "remove" for item in done.items)
    rewritten = sum(item.action == "rewrite" for item in done.items)
    left = [item for item in done.items if item.action == "edit"]
    if not removed + rewritten + runs:
        say("There is nothing to delete.")
    elif removed + rewritten:
        say(f"Removed {counted(removed, 'item')} for good, and rewrote {rewritten}.")
    if left:
        say(f"{counted(len(left), 'place')} is left for you to change, as printed above.")
    return LEFT if left else 0
