"""`pipedrive-graph plan`: estimates the cost of each way to collect, before anything is collected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipedrive_graph.cli import logs, terminal
from pipedrive_graph.cli.commands.completion import companies_option
from pipedrive_graph.cli.each_company import for_each, when_renewed
from pipedrive_graph.cli.runner import as_root_option, debug_option, say
from pipedrive_graph.collect.estimate.estimate import Days, Outlook, estimate_cost
from pipedrive_graph.collect.estimate.forecast import Range
from pipedrive_graph.collect.visibility import tokens_of_rotation, tokens_per_night
from pipedrive_graph.common.text import printable
from pipedrive_graph.config import settings as settings_module
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import BudgetError
from pipedrive_graph.landing import Landing


@click.command("plan")
@companies_option("names")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per company, one line each.")
@as_root_option
@debug_option
def command(*, names: tuple[str, ...], as_json: bool, debug: bool) -> int:
    """Estimate how many requests, tokens and seconds each way to collect takes.

    Requests only the lists of users, roles and permission sets. If Pipedrive pages a list, each page of 500
    is one request, as in a real collection. Writes nothing but a renewed OAuth token.
    """
    logs.quieten()
    settings, console = settings_module.load(), terminal.console()
    return for_each(
        settings,
        names,
        lambda company: asyncio.run(_survey(settings, company)),
        as_object=as_object if as_json else None,
        show=lambda outlook: show(console, outlook),
    )


async def _survey(settings: Settings, company: Company) -> Outlook:
    def warn(text: str) -> None:
        say(f"Warning: {text}")

    try:
        return await estimate_cost(company, Landing(settings.storage).of(company.name), on_warning=warn)
    except BudgetError as error:
        raise BudgetError(
            f"Today's budget of company '{company.name}' is used up, except for the reserve for other"
            " integrations (daily_reserve), so not even its lists can be read. Run plan again"
            f" {when_renewed(error.continues_at)}",
            error.continues_at,
        ) from error


def as_object(outlook: Outlook) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "company": outlook.company,
        "users": outlook.users,
        "roles": outlook.roles,
        "permission_sets": outlook.permission_sets,
        "limit": outlook.pace.limit,
        "limit_told": outlook.pace.limit_told,
        "own": outlook.pace.own,
        "window": outlook.pace.window,
        "latency": round(outlook.pace.latency, 4),
        "budget": asdict(outlook.budget) if outlook.budget else None,
        "collect": outlook.collect,
        "recommended": outlook.recommended.collect,
        "visibility": _visibility(outlook),
        "plans": [
            {
                "collect": way.collect,
                "requests": asdict(way.forecast.requests),
                "tokens": asdict(way.forecast.tokens),
                "seconds": {
                    "least": round(way.forecast.seconds.least, 2),
                    "most": round(way.forecast.seconds.most, 2),
                },
                "nights": {"least": way.days[0], "most": way.days[1]} if way.days else None,
                "resumes": way.resumes,
            }
            for way in outlook.ways
        ],
    }


def _visibility(outlook: Outlook) -> dict[str, Any]:
    """Whether the plans include who can see what, and its tokens; null if the roles are not listed."""
    roles = outlook.roles
    return {
        "included": outlook.visibility,
        "tokens_per_night": None if roles is None else tokens_per_night(roles),
        "tokens_of_rotation": None if roles is None else tokens_of_rotation(roles),
    }


def show(console: Console, outlook: Outlook) -> None:
    """Print the estimate for a company as text."""
    counts = [f"{outlook.users:,} users"]
    counts += [f"{outlook.roles:,} roles"] if outlook.roles is not None else []
    counts += [f"{outlook.permission_sets:,} permission sets"] if outlook.permission_sets is not None else []
    console.print(
        Text.assemble((outlook.company, "bold"), f"  {printable(outlook.called)}: {', '.join(counts)}")
    )
    _line(console, _limits(outlook))
    console.print()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    table.add_column("collect", no_wrap=True)
    table.add_column("requests", justify="right")
    table.add_column("tokens", justify="right")
    table.add_column("collecting takes", justify="right")
    if outlook.budget:
        table.add_column("nights", justify="right")
    for way in outlook.ways:
        forecast = way.forecast
        row = [
            "",
            str(way.collect),
            span(forecast.requests, "{:,}".format),
            span(forecast.tokens, "{:,}".format),
            span(forecast.seconds, duration),
        ]
        table.add_row(*row, *([_nights(way.days)] if way.days else []))
    console.print(table)
    console.print()
    for note in _notes(outlook):
        _line(console, note)


def _line(console: Console, text: str) -> None:
    console.print(Padding(Text(text), (0, 0, 0, 2), expand=False))


def span(numbers: Range[Any], write: Callable[[Any], str]) -> str:
    """Return a range as text: one number if both ends look the same."""
    least, most = write(numbers.least), write(numbers.most)
    return least if least == most else f"{least} to {most}"


def duration(seconds: float) -> str:
    """Return a number of seconds as readable text, such as `2 min 5 s`."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _nights(days: Days) -> str:
    """Return the number of nights that a collection takes, as text."""
    ends = ["never" if end is None else f"{end:,}" for end in days]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _limits(outlook: Outlook) -> str:
    pace = outlook.pace
    latency = f"a response takes {pace.latency:.2f} s"
    if not pace.limit_told:
        return (
            f"Pipedrive does not state its rate limit; it is measured, starting at {pace.limit}; {latency}."
        )
    others = ""
    if pace.own < pace.limit:
        others = f"; {pace.own} of them remain beside other users of the token"
    return f"{pace.limit} requests per {pace.window:g} s{others}; {latency}."


def _notes(outlook: Outlook) -> list[str]:
    """Return the notes below the table."""
    budget, best = outlook.budget, outlook.recommended
    notes = []
    if budget:
        left = f"{budget.remaining:,} of {budget.total:,} {budget.unit}"
        notes.append(f"Left today: {left}; kept for other integrations: {budget.reserve:,}.")
    if any(way.days not in (None, (1, 1)) for way in outlook.ways):
        notes.append("A night that reaches the daily reserve ends with exit code 5; the next one continues.")
    notes += [
        f"{way.collect} continues the unfinished snapshot {way.resumes}."
        for way in outlook.ways
        if way.resumes
    ]
    if outlook.visibility and outlook.roles is not None:
        notes.append(
            f"Included: who can see what, {tokens_per_night(outlook.roles):,} tokens a night and"
            f" {tokens_of_rotation(outlook.roles):,} on average for the pipelines of roles, each once a week."
        )
    if best.collect == outlook.collect:
        return [*notes, f"sync collects {best.collect}, as recommended."]
    return [*notes, f"sync is set to collect {outlook.collect}; {best.collect} is recommended."]
