"""Reads the header of a file in sql/: the comment, the settings, and a description of each column.

    -- One row per user now.
    -- Deactivated users included.
    --
    -- kind: table
    -- key: company, user_id
    -- columns:
    --   company: the company's name in the settings
    --   user_id: Pipedrive's id of the user,
    --     which other companies may use as well
    SELECT …

The first paragraph is the comment of the table. The second consists of `name: text` lines; a line that is
indented deeper than the previous entry continues its text or lists entries below it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pipedrive_graph.errors import ModelError

_ENTRY = re.compile(r"(?P<indent> *)(?P<name>[a-z_][a-z0-9_]*): ?(?P<text>.*)")
_BLOCKS = ("columns", "parameters")


@dataclass(frozen=True, slots=True)
class Header:
    """The parsed header of a file in sql/."""

    comment: str
    settings: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def row(self) -> str:
        """A short name of a row: the first sentence of the comment without "One row per"."""
        return self.comment.split(". ")[0].rstrip(".").removeprefix("One row per ")


def split(text: str) -> tuple[list[str], str]:
    """Split a file into the lines of its header, without their `-- `, and its query."""
    lines = text.splitlines()
    end = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
    header = [line.removeprefix("--").removeprefix(" ").rstrip() for line in lines[:end]]
    return header, "\n".join(lines[end:]).strip().rstrip(";").rstrip()


def parse(lines: list[str], *, place: str) -> Header:
    """Parse the lines of a header.

    Args:
        lines: the header's lines as `split` returns them.
        place: how errors name the file.

    Raises:
        ModelError: if the comment is missing, or a line is neither an entry nor a continuation.
    """
    blank = lines.index("") if "" in lines else len(lines)
    comment = " ".join(lines[:blank]).strip()
    if not comment:
        raise ModelError(f"{place}: the header must open with a sentence, such as 'One row per …'.")
    header = Header(comment)
    blocks = {"columns": header.columns, "parameters": header.parameters}
    block, last = header.settings, ""
    for number, line in enumerate(lines[blank:], start=blank + 1):
        if not line:
            continue
        indent = len(line) - len(line.lstrip())
        entry = _ENTRY.fullmatch(line)
        if entry and indent == 0 and entry["name"] in _BLOCKS and not entry["text"]:
            block, last = blocks[entry["name"]], ""
        elif entry and indent == 0:
            block, last = header.settings, entry["name"]
            block[last] = entry["text"]
        elif entry and indent == 2 and block is not header.settings:
            last = entry["name"]
            block[last] = entry["text"]
        elif indent and last:
            block[last] = f"{block[last]} {line.strip()}".strip()
        else:
            raise ModelError(f"{place}: line {number}: expected 'name: text', got '{line}'.")
    return header
