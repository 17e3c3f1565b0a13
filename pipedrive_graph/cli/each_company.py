"""Runs a command for one company after the other: an error of one company does not stop the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click

from pipedrive_graph.cli.runner import failure, print_error, sentence, worst
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import PipedriveGraphError

_Result = TypeVar("_Result")


def for_each(
    settings: Settings,
    names: Sequence[str],
    ask: Callable[[Company], _Result],
    *,
    as_object: Callable[[_Result], Mapping[str, Any]] | None,
    show: Callable[[_Result], None],
) -> int:
    """Print a result or an error for each company, and return the worst exit code.

    Args:
        settings: the settings.
        names: the companies to ask; empty for all.
        ask: returns the result of a company, or raises an error of this program.
        as_object: returns the object that `--json` prints; None prints text.
        show: prints a result as text.
    """
    codes = [0]
    for company in settings.chosen(names):
        try:
            result = ask(company)
        except PipedriveGraphError as error:
            codes.append(error.exit_code)
            of = settings.named(company.name)
            if as_object:
                click.echo(json.dumps(failure(company.name, error.exit_code, sentence(error, of))))
            print_error(error, of=of)
        else:
            if as_object:
                click.echo(json.dumps(as_object(result)))
            else:
                show(result)
    return worst(codes)


def when_renewed(moment: datetime) -> str:
    """Return when a command that used up the day's budget can be run again, as the end of a sentence."""
    return f"after {moment:%Y-%m-%d %H:%M} UTC, when the budget is probably renewed."
