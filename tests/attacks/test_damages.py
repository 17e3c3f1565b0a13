"""A damaged file is noticed, or does no harm."""

from __future__ import annotations

from pathlib import Path

from attacks import damages
from attacks.ready import ATTACK

pytestmark = ATTACK

TRIES = 30
"""`make attacks` tries more."""


def test_no_damage_ends_with_success_and_a_wrong_table(tmp_path: Path) -> None:
    result = damages.attack(tmp_path, tries=TRIES)

    assert result.losses == []
    assert result.done.total() >= TRIES
