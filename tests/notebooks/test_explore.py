"""`pipedrive-graph explore`: the ten queries of the docs as a notebook, served to this machine alone."""

from __future__ import annotations

import importlib.util
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from installation import Installation

from pipedrive_graph.simulator.options import Options
from pipedrive_graph.simulator.server import Simulator

pytestmark = pytest.mark.slow

if importlib.util.find_spec("marimo") is None:
    pytest.skip("marimo is not installed", allow_module_level=True)

PAGE = (Path(__file__).parents[2] / "docs" / "queries.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"\*\*(\d+)\. (.+?)\*\*\n\n```sql\n(.+?)```", PAGE, flags=re.DOTALL)

CHOSEN = {
    "2": {"$permission": "'can_export_data_from_lists'"},
    "3": {"$person": "'priya.kaya@northwind.example'", "$permission": "'can_use_api'"},
    "4": {"$person": "'priya.kaya@northwind.example'"},
    "10": {"$moment": "(SELECT min(started_at) FROM snapshots)", "$permission": "'can_delete_deals'"},
}
"""What the page of the queries asks for where the notebook lets one choose."""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation after one night."""
    with Simulator(Options(users=40, limit=2000)) as simulator:
        installation = Installation.of(tmp_path_factory.mktemp("explore") / "home", simulator)
        installation.night()
    return installation


@pytest.fixture(scope="module")
def ran(installation: Installation) -> tuple[list[Any], Mapping[str, Any]]:
    """The outputs of the notebook's cells, and what they define; a cell that fails raises."""
    from pipedrive_graph.notebooks.explore import app

    with pytest.MonkeyPatch.context() as patch:
        for name, value in installation.environment.items():
            patch.setenv(name, value)
        outputs, defined = app.run()
    yield list(outputs), defined
    defined["graph"].close()


@pytest.mark.parametrize(("number", "question", "query"), QUERIES, ids=[q[0] for q in QUERIES])
def test_every_one_of_the_ten_questions_is_answered_by_its_query(
    ran, number: str, question: str, query: str
) -> None:
    outputs, defined = ran
    asked = defined[f"query_{number}"]
    for name, value in CHOSEN.get(number, {}).items():
        assert name in asked
        asked = asked.replace(name, value)

    assert asked.strip() == query.strip()
    (section,) = [text for text in map(_html, outputs) if f"{number}. {question}" in text]
    assert "The query" in section
    assert "marimo-callout" not in section or "No row answers this question." in section


def test_what_can_be_chosen(ran) -> None:
    _, defined = ran

    assert defined["company"].value == "default"
    assert defined["person"].value.endswith("@quillbay.example")
    assert {defined[name].value for name in ("exported", "wanted", "deleted")} == {
        "can_export_data_from_lists", "can_use_api", "can_delete_deals",
    }  # fmt: skip
    assert len(defined["moment"].options) == 1


def test_a_chart_and_the_rows_stand_in_a_section(ran) -> None:
    outputs, _ = ran
    (section,) = [text for text in map(_html, outputs) if "1. What is open" in text]

    assert "vega-embed" in section
    assert "marimo-table" in section


def test_it_is_served_to_who_has_the_address(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = installation.process("explore", "--headless", "--port", str(port), "--company", "default")
    try:
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        address = next(found for line in lines if (found := re.search(r"http://\S+", line)))[0]
        with httpx.Client() as client:
            assert client.get(f"http://127.0.0.1:{port}/").status_code == 303
            page = client.get(address.replace("localhost", "127.0.0.1"), follow_redirects=True)
        assert "pipedrive_graph" in page.text
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_a_port_that_is_taken(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = installation.command("explore", "--port", str(port))

    assert result.code == 2
    assert result.sentence == (
        f"Cannot serve the notebook on port {port} (Address already in use); choose another port with --port."
    )


def test_what_is_yours_to_change_is_a_copy(installation: Installation, monkeypatch) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr("pipedrive_graph.cli.commands.explore._serve", ran.append)
    own = installation.home / "explore.py"

    first = installation.command("explore", "--edit")
    own.write_text("# mine\n")
    second = installation.command("explore", "--edit", "--headless", "--port", "4000")

    assert (first.code, first.err) == (0, f"Created {own}, a copy of the notebook that you can change.\n")
    assert (second.code, second.err) == (0, "")
    assert own.read_text() == "# mine\n"
    assert ran[1] == [
        "edit", str(own), "--host", "127.0.0.1", "--token", "--port", "4000", "--headless",
        "--", "--file", str(installation.published),
    ]  # fmt: skip
    own.unlink()


def test_without_marimo_it_says_what_to_install(installation: Installation, monkeypatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "marimo" else find(name))

    result = installation.command("explore")

    assert result.code == 1
    assert result.sentence == (
        'The notebook needs more packages; run `pip install "pipedrive-graph[explore]"`.'
    )


def test_before_the_first_night(tmp_path: Path) -> None:
    result = Installation(tmp_path).command("explore")

    assert result.code == 1
    assert result.sentence.endswith("run sync first.")


def test_a_company_that_is_not_published(installation: Installation) -> None:
    result = installation.command("explore", "--company", "defualt")

    assert result.code == 1
    assert result.sentence == "There is no company 'defualt'; did you mean default?"


def test_help_does_not_import_the_notebook() -> None:
    script = "import sys, pipedrive_graph.cli.commands.explore; print({'marimo', 'altair'} & {*sys.modules})"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


def _html(output: Any) -> str:
    return output.text if hasattr(output, "text") else ""
