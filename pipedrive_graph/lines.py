"""Finds the line of a setting in a TOML file, for a message that must not repeat the setting's value."""

from __future__ import annotations

import tomllib
from typing import Any


def on_line(text: str, *path: str | int) -> str:
    """Return ` (line 3)` for the setting at a path of keys and list positions; empty where it is not found.

    The line is the first one up to which the file is valid TOML that holds the setting. So every way of
    writing a key is understood, and of a value of several lines the last one is named.
    """
    lines = text.splitlines(keepends=True)
    for number in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue
        if _holds(document, path):
            return f" (line {number})"
    return ""


def _holds(value: Any, path: tuple[str | int, ...]) -> bool:  # noqa: ANN401 - a TOML value
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
