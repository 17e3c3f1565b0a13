"""What all commands share: how an error reaches the user, and with which exit code the process ends."""

from __future__ import annotations

import getpass
import io
import sys
import traceback
from collections.abc import Sequence
from datetime import date, datetime

import click

from pipedrive_graph import pasted
from pipedrive_graph.cli import suggestions
from pipedrive_graph.errors import UNDELIVERED, ConfigurationError, PipedriveGraphError
from pipedrive_graph.text import is_text, printable

DEBUG = "--debug"

WORST_FIRST = (1, 2, 3, 4, UNDELIVERED, 5, 0)
"""Exit codes: of several companies, the worst counts."""

debug_option = click.option(DEBUG, is_flag=True, help="Show tracebacks, and what libraries log.")
"""Every command has it; `run` looks for it itself, because errors come up after the command."""


def run(command: click.Command, arguments: Sequence[str]) -> int:
    """Run a command and return the exit code.

    Every error is one sentence on stderr. An unexpected one says where to report it.
    """
    debug = DEBUG in arguments
    if not all(is_text(argument) for argument in arguments):
        say("An argument is not UTF-8 text; set the terminal to UTF-8 and try again.")
        return ConfigurationError.exit_code
    try:
        result = command.main(list(arguments), prog_name="pipedrive-graph", standalone_mode=False)
    except click.ClickException as error:
        usage = io.StringIO()
        (suggestions.unknown_option(error) if isinstance(error, click.NoSuchOption) else error).show(usage)
        lines = pasted.shown(usage.getvalue()).split("\n")
        click.echo("\n".join(map(printable, lines)), err=True, nl=False)
        return error.exit_code
    except PipedriveGraphError as error:
        tell_error(error, debug=debug)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        say(f"Interrupted. {error.__cause__ or ''}".strip())  # click wraps what the command raised
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback at a user
        from pipedrive_graph.warehouse.database import is_interrupt  # takes a while: `--help` answers at once

        if is_interrupt(error):
            say("Interrupted.")
        else:
            tell_error(error, debug=debug)
        return 1
    return result if isinstance(result, int) else 0


def tell_error(error: BaseException, *, debug: bool, of: str | None = None) -> None:
    """Say what went wrong: our own errors are sentences; of others, the first line must do.

    Args:
        error: what was raised.
        debug: whether to show the traceback.
        of: the company that it happened to, where there are several.
    """
    if debug:
        traceback.print_exception(error)
    say(sentence(error, of))


def sentence(error: BaseException, of: str | None = None) -> str:
    """An error in one sentence; with the company `of` in front, unless the sentence names it."""
    told = _sentence(error)
    return told if of is None or f"'{of}'" in told else f"{of}: {told}"


def _sentence(error: BaseException) -> str:
    if isinstance(error, PipedriveGraphError):
        return str(error)
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"Unexpected error: {first} (run again with {DEBUG} for where it happened)."


def say(text: str) -> None:
    """Write a line to stderr, where it does not get into what other programs read."""
    print("\n".join(map(printable, text.split("\n"))), file=sys.stderr, flush=True)  # noqa: T201 - this is the command line


def parsed_day(text: str, option: str) -> date:
    """The day that an option names.

    Raises:
        ConfigurationError: if it is none.
    """
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day, no time
    except ValueError as error:
        raise ConfigurationError(
            f"{option} '{pasted.shown(text)}' is no day; write it as 2026-11-01."
        ) from error


def user() -> str:
    """Who runs this command, as the system knows them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run as an id that has no name
        return "unknown"
