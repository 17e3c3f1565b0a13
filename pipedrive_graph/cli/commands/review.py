"""`pipedrive-graph review`: opens an access review as a file, imports its decisions, shows its progress."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipedrive_graph.builder import configuration as config
from pipedrive_graph.cli import terminal
from pipedrive_graph.cli.commands.completion import COMPANY, companies_option
from pipedrive_graph.cli.decided import renew_reports
from pipedrive_graph.cli.runner import as_root_option, debug_option, parsed_day, say, user
from pipedrive_graph.common import clock
from pipedrive_graph.common.addresses import AddressError, read
from pipedrive_graph.common.text import counted, printable
from pipedrive_graph.config import settings as settings_module
from pipedrive_graph.config.role_owners import FILE
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.decisions import review_commands
from pipedrive_graph.errors import DecisionError
from pipedrive_graph.published import reviews
from pipedrive_graph.published.reviews import Progress, Review
from pipedrive_graph.reviews import columns, read_file
from pipedrive_graph.reviews.freeze import OpenReview
from pipedrive_graph.reviews.items import RECOMMENDATIONS

_FORMATS = (".xlsx", ".csv")


@click.group("review")
@debug_option
def command(*, debug: bool) -> None:
    """Run an access review, in which the owners of roles decide who keeps access: open, import, status."""


@command.command("open")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The file to write: .xlsx or .csv."
)
@click.option("--company", "name", type=COMPANY, help="The company to review; optional if there is only one.")
@click.option(
    "--due",
    metavar="DAY",
    help="The last day for decisions, such as 2027-03-31; by default, 30 days after the snapshot.",
)
@click.option("--name", "title", help="The review's name; by default, from company and day.")
@as_root_option
@debug_option
def open_command(*, out: Path, name: str | None, due: str | None, title: str | None, debug: bool) -> None:
    """Record who has access in the latest snapshot, and write a file for the reviewers' decisions.

    A workbook has one sheet per owner of roles (see reviews.toml in the docs); a CSV file has the column
    owner.
    """
    if out.suffix.lower() not in _FORMATS:
        raise click.BadParameter(f"it must end in {' or '.join(_FORMATS)}.", param_hint="'--out'")
    now, last = clock.now(), parsed_day(due, "--due") if due is not None else None
    if last and last < now.date():
        raise click.BadParameter(f"{last} is in the past.", param_hint="'--due'")
    configuration = config.load()
    settings = configuration.settings
    company = settings.company(name).name if name else _only(settings)
    opening = OpenReview(
        company,
        " ".join((title or "").split()) or None,
        last,
        now.replace(tzinfo=None),
        user(),
    )
    opened = review_commands.open_review(
        settings, configuration.models, settings.names, configuration.owners, opening, out, on_wait=say
    )
    population = opened.population
    counts = [
        (name, sum(item.recommendation == name for item in population.items)) for name in RECOMMENDATIONS
    ]
    recommended = ", ".join(f"{number:,} {name}" for name, number in counts if number)
    owners = population.by_owner()
    click.echo(f"Opened {opened.review_id}: {printable(population.name)}, due {population.due}.")
    click.echo(f"  {len(population.items):,} people have access; recommended: {recommended}.")
    click.echo(printable(f"  Written to {out}, {_reviewers(len(owners.keys() - {None}))}."))
    if None in owners:
        number = len(owners[None])
        verb = "has" if number == 1 else "have"
        say(
            f"Warning: {counted(number, 'row')} under {columns.UNOWNED} {verb} no reviewer; name owners "
            f"of roles, or a default, in {settings.folder / FILE}."
        )


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--by", metavar="E-MAIL", help="Who decided all rows; overrides the file.")
@as_root_option
@debug_option
def import_command(*, file: Path, by: str | None, debug: bool) -> None:
    """Import the decisions from FILE, the completed workbook or CSV file of a review.

    Rows that cannot be imported are listed with the reason; all others are imported. FILE may be imported
    again: equal decisions change nothing, and a changed decision replaces the earlier one.
    """
    try:
        by = read(by) if by is not None else None
    except AddressError as error:
        raise click.BadParameter(f"'{by}' {error}.", param_hint="'--by'") from error
    configuration = config.load()
    settings = configuration.settings
    rows = read_file.read(file)
    if all(row.is_blank for row in rows):
        raise DecisionError(f"{file} contains no decision; nothing was imported.")
    models = configuration.models
    taken = review_commands.import_review(
        settings, models, settings.names, rows, by=by, user=user(), on_wait=say
    )
    if any(taken.counts.values()):  # a decision may resolve a finding
        renew_reports(settings, taken.company)
    for sentence in taken.refused:
        say(f"Warning: {sentence}")
    if taken.others:
        say(
            f"Warning: {counted(taken.others, 'decision')} not signed by the owner of the row; "
            "the column decided_by of review_decisions has who did."
        )
    number = sum(taken.counts.values())
    if not number and not taken.same:
        raise DecisionError(f"No row of {file} can be used; nothing was imported.")
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in taken.counts.items() if count)
    summary = f"Imported: {counted(number, 'decision')}{f' ({kinds})' if kinds else ''}."
    if taken.same:
        summary += f" Unchanged: {taken.same:,}."
    if taken.refused:
        summary += f" Not imported: {counted(len(taken.refused), 'row')}."
    click.echo(f"{summary} Still open: {taken.open:,}.")


@command.command("status")
@companies_option("names", otherwise="all")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per review, one line each.")
@debug_option
def status_command(*, names: tuple[str, ...], as_json: bool, debug: bool) -> None:
    """Show the progress of each review, newest first: decided and open rows, by owner."""
    settings = settings_module.load()
    chosen = [company.name for company in settings.chosen(names)] if names else []
    shown = reviews.read(settings.published, chosen, clock.now().date())
    if as_json:
        for review in shown:
            click.echo(json.dumps(review.as_object()))
    elif not shown:
        click.echo("There are no reviews yet; `pipedrive-graph review open --out review.xlsx` opens one.")
    else:
        console = terminal.console()
        for number, review in enumerate(shown):
            if number:
                console.print()
            _show(console, review)


def _show(console: Console, review: Review) -> None:
    """Print the progress of one review as text."""
    whole = review.progress
    state = (
        ("overdue", "bold red") if review.overdue else ("open", "yellow") if whole.open else ("done", "green")
    )
    console.print(
        Text.assemble((printable(review.name), "bold"), f"  {review.review_id}  ", state), soft_wrap=True
    )
    share = 100 * (whole.population - whole.open) // max(1, whole.population)
    console.print(
        f"  {printable(review.company)}, opened {review.opened_at:%Y-%m-%d} by {printable(review.opened_by)},"
        f" due {review.due}; decided {whole.population - whole.open:,} of {whole.population:,} ({share} %)",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    table.add_column("")
    table.add_column("owner", overflow="fold")
    for column in ("people", "keep", "revoke", "change", "open"):
        table.add_column(column, justify="right")
    for owner, progress in review.owners.items():
        table.add_row("", Text(printable(owner or columns.UNOWNED)), *_numbers(progress))
    console.print(table)


def _numbers(progress: Progress) -> list[str]:
    numbers = (progress.population, progress.keep, progress.revoke, progress.change, progress.open)
    return [f"{number:,}" for number in numbers]


def _only(settings: Settings) -> str:
    if len(settings.companies) > 1:
        names = ", ".join(company.name for company in settings.companies)
        raise click.UsageError(f"Choose the company to review with --company: {names}.")
    return settings.companies[0].name


def _reviewers(number: int) -> str:
    return f"for {counted(number, 'reviewer')}" if number else "but no reviewer is named"
