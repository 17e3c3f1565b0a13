"""Refuses options that are repeated, empty or unknown, for all commands in one place.

Click accepts an empty value, and takes the last of two values. `--company ""`, which a cron line with an
unset variable passes, would then mean every company.
"""

from __future__ import annotations

from collections import Counter

import click

from pipedrive_graph.cli import suggestions
from pipedrive_graph.errors import ConfigurationError


def check(command: click.Command, name: str, arguments: list[str], parent: click.Context) -> None:
    """Check the arguments of a command; for a group, also those of its subcommand.

    Raises:
        ConfigurationError: if an option that takes one value is given twice, or a value is blank.
        click.UsageError: if the command does not have such an argument; suggests a similar name.
    """
    context = click.Context(command, info_name=name, parent=parent)
    values, rest, order = command.make_parser(context).parse_args(list(arguments))
    counts = Counter(parameter.name for parameter in order if not _may_repeat(parameter))
    for parameter in command.get_params(context):
        if counts[parameter.name] > 1:
            same = [other for other in command.get_params(context) if other.name == parameter.name]
            options = " or ".join(_called(other, context) for other in same)
            raise ConfigurationError(f"{options} can be given only once.")
        if _is_blank(values.get(parameter.name or "")):
            raise ConfigurationError(
                f"{_called(parameter, context)} is empty. Is the variable that should fill it set?"
            )
        suggestions.check_choices(parameter, values.get(parameter.name or ""), context)
    if isinstance(command, click.Group) and rest:
        below = command.get_command(context, rest[0])
        if below is None:
            raise suggestions.unknown_command(rest[0], command.list_commands(context), context)
        check(below, rest[0], rest[1:], context)


def _may_repeat(parameter: click.Parameter) -> bool:
    return parameter.multiple or parameter.nargs == -1 or parameter.is_eager


def _is_blank(value: object) -> bool:
    """Whether a value, or one of several, is an empty text."""
    if isinstance(value, list | tuple):
        return any(map(_is_blank, value))
    return isinstance(value, str) and not value.strip()


def _called(parameter: click.Parameter, context: click.Context) -> str:
    """Return the option's longest flag, or the argument's name in the help."""
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.make_metavar(context).strip("[]")
