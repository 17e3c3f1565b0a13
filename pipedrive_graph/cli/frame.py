"""What all commands share: how an error reaches the user, and with which exit code the process ends."""

from __future__ import annotations

import getpass
import io
import os
import sys
import traceback
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import click

from pipedrive_graph import denials, pasted
from pipedrive_graph.errors import UNDELIVERED, ConfigurationError, PipedriveGraphError
from pipedrive_graph.text import is_text, printable

DEBUG = "--debug"

AS_ROOT = "--as-root"

WORST_FIRST = (1, 2, 3, 4, UNDELIVERED, 5, 0)
"""Exit codes: of several companies, the worst counts."""

debug_option = click.option(DEBUG, is_flag=True, help="Show tracebacks, and what libraries log.")
"""Every command has it; `run` looks for it itself, because errors come up after the command."""

_AS_ROOT_HELP = (
    "As root, go on in a home folder that another user owns; what is made there belongs to that user."
)


def write_as(as_root: bool, home: Path | None = None) -> None:
    """Refuse root in another user's home folder, or, with `--as-root`, hand over what it makes at the end.

    Args:
        as_root: whether the option is given.
        home: the home folder; by default, that of the settings.

    Raises:
        ConfigurationError: naming the owner.
    """
    from pipedrive_graph import ownership, settings  # take a while: `--help` answers at once

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
"""Every command has it that writes into the home folder: root is refused before it begins."""

as_root_value = click.option(AS_ROOT, "as_root", is_flag=True, help=_AS_ROOT_HELP)
"""The same for a command that writes sometimes: it calls `write_as` then."""


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
        error.show(usage)
        click.echo(pasted.shown(usage.getvalue()), err=True, nl=False)
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
    if forbidden := denials.forbidden(None, error):
        return str(forbidden)
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
