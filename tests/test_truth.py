"""The findings are what the simulator has planted: nothing missed, nothing more."""

from __future__ import annotations

import pytest
from installation import Installation
from published import found


@pytest.mark.parametrize("dialect", ["official", "brief"])
@pytest.mark.parametrize(("seed", "users"), [(1, 40), (2, 41), (3, 50), (11, 60), (42, 120)])
def test_the_findings_are_what_was_planted(serve, home, seed, users, dialect) -> None:
    simulator = serve(users=users, seed=seed, dialect=dialect)
    installation = Installation.of(home, simulator)

    manifest = installation.night()

    assert manifest.verdict.status == "complete"
    planted = {tuple(finding.values()) for finding in simulator.truth()}
    assert found(installation.published) == planted
