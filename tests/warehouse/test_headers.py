"""The header of a file in sql/: a sentence, settings, columns."""

from __future__ import annotations

import pytest

from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse import header

TEXT = """\
-- One row per user now.
-- Deactivated users included.
--
-- kind: table
-- key: company, user_id
-- remedy: Take it away;
--   then look again.
-- columns:
--   company: the company's name
--   user_id: Pipedrive's id of the user,
--     which other companies may use: as well
SELECT company, user_id -- a comment
FROM users;
"""


def test_a_header_is_split_from_its_query() -> None:
    lines, query = header.split(TEXT)
    assert lines[0] == "One row per user now."
    assert query == "SELECT company, user_id -- a comment\nFROM users"


def test_a_header_is_parsed() -> None:
    parsed = header.parse(header.split(TEXT)[0], place="here")
    assert parsed.comment == "One row per user now. Deactivated users included."
    assert parsed.settings == {
        "kind": "table",
        "key": "company, user_id",
        "remedy": "Take it away; then look again.",
    }
    assert parsed.columns == {
        "company": "the company's name",
        "user_id": "Pipedrive's id of the user, which other companies may use: as well",
    }
    assert parsed.parameters == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("SELECT 1", "here: the header must open with a sentence, such as 'One row per …'."),
        ("--\n-- kind: table\nSELECT 1", "here: the header must open with a sentence"),
        ("-- A.\n--\n-- no entry\nSELECT 1", "here: line 3: expected 'name: text', got 'no entry'."),
        ("-- A.\n--\n--   deep: x\nSELECT 1", "here: line 3: expected 'name: text', got '  deep: x'."),
    ],
)
def test_a_header_that_cannot_be_read_is_named(text: str, sentence: str) -> None:
    with pytest.raises(ModelError) as caught:
        header.parse(header.split(text)[0], place="here")
    assert str(caught.value).startswith(sentence)
