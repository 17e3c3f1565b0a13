"""The oldest and the newest patch of each DuckDB that pyproject.toml allows; the suite itself runs 2.0.0."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN_RULES = "tests/findings/test_own_rules.py"


@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.5.0", "1.5.6", "2.0.1"])
def test_rules_of_your_own_and_a_night_with_another_duckdb(tmp_path: Path, version: str) -> None:
    installed = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
            *("--target", tmp_path, f"duckdb=={version}"),
        ],
        capture_output=True,
        text=True,
    )
    if installed.returncode:
        pytest.skip(f"pip cannot install duckdb {version} here: {installed.stderr.strip().splitlines()[-1]}")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    found = subprocess.run(
        [sys.executable, "-c", "import duckdb; print(duckdb.__version__)"],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert found.stdout.strip() == version

    # the example of the docs runs for a night and is rebuilt, and so is all of sql/
    tests = "example_of_the_docs or each_time_is_refused or called_by_another_one"
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
            *(OWN_RULES, "-m", "", "-k", tests),
        ],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout
    assert "3 passed" in ended.stdout
