"""Reads environment variables: the one place where their values are cleaned.

A file of variables that was written on Windows leaves a carriage return at the end of every value, and a
pasted value may have blanks around it. Neither belongs to any setting.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping

from pipedrive_graph.errors import ConfigurationError

_INHERITED = frozenset(
    {
        "BROWSER", "COLUMNS", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "HOME", "LANG", "LANGUAGE", "LINES",
        "LOGNAME", "NO_COLOR", "PATH", "PYTHONPATH", "PYTHONUTF8", "SHELL", "TERM", "TMPDIR", "TZ", "USER",
        "VIRTUAL_ENV", "WAYLAND_DISPLAY", "XAUTHORITY", "PIPEDRIVE_GRAPH_HOME", "PIPEDRIVE_GRAPH_CLOCK",
        "PIPEDRIVE_GRAPH_GROUP",
    }
)  # fmt: skip
"""What another program gets: where it is, whose it is, and how to open a browser."""

DAGSTER_HOME = "DAGSTER_HOME"
"""The variable that names the folder in which Dagster keeps its runs."""

_CONVENTIONAL = re.compile(r"[A-Z_][A-Z0-9_]*", flags=re.ASCII)


def value(name: str, variables: Mapping[str, str] | None = None) -> str:
    """Return the value of a variable without white space around it; empty where it is not set.

    Args:
        name: the variable.
        variables: where to look, by default this process's environment.
    """
    return (os.environ if variables is None else variables).get(name, "").strip()


def minutes(
    name: str, default: int, *, least: int, most: int, variables: Mapping[str, str] | None = None
) -> float:
    """Return the number of minutes in a variable.

    Args:
        name: the variable.
        default: what counts where it is not set.
        least: the smallest number that is accepted.
        most: the largest.
        variables: where to look, by default this process's environment.

    Raises:
        ConfigurationError: if it is no number, or not within the bounds.
    """
    try:
        number = float(value(name, variables) or default)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise ConfigurationError(
            f"The variable {name} must be a number of minutes from {least} to {most}, such as {default}."
        )
    return number


def inherited() -> dict[str, str]:
    """Return the variables that another program may have: none of them holds a secret of ours."""
    return {
        name: held
        for name, held in os.environ.items()
        if name in _INHERITED or name.startswith(("LC_", "XDG_", "MARIMO_"))
    }


def is_conventional(variable: str) -> bool:
    """Whether a variable's name is written the usual way, in capitals, as a secret hardly ever is."""
    return _CONVENTIONAL.fullmatch(variable) is not None


def named(variable: str, setting: str) -> str:
    """Name a variable that is not set, for a message.

    A short password in the place of a variable's name looks like a name. Hence only a name that is written
    the usual way, in capitals, is shown; for any other the message names the setting.
    """
    if is_conventional(variable):
        return f"the environment variable {variable}"
    return f"the environment variable that {setting} names"
