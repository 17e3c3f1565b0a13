"""Completes names on the command line: the shell asks when somebody presses Tab.

Click answers it where the shell has set the variable `_PIPEDRIVE_GRAPH_COMPLETE`, see docs/operations.md.
"""

from __future__ import annotations

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
        from pipedrive_graph import settings as settings_module  # takes a while: `--help` answers at once

        try:
            companies = settings_module.load().companies
        except (PipedriveGraphError, OSError):
            return []  # nothing is printed below the line that somebody types; the command says what is wrong
        return [CompletionItem(each.name) for each in companies if each.name.startswith(incomplete)]


COMPANY = _Company()
"""The type of every option `--company`."""
