"""Says whether a `forget` was interrupted half-way: until it is finished, nobody else writes.

`forget` prepares everything in a folder of the home, and writes a list of what is to be put in place last.
Where that list is there and nobody is at work, landing, journal and warehouse may belong to different times.
"""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.errors import LandingError

FOLDER = ".forget"
"""Where `forget` prepares what it puts in place, inside the home folder."""

INTENT = "intent.json"
"""The list of what is put in place; it is written when everything is prepared."""


def is_interrupted(home: Path) -> bool:
    """Whether a `forget` has begun to put its result in place and has not ended."""
    return (home / FOLDER / INTENT).exists()


def refuse(home: Path) -> None:
    """Refuse to write while a `forget` is unfinished.

    Raises:
        LandingError: if one is.
    """
    if is_interrupted(home):
        raise LandingError(sentence(home))


def sentence(home: Path) -> str:
    """What to do about a `forget` that was interrupted."""
    return (
        f"A `pipedrive-graph forget` was interrupted while it put its result in place ({home / FOLDER}):"
        " run `pipedrive-graph forget --finish`, or sync, which finishes it first."
    )
