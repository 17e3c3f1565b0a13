"""Runs a command: prints errors as one sentence, maps them to exit codes, and defines shared options."""

from __future__ import annotations

import getpass
import io
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from pipedrive_graph.cli import logs, suggestions
from pipedrive_graph.cli.logs import say
from pipedrive_graph.common import clock, denials, pasted
from pipedrive_graph.common.text import is_text, printable
from pipedrive_graph.errors import UNDELIVERED, ConfigurationError, PipedriveGraphError

__all__ = [
    "DEBUG",
    "WORST_FIRST",
    "debug_option",
    "exit_code",
    "failure",
    "parsed_day",
    "print_error",
    "run",
    "say",
    "sentence",
    "user",
    "worst",
]

DEBUG = logs.DEBUG_OPTION

AS_ROOT = "--as-root"

WORST_FIRST = (1, 2, 3, 4, UNDELIVERED, 5, 0)
"""The exit codes, worst first: with several companies, the worst counts."""

_FORMAT = click.option(
    logs.FORMAT_OPTION,
    type=click.Choice(logs.FORMATS),
    expose_value=False,
    help="How messages are written to stderr: as text, or as one JSON object per line.",
)
_LEVEL = click.option(
    logs.LEVEL_OPTION,
    type=click.Choice(logs.LEVELS),
    expose_value=False,
    help="The lowest level of messages to write; by default, info.",
)
_DEBUG = click.option(DEBUG, is_flag=True, help="Show tracebacks, and the steps of this program.")


def debug_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options about messages, which every command has.

    The command only gets `debug`. `run` reads all of them itself, because errors can occur before and after
    the command.
    """
    return _FORMAT(_LEVEL(_DEBUG(function)))


_AS_ROOT_HELP = (
    "As root, continue in a home folder that another user owns; new files there will belong to that user."
)


def write_as(as_root: bool, home: Path | None = None) -> None:
    """Refuse root in another user's home folder; with `--as-root`, give new files to that user at the end.

    Args:
        as_root: whether the option is given.
        home: the home folder; by default, that of the settings.

    Raises:
        ConfigurationError: if root is refused; names the owner.
    """
    from pipedrive_graph.config import ownership, settings  # imported late: slow

    if os.geteuid() != 0:
        return
    home = home or settings.home()
    if not as_root:
        ownership.refuse_root(home)
    elif ownership.foreign(home) is not None:
        before = ownership.seen(home)
        click.get_current_context().find_root().call_on_close(lambda: ownership.hand_over(home, before))


def _write_as(context: click.Context, _: click.Parameter, as_root: bool) -> None:
    if not context.resilient_parsing:
        write_as(as_root)


as_root_option = click.option(
    AS_ROOT, is_flag=True, expose_value=False, callback=_write_as, help=_AS_ROOT_HELP
)
"""For every command that writes to the home folder: root is refused before the command begins."""

as_root_value = click.option(AS_ROOT, "as_root", is_flag=True, help=_AS_ROOT_HELP)
"""For a command that writes only sometimes: it calls `write_as` before it does."""


def run(command: click.Command, arguments: Sequence[str]) -> int:
    """Run a command and return the exit code.

    Every error is one sentence on stderr.
    """
    try:
        logs.configure(arguments, _named(command, arguments))
    except ConfigurationError as error:
        print_error(error)
        return error.exit_code
    if not all(is_text(argument) for argument in arguments):
        say(
            "An argument is not UTF-8 text; set the terminal to UTF-8 and try again.",
            logging.ERROR,
            exit_code=ConfigurationError.exit_code,
        )
        return ConfigurationError.exit_code
    try:
        result = command.main(list(arguments), prog_name="pipedrive-graph", standalone_mode=False)
    except click.ClickException as error:
        _print_usage(error)
        return error.exit_code
    except PipedriveGraphError as error:
        print_error(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        # click wraps the exception of the command
        say(f"Interrupted. {error.__cause__ or ''}".strip(), logging.ERROR, exit_code=1)
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort: users see no traceback
        from pipedrive_graph.warehouse.database import is_interrupt  # imported late: slow

        if is_interrupt(error):
            say("Interrupted.", logging.ERROR, exit_code=1)
        else:
            print_error(error)
        return 1
    return result if isinstance(result, int) else 0


def _named(group: click.Command, arguments: Sequence[str]) -> str | None:
    """The command in the arguments, such as `review import`; ends at the first word that is not a command."""
    names: list[str] = []
    for argument in arguments:
        if not isinstance(group, click.Group) or not is_text(argument):
            break
        context = click.Context(group, resilient_parsing=True)
        if argument not in group.list_commands(context):
            break
        names.append(argument)
        group = group.get_command(context, argument) or group
    return " ".join(names) or None


def _print_usage(error: click.ClickException) -> None:
    """Print a usage error: Click's text, or a JSON object with its sentence."""
    error = suggestions.unknown_option(error) if isinstance(error, click.NoSuchOption) else error
    if logs.is_json():
        say(pasted.shown(error.format_message()), logging.ERROR, exit_code=error.exit_code)
        return
    usage = io.StringIO()
    error.show(usage)
    lines = pasted.shown(usage.getvalue()).split("\n")
    click.echo("\n".join(map(printable, lines)), err=True, nl=False)


def print_error(error: BaseException, *, of: str | None = None) -> None:
    """Print an error in one sentence; see `sentence`.

    Args:
        error: the exception.
        of: the company that the error concerns, if there are several.
    """
    say(sentence(error, of), logging.ERROR, error, exit_code=exit_code(error))


def exit_code(error: BaseException) -> int:
    """The exit code of a process that ends with this error."""
    return error.exit_code if isinstance(error, PipedriveGraphError) else 1


def sentence(error: BaseException, of: str | None = None) -> str:
    """An error in one sentence, prefixed with the company `of` unless the sentence names it.

    Our own errors are sentences; of any other error, the first line is used.
    """
    text = _sentence(error)
    return text if of is None or f"'{of}'" in text else f"{of}: {text}"


def _sentence(error: BaseException) -> str:
    if isinstance(error, PipedriveGraphError):
        return str(error)
    if forbidden := denials.forbidden(None, error):
        return str(forbidden)
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"Unexpected error: {first} (run again with {DEBUG} to see where)."


def worst(codes: Iterable[int]) -> int:
    """Return the exit code of a command from those of its parts; 0 without any."""
    return min(codes, key=WORST_FIRST.index, default=0)


def failure(company: str | None, code: int, error: str, *, at: datetime | None = None) -> dict[str, Any]:
    """The `--json` object of a run that failed or could not start."""
    return {"company": company, "at": clock.iso(at or clock.now()), "exit_code": code, "error": error}


def parsed_day(text: str, option: str) -> date:
    """Parse the value of an option as a day.

    Raises:
        ConfigurationError: if it is not a day.
    """
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day, no time
    except ValueError as error:
        raise ConfigurationError(
            f"{option} '{pasted.shown(text)}' is not a day; write it as 2026-11-01."
        ) from error


def user() -> str:
    """The system's name of the user who runs this command."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # in a container, the user id may have no name
        return "unknown"
