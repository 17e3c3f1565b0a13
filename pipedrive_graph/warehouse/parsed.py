"""Caches the results of parsing queries in a file, so that a process need not parse sql/ when it starts.

The key of an entry is the digest of its query. Entries are valid for one version of sqlglot and of our
parser. A file that is missing, damaged, of another version or untrusted counts as empty; a file that cannot
be written is skipped. The queries are then parsed again, and nothing else changes.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pipedrive_graph.common import files, trust
from pipedrive_graph.errors import PipedriveGraphError

_log = logging.getLogger(__name__)

_LARGEST_FILE = 4 * 2**20


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """The result of parsing a query.

    Attributes:
        reads: the names in the query: tables as `schema.name`, calls as `call:name`, CTEs as `cte:name`.
        sha256: digest of the tokens; it ignores comments, white space and the case of unquoted words.
    """

    reads: frozenset[str]
    sha256: str


_parsed: dict[str, ParsedQuery] = {}
"""The queries that this process has parsed or read from a file, by digest of the query's text."""


class ParsedQueries:
    """A cache of parsed queries, backed by a file if one is given."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._kept = {} if file is None else _read(file)
        self._used: dict[str, ParsedQuery] = {}

    def parse(self, text: str, *, place: str, line: int) -> ParsedQuery:
        """Parse a query, or return it from the cache. Raises what `queries.parse` raises."""
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        query = _parsed.get(digest, self._kept.get(digest))
        if query is None:
            from pipedrive_graph.warehouse import queries  # sqlglot takes long to import

            query = queries.parse(text, place=place, line=line)
        self._used[digest] = _parsed[digest] = query
        return query

    def save(self) -> None:
        """Write exactly the queries used so far to the file, unless it holds the same queries already."""
        version = _version()
        if self._file is None or version is None or self._used.keys() == self._kept.keys():
            return
        queries = {
            digest: {"reads": sorted(query.reads), "sha256": query.sha256}
            for digest, query in sorted(self._used.items())
        }
        content = json.dumps({"version": version, "sha256": _seal(queries), "queries": queries}, indent=0)
        try:
            files.write_atomically(self._file, content.encode())
        except (OSError, PipedriveGraphError) as error:
            _log.debug("The parsed queries are not cached: %s", error)


def _read(file: Path) -> dict[str, ParsedQuery]:
    """The entries of a file; empty if the file cannot be used."""
    try:
        if not file.is_file():  # reading a pipe would block
            return {}
        trust.check(file)
        content: Any = json.loads(files.read_bounded(file, _LARGEST_FILE))
        if _version() is None or content["version"] != _version():
            return {}
        entries = content["queries"]
        if content["sha256"] != _seal(entries):  # damaged: a wrong table name would make every run fail
            return {}
        return {
            digest: ParsedQuery(frozenset(map(_text, entry["reads"])), _text(entry["sha256"]))
            for digest, entry in entries.items()
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        _log.debug("%s is not used: %r", file, error)
    except PipedriveGraphError as error:
        _log.debug("%s is not used: %s", file, error)
    return {}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return value


def _seal(queries: dict[str, Any]) -> str:
    """A checksum of the entries."""
    return hashlib.sha256(json.dumps(queries, sort_keys=True).encode()).hexdigest()


@cache
def _version() -> str | None:
    """The versions of sqlglot and of our parser, on which entries depend; None if they are unknown."""
    try:
        parser = hashlib.sha256(Path(__file__).with_name("queries.py").read_bytes()).hexdigest()
        return f"sqlglot {metadata.version('sqlglot')}, queries.py {parser}"
    except (OSError, metadata.PackageNotFoundError):  # installed without source files
        return None
