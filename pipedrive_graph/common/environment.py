"""Reads environment variables; the only place where their values are cleaned.

A file of variables that was written on Windows leaves a carriage return at the end of every value, and a
pasted value may have spaces around it. Neither belongs to any setting.
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
"""Variables for other programs: paths, the user, and how to open a browser."""

DAGSTER_HOME = "DAGSTER_HOME"
"""The variable with the folder in which Dagster keeps its runs."""

_CONVENTIONAL = re.compile(r"[A-Z_][A-Z0-9_]*", flags=re.ASCII)


def value(name: str, variables: Mapping[str, str] | None = None) -> str:
    """Return the value of a variable without surrounding white space; empty if it is not set.

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
        default: the value if it is not set.
        least: the smallest accepted number.
        most: the largest accepted number.
        variables: where to look, by default this process's environment.

    Raises:
        ConfigurationError: if it is not a number, or out of bounds.
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
    """Return the variables that another program may receive: none of them holds one of our secrets."""
    return {
        name: text
        for name, text in os.environ.items()
        if name in _INHERITED or name.startswith(("LC_", "XDG_", "MARIMO_"))
    }


def is_conventional(variable: str) -> bool:
    """Whether a variable's name is in capitals as usual; a secret hardly ever is."""
    return _CONVENTIONAL.fullmatch(variable) is not None


def named(variable: str, setting: str) -> str:
    """Return how a message names a variable that is not set.

    A short password in the place of a variable's name looks like a name. So the message only shows a name in
    capitals; otherwise it names the setting.
    """
    if is_conventional(variable):
        return f"the environment variable {variable}"
    return f"the environment variable that {setting} names"
