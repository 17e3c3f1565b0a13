"""A damaged file is noticed, or does no harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacks import damages
from attacks.ready import can_trace

TRIES = 30
"""`make attacks` tries more."""


@pytest.mark.slow
@pytest.mark.timeout(2_400)
@pytest.mark.skipif(not can_trace(), reason="strace is not there, or may not follow processes")
def test_no_damage_ends_with_success_and_a_wrong_table(tmp_path: Path) -> None:
    result = damages.attack(tmp_path, tries=TRIES)

    assert result.losses == []
    assert result.done.total() >= TRIES
