"""The examples in the README, the docs and examples/ run on the published file of a simulated company."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd
import pytest

from .texts import ROOT, ten_queries, text

MAY_BE_EMPTY = {"5", "10"}
"""Questions about a change: a demo of one night has none."""

PYTHON = [
    pytest.param(code, id=f"{page} {number}")
    for page in ("README.md", "docs/queries.md", "docs/api.md")
    for number, code in enumerate(re.findall(r"```python\n(.+?)```", text(page), flags=re.DOTALL), 1)
]


@pytest.fixture
def environment(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment in which a user runs an example."""
    monkeypatch.setenv("PIPEDRIVE_GRAPH_HOME", str(published.parent))


def test_there_are_ten_queries() -> None:
    assert [number for number, _, _ in ten_queries()] == [str(n) for n in range(1, 11)]


@pytest.mark.parametrize(
    ("number", "question", "query"), ten_queries(), ids=[number for number, _, _ in ten_queries()]
)
def test_query(published: Path, number: str, question: str, query: str) -> None:
    with duckdb.connect(str(published), read_only=True) as connection:
        found = connection.execute(query).fetchall()

    assert found or number in MAY_BE_EMPTY, question


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("code", PYTHON)
def test_python_in_a_page(code: str) -> None:
    exec(code.replace('company="acme"', 'company="demo"'), {})  # noqa: S102 - the page's own lines


@pytest.mark.usefixtures("environment")
def test_the_front_page_gives_data_frames() -> None:
    (code,) = re.findall(r"```python\n(.+?)```", text("README.md"), flags=re.DOTALL)
    names: dict[str, pd.DataFrame] = {}

    exec(code, names)  # noqa: S102 - the page's own lines

    assert len(names["users"]) == 300
    assert len(names["exporters"]) > 0
    assert len(names["dormant"]) > 0


@pytest.mark.usefixtures("environment")
def test_the_python_script(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "who_can_export.py"), run_name="__main__")

    printed = capsys.readouterr().out
    assert re.match(r"\d+ people can use can_export_data_from_lists\.\n", printed)
    assert "unexplained: no permission set of the user grants it" in printed
    assert "is an admin of sales and has not logged in since" in printed


def test_the_queries_of_analysts(published: Path) -> None:
    script = text("examples/analyst_queries.sql")
    with duckdb.connect(str(published), read_only=True) as connection:
        queries = connection.extract_statements(script)
        rows = [len(connection.execute(query).fetchall()) for query in queries]

    assert len(queries) == 6
    assert [number for number, count in enumerate(rows, 1) if not count] == [6]  # a first snapshot


@pytest.mark.filterwarnings("ignore::dagster_shared.utils.warnings.BetaWarning")
def test_the_dagster_project(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPEDRIVE_GRAPH_HOME", str(published.parent))
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "dagster_project"))
    from company_data.definitions import defs  # type: ignore[import-not-found]

    try:
        dg.Definitions.validate_loadable(defs)
        (own,) = {key for key in defs.resolve_asset_graph().get_all_asset_keys() if key.path[0] != "crm"}
        assert own == dg.AssetKey("admins_per_company")
        job = dg.Definitions(
            assets=[defs.resolve_assets_def(own)],
            jobs=[dg.define_asset_job("report", dg.AssetSelection.assets(own))],
        ).resolve_job_def("report")
        result = job.execute_in_process()
        (event,) = result.get_asset_materialization_events()
        assert event.materialization.metadata["demo"].value == 15
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "company_data"]:
            del sys.modules[name]
