"""Says in one sentence what DuckDB refuses in somebody's query of the published file."""

from __future__ import annotations

import re

import duckdb

from pipedrive_graph.common.text import one_of
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.published.connection import Config

CLOSED: Config = {"enable_external_access": False}
"""How to open the file where a query may read it, and nothing else: no other file, no network."""

_CHANGING = re.compile(
    r"\b(enable_logging|disable_logging|truncate_duckdb_logs|logging_\w+|(?:en|dis)able_profil\w+|profile_output"
    r"|profiling_output|(?:force_)?checkpoint|enable_verification|verify_\w+|(?:de)?register_external_\w+"
    r"|(?:create|destroy)_external_\w+|json_execute_serialized_sql|import_database|copy_database"
    r"|\w*(?:pandas|arrow)_scan\w*|python_map_function|seq_scan|allocator_\w+|debug_\w+|query(?=\W*\())\b",
    re.IGNORECASE,
)
"""Functions and settings that change DuckDB's process or take addresses of its memory, and those that run a
query in a text: one that writes logs to a file ends the process where files are out of reach."""

_CLASS = re.compile(r"^[A-Z][A-Za-z ]* Error: ")
_LINE = re.compile(r"^LINE (\d+):", flags=re.MULTILINE)
_MEANT = re.compile(r'Did you mean "([^"]+)"')
_CANDIDATES = re.compile(r"^Candidate bindings: :? ?(.+)$", flags=re.MULTILINE)
_CALLS = re.compile(r"^\t(\w+\(.*\))$", flags=re.MULTILINE)

_SAID = (
    (r"^Table with name (\S+) does not exist", r"There is no table \1"),
    (r"^Table Function with name (\S+) does not exist", r"There is no macro \1"),
    (r"^(?:Scalar|Aggregate) Function with name (\S+) does not exist", r"There is no function \1"),
    (r'^Referenced column "(.+?)" not found in FROM clause', r"There is no column \1"),
    (r'^Table "(.+?)" does not have a column named "(.+?)"', r"The table \1 has no column \2"),
    (r"^Macro (\w+)\(\) does not support the supplied arguments\..*", r"The macro \1 is called otherwise"),
    (
        r'^Cannot execute statement of type "(\w+)" on database .* read-only mode',
        r"The published file is read-only, and takes no \1; ask it with SELECT",
    ),
    (r"^Cannot access directory .* disabled.*", "A query reads the published file, and installs nothing"),
    (r"^syntax error", "Syntax error"),
    (
        r'^Cannot access file "(.*)" - file system operations are disabled.*',
        r"A query reads the published file and nothing else, so not \1",
    ),
    (
        r"^Cannot enable external access.*",
        "A query reads the published file and nothing else, and cannot change that",
    ),
)
"""What DuckDB says, and the same for who does not think of catalogues and bindings."""


def check(query: str) -> None:
    """Refuse a query that does more than read the tables.

    Raises:
        PipedriveGraphError: naming what it uses.
    """
    if found := _CHANGING.search(query):
        raise PipedriveGraphError(
            f"A query reads the published file, and {found[1]} does more than that: leave it out."
        )


def sentence(error: duckdb.Error) -> str:
    """What DuckDB says about a query, in one sentence, with the names that may be meant."""
    message = str(error).strip()
    first, _, more = _CLASS.sub("", message).partition("\n")
    said = first.rstrip(".!?") if more or not first.endswith("?") else first
    for pattern, better in _SAID:
        said = re.sub(pattern, better, said)
    line = _LINE.search(more)
    if line and line[1] != "1":
        said = f"line {line[1]}: {said}"
    hint = _hint(first, more)
    return f"{said}{hint}" if hint else said if said.endswith("?") else f"{said}."


def _hint(first: str, more: str) -> str:
    meant, candidates, calls = _MEANT.search(more), _CANDIDATES.search(more), _CALLS.findall(more)
    if meant:
        return f"; did you mean {meant[1]}?"
    if candidates:
        wanted = re.findall(r'"([^"]+)"', first)
        return one_of(wanted[-1] if wanted else "", re.findall(r'"([^"]+)"', candidates[1]))
    return f": {' or '.join(calls)}." if calls else ""
