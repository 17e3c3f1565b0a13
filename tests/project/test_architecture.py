"""The house keeps its own rules: who imports whom, and modules that one can read."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pipedrive_graph
from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.warehouse.schema import RUN
from pipedrive_graph.warehouse.sql_project import STEPS, Models

PACKAGE = Path(pipedrive_graph.__file__).parent
REPOSITORY = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 400


def name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def test_rooms_import_only_those_below_them() -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_in_one_sentence_what_is_in_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", ":"))
    assert len(text.splitlines()) <= LONGEST


def test_tests_mirror_the_package() -> None:
    of_the_whole = {"attacks", "browser", "docs", "hostile", "project", "sql"}
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    folders = {path.parent.name for path in (REPOSITORY / "tests").glob("*/__init__.py")}
    assert folders - of_the_whole - rooms == set()
    assert [*(REPOSITORY / "tests").glob("test_*.py")] == []


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


USE_SETTINGS = ("config", "cli", "orchestration", "builder/configuration.py", "published/identity_graph.py")
"""Rooms and modules that load the configuration, and hand values down: a `Home`, names, policies."""


def loads_settings(path: Path) -> bool:
    """Whether a module imports the settings or their loader. Names of variables may be imported anywhere."""
    imports = [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    settings = "pipedrive_graph.config.settings"
    return any((module, name) in imports for module, name in [
        (settings, "Settings"), (settings, "load"), ("pipedrive_graph.config", "settings"),
    ])  # fmt: skip


def test_settings_are_loaded_at_the_door() -> None:
    found = [
        module
        for path in MODULES
        if not (module := path.relative_to(PACKAGE).as_posix()).startswith(USE_SETTINGS)
        and loads_settings(path)
    ]
    assert found == []
    assert loads_settings(PACKAGE / "cli" / "commands" / "plan.py")


_SQL = re.compile(r"\s*(--|SELECT|WITH|INSERT|UPDATE|DELETE|CREATE|FROM|COPY|ATTACH)\b")

MOST_SQL_LINES = 474
"""Lines of SQL in Python strings; what decides anything belongs into sql/. Lower it, never raise it."""

TEMPORARY = {
    "pipedrive_graph/warehouse/steps.py": "makes the steps of sql/, and the tables of declared.RUN",
    "pipedrive_graph/warehouse/transform.py": "shows the companies of a batch under the names of the tables",
    "pipedrive_graph/warehouse/history.py": "keeps which versions end for the statement that follows",
    "pipedrive_graph/published/queries.py": "macros of sql/reports and sql/reviews, for its connection",
    "pipedrive_graph/published/identity_graph.py": "views of the open published file for its own connection",
}
"""Modules that may create temporary tables, views or macros, and why."""


def sql_lines(path: Path) -> int:
    """How many lines the strings of a module have that hold SQL of more than one line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    lines = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            first = next((part.value for part in node.values if isinstance(part, ast.Constant)), "")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            first = node.value
        else:
            continue
        number = (node.end_lineno or node.lineno) - node.lineno + 1
        if number > 1 and _SQL.match(str(first)):
            lines += number
    return lines


def test_sql_is_in_files_and_not_in_python() -> None:
    counted = {name(path): sql_lines(path) for path in MODULES}
    most = sorted(counted.items(), key=lambda item: -item[1])[:10]
    assert sum(counted.values()) <= MOST_SQL_LINES, most


def test_temporary_tables_are_declared() -> None:
    """A step in sql/ reads what another makes; no module reads what another happened to leave behind."""
    creating = re.compile(r"CREATE (OR REPLACE )?TEMP(ORARY)? ")
    found = {name(path) for path in MODULES if creating.search(path.read_text(encoding="utf-8"))}
    assert found == TEMPORARY.keys()


def test_steps_are_named_as_in_their_files() -> None:
    """Python says lifecycle.resolved, as sql/ does; steps.execute turns it into the temporary name."""
    models = Models(sql_folder())
    names = {model.qualified for model in models if model.schema in STEPS}
    names |= {f"run.{table}" for table in RUN}
    temporary = re.compile(rf"\b({'|'.join(sorted(name.replace('.', '_') for name in names))})\b")
    qualified = re.compile(rf"\b(?:{'|'.join(sorted(STEPS))})\.(?!py\b)[a-z_]+\b(?!\()")
    found = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found += [f"{name(path)}: {word}" for word in temporary.findall(node.value)]
                unknown = [word for word in qualified.findall(node.value) if word not in names]
                found += [f"{name(path)}: {word} is not declared" for word in unknown]
    assert [one for one in found if "warehouse/steps.py: lifecycle_resolved" not in one] == []


def test_sql_travels_in_the_wheel() -> None:
    import tomllib

    build = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"]["force-include"] == {"sql": "pipedrive_graph/sql"}
