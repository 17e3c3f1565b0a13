"""Commands that are killed at random system calls lose nothing."""

from __future__ import annotations

from pathlib import Path

from attacks import kills
from attacks.ready import ATTACK

pytestmark = ATTACK

TRIES = 50
"""`make attacks` tries more."""


def test_commands_that_are_killed_lose_nothing(tmp_path: Path) -> None:
    result = kills.attack(tmp_path, tries=TRIES)

    assert result.losses == []
    assert result.tries >= TRIES
    assert result.killed["sync"] >= TRIES / 20
    assert result.killed["rebuild"] >= TRIES / 20
