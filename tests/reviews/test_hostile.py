"""Whatever people are called and write, what is read from a file is what was written into it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from openpyxl import load_workbook

from pipedrive_graph.reviews import columns
from pipedrive_graph.reviews.csv_file import sheet
from pipedrive_graph.reviews.items import Item, Population
from pipedrive_graph.reviews.read_file import FilledRow, read
from pipedrive_graph.reviews.readme import put
from pipedrive_graph.reviews.workbook import HEADS, workbook

from .literal import issue, item, population

NASTY = (
    "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "\u202eevil", "_x000D_", "_x0041_", "a\r\nb\tc", "'",
    '"', ",;\t", " ", "\ufffe", "\x00\x07", "x" * 40_000, "-1", "@SUM(1)", "#REF!", "TRUE", "1e5", "Read me",
    "[]:*?/\\", "ẞß", "\u2028",
)  # fmt: skip
TEXTS = st.sampled_from(NASTY) | st.text(max_size=40)
COMMENTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=40
)


@st.composite
def reviews(draw: st.DrawFn) -> Population:
    """A review of up to four people with nasty names, owners and findings."""
    return population(
        *(
            item(
                draw(st.none() | TEXTS),
                user_id=number,
                name=draw(st.none() | TEXTS),
                email=draw(st.none() | TEXTS),
                roles=({"role_id": 1, "name": draw(TEXTS), "source": "observed"},),
                findings=(issue("own_rule", title=draw(TEXTS), object=draw(TEXTS)),),
            )
            for number in range(draw(st.integers(1, 4)))
        )
    )


def expected(of: Population, comments: dict[str, str]) -> dict[str, dict[str, str]]:
    """The rows by their id, as they are to be read."""
    return {
        one.row_id: {
            name: columns.normalised(text)
            for name, text in (
                columns.shown(one, one.recommendation, one.reason, of.snapshot_at)
                | {columns.REVIEW: "R1", columns.ROW: one.row_id, columns.DIGEST: one.sha256}
                | {columns.COMMENT: comments[one.row_id]}
            ).items()
        }
        for one in of.items
    }


def read_back(path: Path, content: bytes) -> dict[str, FilledRow]:
    path.write_bytes(content)
    found = read(path)
    rows = {row.text(columns.ROW): row for row in found}
    assert len(rows) == len(found)
    for row_id, row in rows.items():
        assert columns.digest(row_id, row.texts) == row.text(columns.DIGEST)
    return rows


def same(row: FilledRow, texts: dict[str, str]) -> bool:
    return {name: row.text(name) for name in texts} == texts


@pytest.mark.slow
@examples(deadline=None, max_examples=8)
@given(reviews(), st.lists(COMMENTS, min_size=4, max_size=4))
@example(
    population(*(item(name, user_id=n, name=name, email=name) for n, name in enumerate(NASTY))), [*NASTY[:4]]
)
def test_what_is_written_is_read(tmp_path_factory, of: Population, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    comments = {one.row_id: columns.line(texts[n % 4]) for n, one in enumerate(of.items)}
    wanted = expected(of, comments)

    book = load_workbook(io.BytesIO(workbook(of, "R1", "0" * 64)))
    names = [name.casefold() for name in book.sheetnames]
    assert len({*names}) == len(names) == len(of.by_owner()) + 1
    assert all(0 < len(name) <= 31 and not {*name} & {*"[]:*?/\\"} for name in names)
    for page in book.worksheets[1:]:
        heads = {cell.value: cell.column for cell in page[HEADS]}
        for number in range(HEADS + 1, page.max_row + 1):
            put(
                page.cell(number, heads[columns.COMMENT]),
                comments[page.cell(number, heads[columns.ROW]).value],
            )
        assert {c.data_type for line in page.iter_rows() for c in line if c.value is not None} == {"s"}
    saved = io.BytesIO()
    book.save(saved)
    rows = read_back(folder / "review.xlsx", saved.getvalue())
    assert rows.keys() == wanted.keys()
    assert all(same(rows[row_id], texts) for row_id, texts in wanted.items())

    lines = list(csv.DictReader(io.StringIO(sheet(of, "R1").decode("utf-8-sig"), newline="")))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, lines[0].keys())
    writer.writeheader()
    for line in lines:
        assert not any(text.startswith(("=", "+", "-", "@", "\t")) for text in line.values())
        writer.writerow(line | {columns.COMMENT: comments[line[columns.ROW]]})
    rows = read_back(folder / "review.csv", out.getvalue().encode())
    assert rows.keys() == wanted.keys()
    assert all(same(rows[row_id], texts) for row_id, texts in wanted.items())


def test_a_population_is_read_as_it_was_kept() -> None:
    of = population(*(item(name, user_id=n, name=name) for n, name in enumerate(NASTY)))

    assert Population.model_validate_json(of.written()) == of
    assert isinstance(of.items[0], Item)
