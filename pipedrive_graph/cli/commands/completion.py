"""The option `--company`, with shell completion of the companies' names.

Click completes when the shell sets the variable `_PIPEDRIVE_GRAPH_COMPLETE`, see docs/operations.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from pipedrive_graph.errors import PipedriveGraphError


class _Company(click.types.StringParamType):
    """A company's name, completed from the settings."""

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,
        incomplete: str,
    ) -> list[CompletionItem]:
        from pipedrive_graph.config import (
            settings as settings_module,  # imported late: slow, and `--help` does not need it
        )

        try:
            companies = settings_module.load().companies
        except (PipedriveGraphError, OSError):
            return []  # no error is printed while somebody types; the command itself reports it
        return [CompletionItem(each.name) for each in companies if each.name.startswith(incomplete)]


COMPANY = _Company()
"""The type of every option `--company`."""


def companies_option(parameter: str, *, otherwise: str = "all in the settings") -> Callable[..., Any]:
    """Return the option `--company` of a command for several companies.

    Args:
        parameter: the command's parameter that gets the names.
        otherwise: which companies the command is about by default.
    """
    text = f"Only this company; repeatable; by default, {otherwise}."
    return click.option("--company", parameter, type=COMPANY, multiple=True, help=text)
