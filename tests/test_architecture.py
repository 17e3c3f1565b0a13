"""The house keeps its own rules: who imports whom, and modules that one can read."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pipedrive_graph

PACKAGE = Path(pipedrive_graph.__file__).parent
REPOSITORY = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 400


def name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def test_rooms_import_only_those_below_them() -> None:
    told = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_in_one_sentence_what_is_in_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", ":"))
    assert len(text.splitlines()) <= LONGEST


def test_only_tests_and_the_command_line_use_the_simulator() -> None:
    others = [path for path in MODULES if "simulator" not in path.parts and "cli" not in path.parts]
    assert [
        name(path) for path in others if "pipedrive_graph.simulator" in path.read_text(encoding="utf-8")
    ] == []


def test_sql_never_asks_for_the_time() -> None:
    words = ("now()", "current_date", "current_timestamp", "today()", "get_current_time", "ignore_errors")
    found = [
        f"{name(path)}: {word}"
        for path in [*REPOSITORY.glob("sql/**/*.sql"), *MODULES]
        for line in path.read_text(encoding="utf-8").splitlines()
        for word in words
        if word in line.split("--")[0].lower().replace("clock.now()", "").replace("_watch.now()", "")
        and path.suffix == ".sql"
    ]
    assert found == []


def test_sql_travels_in_the_wheel() -> None:
    import tomllib

    build = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"]["force-include"] == {"sql": "pipedrive_graph/sql"}
