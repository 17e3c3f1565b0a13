"""`pipedrive-graph visibility`: checks the model of who can see what against Pipedrive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from pipedrive_graph.checkup import visibility
from pipedrive_graph.checkup.visibility import Comparison, Difference
from pipedrive_graph.cli import logs
from pipedrive_graph.cli.commands.completion import companies_option
from pipedrive_graph.cli.each_company import for_each, when_renewed
from pipedrive_graph.cli.runner import as_root_option, debug_option, say
from pipedrive_graph.collect.permitted import audiences, cost
from pipedrive_graph.common.text import counted, printable
from pipedrive_graph.config import settings as settings_module
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import BudgetError
from pipedrive_graph.landing import Landing

_SHOWN = 40
"""The most differences that are printed as text; `--json` has all."""


@click.group("visibility")
@debug_option
def command(*, debug: bool) -> None:
    """Check the model of who can see what against Pipedrive."""


@command.command("check")
@companies_option("names")
@click.option(
    "--sample",
    default=20,
    show_default=True,
    type=click.IntRange(1, 500),
    help="The number of deals; each costs 10 tokens.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per company, one line each.")
@as_root_option
@debug_option
def check_command(*, names: tuple[str, ...], sample: int, as_json: bool, debug: bool) -> int:
    """Ask Pipedrive who sees some deals, and compare that with the published file.

    Reads only; writes nothing but a renewed OAuth token. Precision is the share of the model's pairs of deal
    and user that Pipedrive confirms, recall the share of Pipedrive's pairs that the model has.
    """
    logs.quieten()
    settings = settings_module.load()
    return for_each(
        settings,
        names,
        lambda company: _compared(settings, company, sample),
        as_object=as_object if as_json else None,
        show=show,
    )


def _compared(settings: Settings, company: Company, sample: int) -> Comparison:
    def warn(text: str) -> None:
        say(f"Warning: {text}")

    visibility.check_collected(settings.published, company.name)
    say(
        f"{company.name}: asks Pipedrive about up to {counted(sample, 'deal')}, for at most {cost(sample):,}"
        " tokens of the day's budget."
    )
    landing = Landing(settings.storage).of(company.name)
    try:
        answered = asyncio.run(audiences(company, landing, sample, on_warning=warn))
    except BudgetError as error:
        raise BudgetError(
            f"Only the reserve of today's budget of company '{company.name}' is left for other integrations"
            f" (daily_reserve). Run the check again {when_renewed(error.continues_at)}",
            error.continues_at,
        ) from error
    return visibility.compare(settings.published, company.name, answered)


def as_object(comparison: Comparison) -> dict[str, Any]:
    """The object that `--json` prints."""
    counts = asdict(comparison)
    differences = counts.pop("differences")
    return {
        **counts,
        "precision": comparison.precision,
        "recall": comparison.recall,
        "differences": list(differences),
    }


def show(comparison: Comparison) -> None:
    """Print the comparison as text."""
    for line in lines(comparison):
        click.echo(printable(line))


def lines(comparison: Comparison) -> Iterator[str]:
    """Yield the comparison as lines of text."""
    if not comparison.deals:
        yield f"{comparison.company}: nothing to compare: no user of the published file owns a deal."
        return
    yield (
        f"{comparison.company}: {counted(comparison.deals, 'deal')} of {counted(comparison.owners, 'owner')}."
        f" Precision {_percent(comparison.precision)}, recall {_percent(comparison.recall)}."
    )
    yield (
        f"Pairs of deal and user: {comparison.expected:,} by the model, {comparison.actual:,} by Pipedrive,"
        f" {comparison.both:,} by both."
    )
    if comparison.unknown:
        yield f"For {counted(comparison.unknown, 'pair')} the model has no answer."
    if comparison.unknown_owners:
        yield (
            f"Left out: {counted(comparison.unknown_owners, 'deal')} of owners who are not in the published"
            " file."
        )
    for difference in comparison.differences[:_SHOWN]:
        yield f"  {_difference(difference)}"
    more = len(comparison.differences) - _SHOWN
    if more > 0:
        yield f"  and {counted(more, 'more difference')}; --json prints all."


def _difference(difference: Difference) -> str:
    own = (
        f" The deal's own visibility is {difference.visible_to}, the default of its owner's role"
        f" {difference.default}."
        if None not in (difference.visible_to, difference.default)
        and difference.visible_to != difference.default
        else ""
    )
    verb = "sees" if difference.sees else "does not see"
    return (
        f"{difference.user} {verb} deal {difference.deal_id} of {difference.owner}; the model says"
        f" {difference.reason}.{own}"
    )


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"
