"""The cache of parsed queries: an unusable file changes nothing but the time it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse import parsed, queries
from pipedrive_graph.warehouse.parsed import ParsedQueries, ParsedQuery
from pipedrive_graph.warehouse.sql_project import Models

from .test_models import write

PEOPLE = "SELECT company, user_id FROM history.users"
READS = {"main.people": {"history.users"}, "main.some": {"main.people", "main.who"}, "main.who": set()}


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    folder = tmp_path / "sql"
    write(folder, "graph/people", PEOPLE)
    write(folder, "graph/some", "SELECT company, user_id FROM people JOIN who() USING (user_id)")
    write(folder, "macros/who", "SELECT 1 AS user_id", kind="macro")
    return folder


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The places of the queries that are parsed."""
    places: list[str] = []
    parse = queries.parse

    def counting(text: str, *, place: str, line: int) -> ParsedQuery:
        places.append(place)
        return parse(text, place=place, line=line)

    monkeypatch.setattr(queries, "parse", counting)
    return places


@pytest.fixture
def load(sql: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], dict[str, set[str]]]:
    """Load the models as a new process does, and return what each of them reads."""

    def load(file: Path) -> dict[str, set[str]]:
        monkeypatch.setattr(parsed, "_parsed", {})
        known = ParsedQueries(file)
        models = Models(sql, known)
        known.save()
        return {model.qualified: {*model.reads} for model in models}

    return load


def test_a_query_is_parsed_once(load, counted, tmp_path: Path) -> None:
    file = tmp_path / "cache" / "sql.json"

    assert load(file) == READS
    assert len(counted) == 3
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    before = file.stat().st_mtime_ns

    assert load(file) == READS
    assert len(counted) == 3
    assert file.stat().st_mtime_ns == before


def test_a_query_that_has_changed_is_parsed_and_the_earlier_one_is_forgotten(
    load, counted, sql: Path, tmp_path: Path
) -> None:
    file = tmp_path / "sql.json"
    load(file)
    write(sql, "graph/people", PEOPLE.replace("users", "users_latest"))

    assert load(file)["main.people"] == {"history.users_latest"}
    assert counted[3:] == ["sql/graph/people.sql"]
    assert len(json.loads(file.read_text())["queries"]) == 3


def test_a_query_that_cannot_be_parsed_is_an_error_each_time(load, sql: Path, tmp_path: Path) -> None:
    write(sql, "graph/people", "SELECT (company")
    for _ in range(2):
        with pytest.raises(ModelError, match=r"^sql/graph/people\.sql: line 6: "):
            load(tmp_path / "sql.json")


def changed(how: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        file.write_text(json.dumps(how(json.loads(file.read_text()))))

    return change


def entries(value: object) -> Callable[[Path], None]:
    """Give each entry another value."""
    return changed(lambda content: {**content, "queries": dict.fromkeys(content["queries"], value)})


def replaced_by(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(file: Path) -> None:
        file.unlink()
        make(file)

    return replace


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:-20]),
        lambda file: file.write_bytes(b"\xff\xfe{"),
        lambda file: file.write_bytes(b"[" * 100_000),
        lambda file: file.write_bytes(b"1" * 10_000),
        lambda file: file.write_bytes(b"{" + b" " * 5 * 2**20 + b"}"),
        changed(lambda _: []),
        changed(lambda _: {}),
        lambda file: file.write_text(file.read_text().replace("history.users", "history.usars")),
        changed(lambda content: {**content, "queries": []}),
        changed(lambda content: {**content, "queries": None}),
        entries(None),
        entries(1),
        entries([1]),
        entries([["main.people"]]),
        entries({"reads": ["main.people"]}),
        entries({"reads": "main.people", "sha256": 1}),
        entries({"reads": [1], "sha256": "0"}),
        changed(lambda content: {**content, "version": content["version"].replace("sqlglot ", "sqlglot 0")}),
        lambda file: file.chmod(0o666),
        replaced_by(lambda file: file.symlink_to("nowhere")),
        replaced_by(lambda file: os.mkfifo(file)),
    ],
)
def test_a_file_that_cannot_be_used_is_made_again(
    load, counted, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    file = tmp_path / "cache" / "sql.json"
    load(file)
    whole = file.read_bytes()
    damage(file)

    assert load(file) == READS
    assert len(counted) == 6
    assert file.read_bytes() == whole


def test_another_parser_of_ours_does_not_use_the_file(load, counted, tmp_path: Path, monkeypatch) -> None:
    load(tmp_path / "sql.json")
    monkeypatch.setattr(parsed, "_version", lambda: "sqlglot 30, queries.py 0")

    assert load(tmp_path / "sql.json") == READS
    assert len(counted) == 6


@pytest.mark.parametrize(
    "block",
    [
        lambda file: file.parent.write_text("a file"),
        lambda file: file.mkdir(parents=True),
        lambda file: (file.parent / f".{file.name}.tmp").mkdir(parents=True),
    ],
)
def test_a_place_that_cannot_be_written(load, counted, tmp_path: Path, block) -> None:
    file = tmp_path / "cache" / "sql.json"
    block(file)

    for _ in range(2):
        assert load(file) == READS
    assert len(counted) == 6


def test_without_the_sources_of_this_program_nothing_is_kept(load, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(parsed, "__file__", str(tmp_path / "parsed.pyc"))
    parsed._version.cache_clear()
    try:
        assert load(tmp_path / "sql.json") == READS
    finally:
        parsed._version.cache_clear()
    assert not (tmp_path / "sql.json").exists()


def test_the_next_process_of_a_home_does_not_even_import_the_parser(home: Path) -> None:
    home.mkdir()
    assert Configuration(Settings(home, ())).models
    code = (
        "import sys, pathlib\n"
        "from pipedrive_graph.builder.configuration import Configuration\n"
        "from pipedrive_graph.config.settings import Settings\n"
        f"models = Configuration(Settings(pathlib.Path({str(home)!r}), ())).models\n"
        "print(len(list(models)), 'sqlglot' in sys.modules)"
    )

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed == f"{len(list(Models(sql_folder())))} False\n"


def test_no_home_folder_is_made_for_it(home: Path) -> None:
    assert Configuration(Settings(home, ())).models
    assert not home.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can own a file and not the home")
def test_root_leaves_no_file_in_the_home_of_a_service(home: Path) -> None:
    home.mkdir()
    os.chown(home, 4001, 4001)
    assert Configuration(Settings(home, ())).models
    assert list(home.iterdir()) == []
