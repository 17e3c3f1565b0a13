"""Turns DuckDB's error about a user's query into one sentence, and refuses queries that do more than read."""

from __future__ import annotations

import re

import duckdb

from pipedrive_graph.common.text import one_of
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.published.connection import Config

CLOSED: Config = {"enable_external_access": False}
"""Settings with which a query can read the published file only: no other file, no network."""

_CHANGING = re.compile(
    r"\b(enable_logging|disable_logging|truncate_duckdb_logs|logging_\w+|(?:en|dis)able_profil\w+|profile_output"
    r"|profiling_output|(?:force_)?checkpoint|enable_verification|verify_\w+|(?:de)?register_external_\w+"
    r"|(?:create|destroy)_external_\w+|json_execute_serialized_sql|import_database|copy_database"
    r"|\w*(?:pandas|arrow)_scan\w*|python_map_function|seq_scan|allocator_\w+|debug_\w+|query(?=\W*\())\b",
    re.IGNORECASE,
)
"""Functions and settings that change DuckDB's process, accept memory addresses, or run a query from a text.
One that logs to a file ends the process if it may not access files."""

_CLASS = re.compile(r"^[A-Z][A-Za-z ]* Error: ")
_LINE = re.compile(r"^LINE (\d+):", flags=re.MULTILINE)
_MEANT = re.compile(r'Did you mean "([^"]+)"')
_CANDIDATES = re.compile(r"^Candidate bindings: :? ?(.+)$", flags=re.MULTILINE)
_CALLS = re.compile(r"^\t(\w+\(.*\))$", flags=re.MULTILINE)

_TRANSLATIONS = (
    (r"^Table with name (\S+) does not exist", r"There is no table \1"),
    (r"^Table Function with name (\S+) does not exist", r"There is no macro \1"),
    (r"^(?:Scalar|Aggregate) Function with name (\S+) does not exist", r"There is no function \1"),
    (r'^Referenced column "(.+?)" not found in FROM clause', r"There is no column \1"),
    (r'^Table "(.+?)" does not have a column named "(.+?)"', r"The table \1 has no column \2"),
    (r"^Macro (\w+)\(\) does not support the supplied arguments\..*", r"The macro \1 takes other arguments"),
    (
        r'^Cannot execute statement of type "(\w+)" on database .* read-only mode',
        r"The published file is read-only and does not accept \1; use SELECT",
    ),
    (
        r"^Cannot access directory .* disabled.*",
        "A query may only read the published file, and cannot install extensions",
    ),
    (r"^syntax error", "Syntax error"),
    (
        r'^Cannot access file "(.*)" - file system operations are disabled.*',
        r"A query may only read the published file, not \1",
    ),
    (
        r"^Cannot enable external access.*",
        "A query may only read the published file, and cannot change that",
    ),
)
"""DuckDB's messages, and the same without DuckDB's internal terms."""


def check(query: str) -> None:
    """Refuse a query that does more than read the tables.

    Raises:
        PipedriveGraphError: with the name of the function or setting.
    """
    if match := _CHANGING.search(query):
        raise PipedriveGraphError(
            f"A query may only read the published file, and {match[1]} does more: remove it."
        )


def sentence(error: duckdb.Error) -> str:
    """Return DuckDB's error about a query as one sentence, with suggested names."""
    message = str(error).strip()
    first, _, more = _CLASS.sub("", message).partition("\n")
    text = first.rstrip(".!?") if more or not first.endswith("?") else first
    for pattern, better in _TRANSLATIONS:
        text = re.sub(pattern, better, text)
    line = _LINE.search(more)
    if line and line[1] != "1":
        text = f"line {line[1]}: {text}"
    hint = _hint(first, more)
    if hint:
        return f"{text}{hint}"
    return text if text.endswith("?") else f"{text}."


def _hint(first: str, more: str) -> str:
    meant, candidates, calls = _MEANT.search(more), _CANDIDATES.search(more), _CALLS.findall(more)
    if meant:
        return f"; did you mean {meant[1]}?"
    if candidates:
        wanted = re.findall(r'"([^"]+)"', first)
        return one_of(wanted[-1] if wanted else "", re.findall(r'"([^"]+)"', candidates[1]))
    return f": {' or '.join(calls)}." if calls else ""
