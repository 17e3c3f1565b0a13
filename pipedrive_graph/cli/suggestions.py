"""Errors about unknown commands, options and values, each with a suggestion of a similar name.

Click's own messages differ between versions, and Click has no names to suggest for a group that imports its
commands late.
"""

from __future__ import annotations

from collections.abc import Iterable

import click

from pipedrive_graph.common.pasted import shown
from pipedrive_graph.common.text import near, printable


def unknown_command(name: str, known: Iterable[str], context: click.Context) -> click.UsageError:
    """The error for a command that a group does not have."""
    return click.UsageError(f"No such command '{_quoted(name)}'{near(name, known)}", context)


def unknown_option(error: click.NoSuchOption) -> click.UsageError:
    """The error for an option that a command does not have, in place of Click's own."""
    known: list[str] = []
    if error.ctx is not None:
        for parameter in error.ctx.command.get_params(error.ctx):
            if isinstance(parameter, click.Option) and not parameter.hidden:
                known += [*parameter.opts, *parameter.secondary_opts]
    name = error.option_name
    return click.UsageError(f"No such option '{_quoted(name)}'{near(name, known)}", error.ctx)


def check_choices(parameter: click.Parameter, values: object, context: click.Context) -> None:
    """Refuse a value that is not one of a parameter's choices.

    Args:
        parameter: the parameter; checked only if its type is `click.Choice`.
        values: its value, or several; None if it is not given.
        context: the context of the command.

    Raises:
        click.BadParameter: if the value is not a choice; lists the choices and suggests a similar one.
    """
    if not isinstance(parameter.type, click.Choice):
        return
    known = list(map(str, parameter.type.choices))
    for value in values if isinstance(values, list | tuple) else [values]:
        if isinstance(value, str) and value not in known:
            choices = ", ".join(f"'{choice}'" for choice in known)
            raise click.BadParameter(
                f"'{_quoted(value)}' is not one of {choices}{near(value, known)}", context, parameter
            )


def _quoted(text: str) -> str:
    return shown(printable(text))
