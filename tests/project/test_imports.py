"""What a process imports: a library that a command does not need costs each of its runs time."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import pytest
from installation import UNJUDGED, Installation

STEPS = (
    "collect",
    "builder.build",
    "reports.access.report",
    "reports.findings_csv",
    "alerts.send",
    "forget.age",
    "runs.recording",
    "runs.metrics",
)
"""The modules of a run of `sync`."""

SELDOM = {"authlib", "email_validator", "openpyxl", "pandas", "prometheus_client", "sqlglot", "tomlkit"}
"""Libraries that only some settings, formats or commands need."""


def imported(*arguments: str, **how: str) -> set[str]:
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True, **how
    )
    return {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}


def test_the_steps_of_a_run_import_what_they_always_need() -> None:
    modules = ", ".join(f"pipedrive_graph.{name}" for name in STEPS)
    names = imported("-c", f"import {modules}")

    assert {"duckdb", "httpx", "jinja2"} < names
    assert not (SELDOM | {"dagster"}) & names


@pytest.fixture
def published(home, simulator, monkeypatch) -> Installation:
    """A home after a night, whose variables this process has."""
    installation = Installation.of(home, simulator, UNJUDGED)
    installation.night()
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    return installation


def test_status_opens_no_database_and_asks_nobody(published: Installation) -> None:
    names = imported("-m", "pipedrive_graph", "status", "--max-age", "1000")

    assert not (SELDOM | {"dagster", "duckdb", "httpx", "numpy", "jinja2"}) & names


@pytest.mark.slow
@pytest.mark.skipif(duckdb.__version__ < "2", reason="DuckDB 1.5 imports pandas by itself")
def test_what_is_built_is_handed_to_duckdb_without_pandas(published: Installation) -> None:
    code = (
        "from pipedrive_graph.builder import build\n"
        "from pipedrive_graph.builder.configuration import load\n"
        "loaded = load()\n"
        "assert build.rebuild(loaded.settings, loaded.models, loaded.policies, on_wait=print).snapshots"
    )
    names = imported("-c", code)

    assert "numpy" in names  # the peers are compared
    assert "pandas" not in names
