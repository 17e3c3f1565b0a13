"""Commands that are killed at random system calls lose nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacks import kills
from attacks.ready import can_trace

TRIES = 50
"""`make attacks` tries more."""


@pytest.mark.slow
@pytest.mark.timeout(2_400)
@pytest.mark.skipif(not can_trace(), reason="strace is not there, or may not follow processes")
def test_commands_that_are_killed_lose_nothing(tmp_path: Path) -> None:
    result = kills.attack(tmp_path, tries=TRIES)

    assert result.losses == []
    assert result.tries >= TRIES
