"""Keeps the results of parsing queries in a file, so that a process need not parse sql/ when it starts.

An entry is found by the digest of its query. The entries hold for one version of sqlglot and of our parser
only. A file that is missing, damaged, of another version or not to be trusted counts as empty, and one that
cannot be written is not written: then the queries are parsed again, and nothing else changes.
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
    """What the parser finds in a query.

    Attributes:
        reads: the names in it: tables as `schema.name`, calls as `call:name`, CTEs as `cte:name`.
        sha256: digest of its tokens. Comments, white space and the case of unquoted words do not count.
    """

    reads: frozenset[str]
    sha256: str


_parsed: dict[str, ParsedQuery] = {}
"""What this process has parsed or found in a file, by digest of the query's text."""


class ParsedQueries:
    """What is known of queries by parsing them; kept in a file where one is given."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._kept = {} if file is None else _read(file)
        self._used: dict[str, ParsedQuery] = {}

    def parse(self, text: str, *, place: str, line: int) -> ParsedQuery:
        """Parse a query as `queries.parse` does, and raise what it raises."""
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        query = _parsed.get(digest, self._kept.get(digest))
        if query is None:
            from pipedrive_graph.warehouse import queries  # sqlglot takes long to import

            query = queries.parse(text, place=place, line=line)
        self._used[digest] = _parsed[digest] = query
        return query

    def save(self) -> None:
        """Write the queries used so far to the file, without any others, if it does not hold just these."""
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
            _log.debug("What the queries read is not kept: %s", error)


def _read(file: Path) -> dict[str, ParsedQuery]:
    """What a file holds; nothing where it cannot be used."""
    try:
        if not file.is_file():  # a pipe would be waited for
            return {}
        trust.check(file)
        content: Any = json.loads(files.read_bounded(file, _LARGEST_FILE))
        if _version() is None or content["version"] != _version():
            return {}
        kept = content["queries"]
        if content["sha256"] != _seal(kept):  # a damage: a table by another name would end every run
            return {}
        return {
            digest: ParsedQuery(frozenset(map(_text, entry["reads"])), _text(entry["sha256"]))
            for digest, entry in kept.items()
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        _log.debug("%s is not used: %r", file, error)
    except PipedriveGraphError as error:
        _log.debug("%s is not used: %s", file, error)
    return {}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _seal(queries: dict[str, Any]) -> str:
    """The sha256 of what is kept."""
    return hashlib.sha256(json.dumps(queries, sort_keys=True).encode()).hexdigest()


@cache
def _version() -> str | None:
    """What entries depend on besides the query: sqlglot, and our parser; None where that is not known."""
    try:
        parser = hashlib.sha256(Path(__file__).with_name("queries.py").read_bytes()).hexdigest()
        return f"sqlglot {metadata.version('sqlglot')}, queries.py {parser}"
    except (OSError, metadata.PackageNotFoundError):  # an installation without sources
        return None
