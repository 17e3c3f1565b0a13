"""Makes text from outside safe to show, suggests names for one that is not known, and writes small tables."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Sequence

FORMULA_STARTS = (
    "=", "+", "-", "@", "\t", "\r", "\n",
    "\uff1d", "\uff0b", "\uff0d", "\uff20",  # the same as full-width signs, which some programs take for them
)  # fmt: skip
"""What a text begins with that a spreadsheet takes for a formula."""

FORMULA = re.compile(
    r"(?:[\s'\x00\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\xad\u061c\u180e])*"
    rf"[{re.escape(''.join(FORMULA_STARTS))}]"
)
"""A text that begins like a formula, also after blanks and characters that nobody sees."""

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_DIRECTIONS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")

_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202e"
    r"\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
"""What a terminal obeys, or what nobody sees: controls, marks of direction, characters without width."""


def is_text(text: str) -> bool:
    """Whether a text came as UTF-8; Python keeps bytes that are none as halves of characters."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def printable(text: str) -> str:
    """Return `text` on one line for a terminal, with a visible mark in place of each character that is none.

    These are control characters, marks that turn the direction of text around, and what has no width: two
    names that look alike are told apart.
    """
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


def escaped(document: str) -> str:
    r"""Return a line of JSON with `\u` escapes for what `printable` replaces; its values stay the same."""
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], document)


def legible(text: str) -> str:
    """Return `text` for a page: on one line, and without what would turn the direction of other text around.

    A name may hold an override that makes what stands behind it read backwards; a name that is written
    from right to left by itself stays as it is.
    """
    return _DIRECTIONS.sub("\N{REPLACEMENT CHARACTER}", CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text))


def safe_cell(value: object) -> str:
    """Return `value` as a cell that no spreadsheet takes for a formula.

    A text that begins like one gets an apostrophe in front, as OWASP advises against CSV injection;
    control characters, which a terminal might obey, are replaced.
    """
    raw = "" if value is None else str(value)
    return f"'{printable(raw)}" if FORMULA.match(raw) else printable(raw)


def similar(name: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return the known names that are most like an unknown one, the best one first; case does not count."""
    names = {each.casefold(): each for each in known}
    return [names[match] for match in difflib.get_close_matches(name.casefold(), list(names), most, cutoff)]


def near(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: a suggestion, or a full stop."""
    names = similar(name, known)
    return f"; did you mean {names[0]}?" if names else "."


def meant(name: str, known: Iterable[str]) -> str:
    """Return a suggestion for an unknown name, for the middle of a sentence; or the empty text."""
    names = similar(name, known)
    return f" (did you mean {names[0]}?)" if names else ""


def one_of(name: str, known: Sequence[str]) -> str:
    """Return the end of a sentence about an unknown name: up to three suggestions, or all known names."""
    names = similar(name, known, most=3, cutoff=0.7)
    return f"; did you mean {' or '.join(names)}?" if names else f"; there are: {', '.join(known)}."


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown.

    Args:
        columns: the names of the columns.
        rows: the cells, as `markdown_line` takes them.
    """
    yield markdown_line(columns)
    yield "|" + "---|" * len(columns)
    yield from map(markdown_line, rows)


def markdown_line(cells: Sequence[str]) -> str:
    """Return a line of a table in Markdown; `markdown_cell` makes a cell of a text of any kind."""
    return f"| {' | '.join(cells)} |"


def markdown_cell(text: str) -> str:
    """Return a text as a cell of a table in Markdown; mark-up in it stays mark-up."""
    return text.replace("|", r"\|").replace("\n", " ")


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number with its noun: '1 finding', '1,200 findings'."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
