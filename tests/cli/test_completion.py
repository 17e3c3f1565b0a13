"""Shell completion."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.test_arguments import OPTIONS
from pipedrive_graph.cli.commands.completion import COMPANY

ROOT = Path(__file__).parent.parent.parent

COMPLETE = r"""
eval "$(_PIPEDRIVE_GRAPH_COMPLETE=bash_source pipedrive-graph)"
complete -p pipedrive-graph >/dev/null || exit 9
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_pipedrive_graph_completion "$1"
printf '%s\n' "${COMPREPLY[@]}"
"""
"""Installs the completion as the documentation says, and asks it about the words of a line."""


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """An environment with two companies, and the program in its path."""
    (tmp_path / "home").mkdir(0o700)
    (tmp_path / "home" / "companies.toml").write_text(
        '[acme]\napi_token_env = "A"\n[acme-eu]\napi_token_env = "B"\n[globex]\napi_token_env = "C"\n'
    )
    program = tmp_path / "pipedrive-graph"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pipedrive_graph "$@"\n')
    program.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "PIPEDRIVE_GRAPH_HOME": str(tmp_path / "home"),
    }


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("line", "completed"),
    [
        (["pipedrive-graph", "s"], ["sync", "status", "sql", "simulate"]),
        (["pipedrive-graph", "review", ""], ["import", "open", "status"]),
        (["pipedrive-graph", "sync", "--acc"], ["--accept-shrink"]),
        (["pipedrive-graph", "sync", "--collect", "by"], ["by-access"]),
        (["pipedrive-graph", "sync", "--company", "acm"], ["acme", "acme-eu"]),
        (["pipedrive-graph", "sync", "--json", "--company", "acme", "--company", "g"], ["globex"]),
        (["pipedrive-graph", "sync", "--company", "acme", "--acc"], ["--accept-shrink"]),
        (["pipedrive-graph", "review", "status", "--company", "g"], ["globex"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_bash_completes(variables, line: list[str], completed: list[str]) -> None:
    ended = subprocess.run(
        ["bash", "-c", COMPLETE, "bash", *line], env=variables, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stderr, ended.stdout.splitlines()) == (0, "", completed)


def ask(variables: dict[str, str], words: str, **more: str) -> subprocess.CompletedProcess[str]:
    asked = {"_PIPEDRIVE_GRAPH_COMPLETE": "bash_complete", "COMP_WORDS": words, **more}
    asked["COMP_CWORD"] = str(len(words.split(" ")) - 1)
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pipedrive_graph"],
        env={**variables, **asked}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def imported(ended: subprocess.CompletedProcess[str]) -> set[str]:
    return {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}


def test_the_names_of_commands_need_no_library(variables) -> None:
    ended = ask(variables, "pipedrive-graph ")

    assert ended.stdout.splitlines()[:2] == ["plain,demo", "plain,sync"]
    assert not {"dagster", "duckdb", "httpx", "sqlglot", "pydantic"} & imported(ended)


@pytest.mark.parametrize("command", ["sync", "review status", "export --format csv", "findings 1a2b"])
def test_the_names_of_companies_need_the_settings_alone(variables, command: str) -> None:
    ended = ask(variables, f"pipedrive-graph {command} --company ")

    assert ended.stdout.splitlines() == ["plain,acme", "plain,acme-eu", "plain,globex"]
    assert not {"dagster", "pandas", "duckdb", "httpx", "rich", "email_validator"} & imported(ended)


def test_settings_that_cannot_be_read_complete_nothing(variables, tmp_path: Path) -> None:
    (tmp_path / "home" / "companies.toml").write_text("[acme\n")

    ended = ask(variables, "pipedrive-graph sync --company ")

    assert (ended.returncode, ended.stdout.strip()) == (0, "")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell_that_is_documented(variables, shell: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pipedrive_graph"],
        env={**variables, "_PIPEDRIVE_GRAPH_COMPLETE": f"{shell}_source"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.returncode == 0
    assert f"_PIPEDRIVE_GRAPH_COMPLETE={shell}_complete" in ended.stdout
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert f"_PIPEDRIVE_GRAPH_COMPLETE={shell}_source pipedrive-graph" in page


def test_every_option_for_a_company_completes_its_name() -> None:
    companies = [option for _, option in OPTIONS if "--company" in option.opts]
    assert len(companies) > 10
    assert [option for option in companies if option.type is not COMPANY] == []
