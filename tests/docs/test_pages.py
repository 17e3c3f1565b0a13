"""The pages are true: their tables are complete, generated pages are current, and every page is linked."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from pipedrive_graph import errors
from pipedrive_graph.cli import logs
from pipedrive_graph.cli.app import group
from pipedrive_graph.common import clock, locks, trust
from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.config import company, settings
from pipedrive_graph.orchestration import browser_guard
from pipedrive_graph.warehouse.sql_project import PUBLISHED, Models
from tools.docs import steps_page
from tools.docs.rules_page import catalogue
from tools.docs.table_pages import pages

from .texts import DOCS, ROOT, text

LONGEST_FRONT_PAGE = 180


def test_the_front_page_is_short() -> None:
    assert len(text("README.md").splitlines()) <= LONGEST_FRONT_PAGE


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md"])
def test_paths_in_a_page_exist(page: str) -> None:
    named = re.findall(r"`((?:pipedrive_graph|sql|docs|tests|examples|deploy)/[\w./]*)`", text(page))

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_page_is_linked_from_the_front_page() -> None:
    linked = set(re.findall(r"\]\((docs/[\w./]+\.md)\)", text("README.md")))

    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} - linked == set()


def test_every_decision_is_in_the_list() -> None:
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", text("docs/decisions/README.md"))

    assert listed == sorted(page.name for page in (DOCS / "decisions").glob("0*.md"))


def test_every_command_is_described() -> None:
    described = re.findall(r"^\| `pipedrive-graph (\w+)", text("docs/commands.md"), flags=re.MULTILINE)

    assert sorted(described) == sorted(group.list_commands(None))  # type: ignore[arg-type]


def test_every_setting_is_described() -> None:
    modules = (company, settings, clock, locks, trust, browser_guard, logs)
    named = {name: value for module in modules for name, value in vars(module).items()}
    variables = {value for name, value in named.items() if name.endswith("_VARIABLE")} - {
        clock.CLOCK_VARIABLE
    }
    described = set(re.findall(r"^\| `(PIPEDRIVE_\w+)`", text("docs/configuration.md"), flags=re.MULTILINE))

    assert described == variables


def test_the_example_of_companies_toml_can_be_used(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.+?)```", text("docs/install.md"), flags=re.DOTALL)
    assert example
    (tmp_path / "companies.toml").write_text(example[1])

    loaded = settings.load({"PIPEDRIVE_GRAPH_HOME": str(tmp_path)})

    assert [each.name for each in loaded.companies] == list(tomllib.loads(example[1]))


def test_every_exit_code_is_described() -> None:
    codes = {error.exit_code for error in vars(errors).values() if hasattr(error, "exit_code")}
    described = {
        int(code) for code in re.findall(r"^\| (\d) \|", text("docs/failures.md"), flags=re.MULTILINE)
    }

    assert codes <= described
    assert described == set(range(7))


def test_the_page_of_the_rules_is_made_from_their_headers() -> None:
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")

    assert page == catalogue(Models(sql_folder())), "run `make docs`"


def test_the_pages_of_the_tables_are_made_from_their_headers() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "tables").glob("*.md")}

    assert found == pages(Models(sql_folder())), "run `make docs`"


def test_the_page_of_the_steps_is_made_from_their_headers() -> None:
    page = (ROOT / "docs" / "steps.md").read_text(encoding="utf-8")

    assert page == steps_page.page(Models(sql_folder())), "run `make docs`"


def test_every_published_table_is_described() -> None:
    page = text("docs/published.md")
    models = Models(sql_folder())
    tables = {model.name for model in (*models.published(), *models.of(PUBLISHED))}

    assert tables <= set(re.findall(r"`(\w+)`", page))


def test_every_room_is_described() -> None:
    page = text("ARCHITECTURE.md")
    package = ROOT / "pipedrive_graph"
    rooms = {path.name for path in package.iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert not {room for room in rooms if f"{room}/`" not in page}
