"""While a run has the published file open, other connections of the process share the open database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.published import connection as published
from pipedrive_graph.published.connection import connect, kept_open, reading


def write(path: Path, value: int) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE numbers AS SELECT {value} AS number")
    return path


def number(path: Path) -> int:
    with reading(path) as connection:
        return int(connection.execute("SELECT number FROM numbers").fetchall()[0][0])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "published.duckdb", 1)


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    yield
    assert published._kept == {}


def test_inside_the_block_it_is_one_database(file: Path, tmp_path: Path) -> None:
    """What DuckDB has attached to it by one connection is there for the next one."""
    more = write(tmp_path / "more.duckdb", 2)

    def attached() -> list[str]:
        with connect(file) as connection:
            names = "SELECT database_name FROM duckdb_databases() WHERE NOT internal ORDER BY 1"
            found = [name for (name,) in connection.execute(names).fetchall()]
            if "more" not in found:
                connection.execute(f"ATTACH '{more}' (READ_ONLY)")
        return found

    assert [attached(), attached()] == [["published"], ["published"]]
    with kept_open(file):
        assert [attached(), attached()] == [["published"], ["more", "published"]]
    assert attached() == ["published"]


def test_a_file_that_is_put_in_place_meanwhile_is_seen(file: Path, tmp_path: Path) -> None:
    with kept_open(file):
        assert number(file) == 1
        write(tmp_path / "new.duckdb", 2).replace(file)
        assert number(file) == 2
    assert number(file) == 2


def test_a_block_in_a_block(file: Path, tmp_path: Path) -> None:
    with kept_open(file):
        with kept_open(file):
            assert number(file) == 1
        assert published._kept.keys() == {file}
        assert number(file) == 1


def test_it_may_be_written_by_others_after_the_block(file: Path) -> None:
    with kept_open(file):
        assert number(file) == 1
    with duckdb.connect(str(file)) as connection:
        connection.execute("UPDATE numbers SET number = 3")
    assert number(file) == 3


def test_an_error_inside_ends_it(file: Path) -> None:
    with pytest.raises(KeyError), kept_open(file):
        raise KeyError


def test_a_file_that_is_missing_or_no_database_is_named_by_who_reads_it(tmp_path: Path) -> None:
    missing, damaged = tmp_path / "missing.duckdb", tmp_path / "damaged.duckdb"
    damaged.write_bytes(b"no database" * 1_000)

    with kept_open(missing), pytest.raises(WarehouseError) as caught:
        number(missing)
    assert str(caught.value) == f"Nothing is published at {missing} yet; run sync first."
    with kept_open(damaged), pytest.raises(WarehouseError, match=f"^Cannot read {damaged} "):
        number(damaged)


def test_a_file_that_is_put_in_place_of_a_missing_one(tmp_path: Path) -> None:
    file = tmp_path / "later.duckdb"
    with kept_open(file):
        write(file, 4)
        assert number(file) == 4


def test_a_file_that_is_removed_meanwhile(file: Path) -> None:
    with kept_open(file):
        file.unlink()
        with pytest.raises(WarehouseError, match="Nothing is published"):
            number(file)
