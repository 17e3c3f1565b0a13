"""Makes external text safe to show, suggests names for unknown ones, and writes Markdown tables."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Sequence

FORMULA_STARTS = (
    "=", "+", "-", "@", "\t", "\r", "\n",
    "\uff1d", "\uff0b", "\uff0d", "\uff20",  # the same as full-width signs, which some programs accept
)  # fmt: skip
"""Characters at the start of a text that a spreadsheet treats as a formula."""

FORMULA = re.compile(
    r"(?:[\s'\x00\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\xad\u061c\u180e])*"
    rf"[{re.escape(''.join(FORMULA_STARTS))}]"
)
"""A text that starts like a formula, even after spaces and invisible characters."""

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_DIRECTIONS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")

_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202e"
    r"\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
"""Characters that control a terminal or are invisible: controls, marks of direction, without width."""


def is_text(text: str) -> bool:
    """Whether a text was valid UTF-8; Python keeps other bytes as halves of surrogate pairs."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def printable(text: str) -> str:
    """Return `text` on one line for a terminal, with a visible mark for each unprintable character.

    These are control characters, marks that change the direction of text, and characters without width, so
    that two names that look the same can be distinguished.
    """
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


def escaped(document: str) -> str:
    r"""Return a line of JSON with `\u` escapes for the characters that `printable` replaces."""
    return _UNSEEN.sub(lambda match: json.dumps(match[0])[1:-1], document)


def legible(text: str) -> str:
    """Return `text` for a page: on one line, and without marks that change the direction of other text.

    A name may contain an override that makes the text after it read backwards; a name in a right-to-left
    script stays as it is.
    """
    return _DIRECTIONS.sub("\N{REPLACEMENT CHARACTER}", CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text))


def safe_cell(value: object) -> str:
    """Return `value` as a cell that spreadsheets do not treat as a formula.

    A text that starts like a formula gets an apostrophe in front, as OWASP advises against CSV injection;
    control characters, which a terminal might execute, are replaced.
    """
    raw = "" if value is None else str(value)
    return f"'{printable(raw)}" if FORMULA.match(raw) else printable(raw)


def similar(name: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return the known names that are most similar to an unknown one, best first; case does not count."""
    names = {each.casefold(): each for each in known}
    return [names[match] for match in difflib.get_close_matches(name.casefold(), list(names), most, cutoff)]


def near(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: a suggestion, or a full stop."""
    names = similar(name, known)
    return f"; did you mean {names[0]}?" if names else "."


def meant(name: str, known: Iterable[str]) -> str:
    """Return a suggestion for an unknown name, for the middle of a sentence; empty if there is none."""
    names = similar(name, known)
    return f" (did you mean {names[0]}?)" if names else ""


def one_of(name: str, known: Sequence[str]) -> str:
    """Return the end of a sentence about an unknown name: up to three suggestions, or all known names."""
    names = similar(name, known, most=3, cutoff=0.7)
    return f"; did you mean {' or '.join(names)}?" if names else f"; there are: {', '.join(known)}."


def listed(texts: Sequence[str], last: str = "and") -> str:
    """Return texts as a list in a sentence: `a, b and c`."""
    return f" {last} ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown.

    Args:
        columns: the names of the columns.
        rows: the cells, prepared for `markdown_line`.
    """
    yield markdown_line(columns)
    yield "|" + "---|" * len(columns)
    yield from map(markdown_line, rows)


def markdown_line(cells: Sequence[str]) -> str:
    """Return a line of a table in Markdown; use `markdown_cell` for cells with arbitrary text."""
    return f"| {' | '.join(cells)} |"


def markdown_cell(text: str) -> str:
    """Return a text as a cell of a table in Markdown; mark-up in it is kept."""
    return text.replace("|", r"\|").replace("\n", " ")


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun: '1 finding', '1,200 findings'."""
    return f"{count:,} {singular if count == 1 else plural or f'{singular}s'}"
