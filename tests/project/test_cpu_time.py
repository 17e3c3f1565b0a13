"""The CPU budget of the tests: a run that takes more fails, and names the tests that took most."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

BUSY = """
import time


def test_busy():
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass


def test_idle():
    time.sleep(0.3)
"""


@pytest.mark.parametrize("workers", [(), ("--numprocesses", "2")], ids=["one process", "two workers"])
@pytest.mark.parametrize(("budget", "code"), [("100", 0), ("0.01", 1)])
def test_a_run_over_its_cpu_budget_fails(
    tmp_path: Path, workers: tuple[str, ...], budget: str, code: int
) -> None:
    (tmp_path / "conftest.py").write_text(
        f"import sys\nsys.path.insert(0, {str(TESTS)!r})\n"
        "from cpu_time import pytest_addoption, pytest_configure\n"
    )
    (tmp_path / "test_both.py").write_text(BUSY)

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "--rootdir", tmp_path, tmp_path, "--cpu-budget", budget, *workers],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == code, ended.stdout
    assert "CPU time of the tests: " in ended.stdout
    assert f"of {float(budget):.0f} units" in ended.stdout
    assert ("more CPU time than their budget" in ended.stdout) == bool(code)
    listed = [line.split()[-1] for line in ended.stdout.splitlines() if " s  test_both.py::" in line]
    assert listed == (["test_both.py::test_busy", "test_both.py::test_idle"] if code else [])
