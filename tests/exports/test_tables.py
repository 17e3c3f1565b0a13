"""The formats of tables: read back by other libraries, they equal the tables row by row."""

from __future__ import annotations

import csv
import gc
import io
import json
import re
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ExportError
from pipedrive_graph.exports.export import Exported, ExportRequest, export
from pipedrive_graph.exports.tables import csv_cells, xlsx

from .conftest import NAMES

Connection = duckdb.DuckDBPyConnection

FORMULA = re.compile(
    r"[\s'\x00\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\xad\u061c\u180e]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
)


Columns = list[tuple[str, str]]
"""The columns of a table, each with its type."""


@pytest.fixture(scope="module")
def tables(published: Connection) -> dict[str, Columns]:
    """The published tables, sorted by name, with their columns."""
    names = published.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
    return {name: [row[:2] for row in published.execute(f"DESCRIBE {name}").fetchall()] for (name,) in names}


def rows(published: Connection, table: str, columns: Columns, select: str = "*") -> list[tuple[Any, ...]]:
    """The rows in the order of the exports."""
    order = ", ".join(f'"{table}"."{column}" NULLS LAST' for column, _ in columns)
    return published.execute(f"SELECT {select} FROM {table} ORDER BY {order}").fetchall()  # noqa: S608


def without_apostrophe(text: str | None) -> str | None:
    return text[1:] if text and text.startswith("'") and FORMULA.match(text[1:]) else text


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl", "xlsx"])
def test_every_table_is_there_with_as_many_rows(
    form: str, exported: dict[str, Exported], published: Connection, tables: dict[str, Columns]
) -> None:
    told = {part.table: part.rows for part in exported[form].wrote.parts}

    assert told == {
        name: published.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]  # noqa: S608
        for name in tables
    }
    assert told["users"] == 2 * len(NAMES)
    assert told["findings"] == 10


def test_csv(exported: dict[str, Exported], published: Connection, tables: dict[str, Columns]) -> None:
    for table, columns in tables.items():
        path = exported["csv"].path / f"{table}.csv"
        select = ", ".join(
            f'CAST(to_json("{name}") AS VARCHAR)' if "]" in kind or "STRUCT" in kind else f'"{name}"::VARCHAR'
            for name, kind in columns
        )
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *found = csv.reader(file)

        assert header == [name for name, _ in columns]
        assert [[without_apostrophe(text) for text in row] for row in found] == [
            ["" if value is None else value for value in row]
            for row in rows(published, table, columns, select)
        ]
        for row in found:
            for text, (_, kind) in zip(row, columns, strict=True):
                assert kind not in {"VARCHAR", "JSON"} or not re.match(r" *[=+\-@\t\r\n]", text)


def test_csv_tells_null_from_an_empty_text(exported: dict[str, Exported]) -> None:
    path = exported["csv"].path / "users.csv"
    with duckdb.connect() as connection:
        read = f"read_csv('{path}', all_varchar=true, allow_quoted_nulls=false)"
        found = connection.execute(
            f"SELECT user_id, name FROM {read} WHERE company = 'acme' AND coalesce(name, '') = ''"  # noqa: S608
            " ORDER BY user_id"
        ).fetchall()

    assert found == [("14", ""), ("15", None)]


def test_parquet_keeps_values_and_types(
    exported: dict[str, Exported], published: Connection, tables: dict[str, Columns]
) -> None:
    with duckdb.connect() as connection:
        for table, columns in tables.items():
            path = exported["parquet"].path / f"{table}.parquet"
            types = connection.execute(f"DESCRIBE FROM '{path}'").fetchall()
            found = connection.execute(f"FROM '{path}'").fetchall()

            assert [row[:2] for row in types] == columns
            assert found == rows(published, table, columns)


def test_jsonl_keeps_values(
    exported: dict[str, Exported], published: Connection, tables: dict[str, Columns]
) -> None:
    for table, columns in tables.items():
        text = (exported["jsonl"].path / f"{table}.jsonl").read_text(encoding="utf-8")
        found = [json.loads(line) for line in text.split("\n") if line]

        assert found == [json.loads(row) for (row,) in rows(published, table, columns, f"to_json({table})")]


def test_xlsx(exported: dict[str, Exported], published: Connection, tables: dict[str, Columns]) -> None:
    book = openpyxl.load_workbook(exported["xlsx"].path, read_only=True)

    assert book.sheetnames == list(tables)
    for table, columns in tables.items():
        select = ", ".join(
            f'CAST(to_json("{name}") AS VARCHAR)'
            if "]" in kind or "STRUCT" in kind or kind == "JSON"
            else f'"{name}"'
            for name, kind in columns
        )
        header, *found = [[cell.value for cell in row] for row in book[table].iter_rows()]
        # nothing is written of a NULL, nor of those at the end of a row
        found = [row + [None] * (len(header) - len(row)) for row in found]

        assert header == [name for name, _ in columns]
        assert found == [
            [in_a_cell(value) for value in row] for row in rows(published, table, columns, select)
        ]
        assert "f" not in {cell.data_type for row in book[table].iter_rows() for cell in row}
    book.close()


def in_a_cell(value: Any) -> Any:
    """What a spreadsheet is to show of a value."""
    if value == "":
        return None
    if isinstance(value, str):
        text = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f]", "\ufffd", re.sub("\r\n?", "\n", value))
        return text.replace("_x0041_", "_x005F_x0041_")
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001
    if isinstance(value, float | Decimal):
        return float(f"{value:.16g}")
    return value


@given(st.text())
def test_a_harmless_text_gives_the_text_back(text: str) -> None:
    safe = csv_cells.harmless(text)

    assert not re.match(r" *[=+\-@\t\r\n]", safe)
    assert without_apostrophe(safe) == text


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), min_size=2))
def test_a_line_of_csv_gives_the_texts_back(texts: list[str | None]) -> None:
    (found,) = csv.reader(io.StringIO(csv_cells.line(texts), newline=""), strict=True)

    assert found == [text or "" for text in texts]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_xlsx_takes_every_text(text: str) -> None:
    sheet = openpyxl.Workbook(write_only=True).create_sheet()
    cell = xlsx._cell(sheet, text, "users.name", Counter())

    told = cell if isinstance(cell, str) else cell.value
    assert isinstance(cell, str) or cell.data_type == "s"
    assert told == re.sub(
        "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]",
        "\ufffd",
        re.sub("_(x[0-9A-Fa-f]{4}_)", r"_x005F_\1", re.sub("\r\n?", "\n", text)),
    )


def test_xlsx_cuts_long_texts_and_says_so(settings: Settings, tmp_path: Path) -> None:
    long = "🦊" * 20_000
    cut: Counter[str] = Counter()
    sheet = openpyxl.Workbook(write_only=True).create_sheet()

    cell = xlsx._cell(sheet, long, "users.name", cut)

    assert cell == "🦊" * 16_379 + " … [cut]"
    assert len(cell.encode("utf-16-le")) // 2 <= 32_767
    assert cut == {"users.name": 1}
    assert xlsx._cell(sheet, "x" * 32_767, "users.name", cut) == "x" * 32_767


def test_xlsx_refuses_a_table_that_no_sheet_can_hold(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx, "ROWS", 11)
    target = tmp_path / "tables.xlsx"

    assert export(settings, ExportRequest("xlsx", tables=["findings"], out=target)).wrote.parts[0].rows == 10
    before = target.read_bytes()
    with pytest.raises(ExportError) as told:
        export(settings, ExportRequest("xlsx", tables=["findings", "users"], out=target))

    assert str(told.value) == (
        "The table users has 42 rows, but a sheet of a workbook holds 10: "
        "export it with --format csv or parquet, or name other tables with --tables."
    )
    assert target.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tables.xlsx"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("inside", ["_cells", "the sheet"])
def test_xlsx_that_is_left_half_written_complains_no_further(
    error: type[BaseException],
    inside: str,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    complaints: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", complaints.append)
    place = (xlsx, "_cell") if inside == "_cells" else (WriteOnlyWorksheet, "_values_to_row")
    write = getattr(*place)
    asked = iter(range(1000))

    def breaking(*given: Any) -> object:
        if next(asked) < 50:
            return write(*given)
        raise error

    monkeypatch.setattr(*place, breaking)
    with pytest.raises((error, ExportError)):
        export(settings, ExportRequest("xlsx", tables=["findings", "users"], out=tmp_path / "tables.xlsx"))
    gc.collect()

    assert complaints == []
    assert list(tmp_path.iterdir()) == []
