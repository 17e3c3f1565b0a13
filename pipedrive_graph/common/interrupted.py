"""Detects a `forget` that was interrupted: until it is finished, other commands must not write.

`forget` prepares its result in a folder inside the home folder, and writes the list of changes last. If that
list exists and no `forget` is running, landing, journal and warehouse may not match each other.
"""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.errors import LandingError

FOLDER = ".forget"
"""The folder inside the home folder in which `forget` prepares its result."""

INTENT = "intent.json"
"""The list of changes; it is written when everything is prepared."""


def is_interrupted(home: Path) -> bool:
    """Whether a `forget` has started to apply its result and has not finished."""
    return (home / FOLDER / INTENT).exists()


def refuse(home: Path) -> None:
    """Refuse to write while a `forget` is unfinished.

    Raises:
        LandingError: if a `forget` is unfinished.
    """
    if is_interrupted(home):
        raise LandingError(sentence(home))


def sentence(home: Path) -> str:
    """Return what to do about an interrupted `forget`."""
    return (
        f"A `pipedrive-graph forget` was interrupted while it applied its changes ({home / FOLDER}):"
        " run `pipedrive-graph forget --finish`, or sync, which finishes it first."
    )
