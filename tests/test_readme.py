"""The README is true: its queries run, and its tables name what there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from pipedrive_graph import clock, companies, errors, locks, settings, trust
from pipedrive_graph.cli import logs
from pipedrive_graph.cli.group import commands
from pipedrive_graph.cli.sync import Runs, sync
from pipedrive_graph.companies import Company
from pipedrive_graph.findings.catalogue import catalogue
from pipedrive_graph.orchestration import browser_guard
from pipedrive_graph.reports.table_pages import pages
from pipedrive_graph.settings import Settings
from pipedrive_graph.simulator.options import Options
from pipedrive_graph.simulator.server import Simulator
from pipedrive_graph.warehouse.models import PUBLISHED, Models, sql_folder

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"\*\*(\d+)\. (.+?)\*\*\n\n```sql\n(.+?)```", README, flags=re.DOTALL)
MAY_BE_EMPTY = {"5", "10"}
"""Questions about a change: a demo of one night has none."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published file of the demo's company, on which the README's queries are to run."""
    home = tmp_path_factory.mktemp("readme")
    with (
        Simulator(Options(users=300, seed=1, limit=4000)) as simulator,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("PIPEDRIVE_API_TOKEN", simulator.token)
        patch.delenv("DAGSTER_HOME", raising=False)
        settings = Settings(home, (Company("demo", simulator.url),))
        runs = Runs(settings, settings.companies, print)
        sync(settings, runs)
        assert [run.exit_code for run in runs.all] == [0]
    return home / "identity_graph.duckdb"


def test_there_are_ten_queries() -> None:
    assert [number for number, _, _ in QUERIES] == [str(n) for n in range(1, 11)]


@pytest.mark.parametrize(("number", "question", "query"), QUERIES, ids=[q[0] for q in QUERIES])
def test_query(published: Path, number: str, question: str, query: str) -> None:
    with duckdb.connect(str(published), read_only=True) as connection:
        found = connection.execute(query).fetchall()

    assert found or number in MAY_BE_EMPTY, question


def test_the_example_in_python(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = re.search(r"```python\n(.+?)```", README, flags=re.DOTALL)
    assert example
    monkeypatch.setenv("PIPEDRIVE_GRAPH_HOME", str(published.parent))
    names: dict[str, pd.DataFrame] = {}

    exec(example[1], names)  # noqa: S102 - the README's own lines

    assert len(names["users"]) == 300
    assert len(names["exporters"]) > 0
    assert len(names["dormant"]) > 0


def test_every_command_is_described() -> None:
    described = re.findall(r"^\| `pipedrive-graph (\w+)", README, flags=re.MULTILINE)

    assert sorted(described) == sorted(commands.list_commands(None))  # type: ignore[arg-type]


def test_every_setting_is_described() -> None:
    modules = (companies, settings, clock, locks, trust, browser_guard, logs)
    named = {name: value for module in modules for name, value in vars(module).items()}
    variables = {value for name, value in named.items() if name.endswith("_VARIABLE")} - {
        clock.CLOCK_VARIABLE
    }
    described = set(re.findall(r"^\| `(PIPEDRIVE_\w+)`", README, flags=re.MULTILINE))

    assert described == variables


def test_the_example_of_companies_toml_can_be_used(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.+?)```", README, flags=re.DOTALL)
    assert example
    (tmp_path / "companies.toml").write_text(example[1])

    loaded = settings.load({"PIPEDRIVE_GRAPH_HOME": str(tmp_path)})

    assert [company.name for company in loaded.companies] == list(tomllib.loads(example[1]))


def test_every_exit_code_is_described() -> None:
    codes = {error.exit_code for error in vars(errors).values() if hasattr(error, "exit_code")}
    described = {int(code) for code in re.findall(r"^\| (\d) \|", README, flags=re.MULTILINE)}

    assert codes <= described
    assert described == set(range(7))


def test_the_page_of_the_rules_is_made_from_their_headers() -> None:
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")

    assert page == catalogue(Models(sql_folder())), "run `make docs`"


def test_the_pages_of_the_tables_are_made_from_their_headers() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "tables").glob("*.md")}

    assert found == pages(Models(sql_folder())), "run `make docs`"


def test_every_published_table_is_described() -> None:
    section = README.partition("## What you open")[2].partition("### Ten queries")[0]
    models = Models(sql_folder())
    tables = {model.name for model in (*models.published(), *models.of(PUBLISHED))}

    assert tables <= set(re.findall(r"`(\w+)`", section))


def test_every_room_is_described() -> None:
    section = README.partition("## Architecture")[2]
    package = ROOT / "pipedrive_graph"
    rooms = {path.name for path in package.iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert not {room for room in rooms if f"{room}/`" not in section}
