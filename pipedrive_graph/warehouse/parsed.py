"""Keeps what queries read in a file, so that a process need not parse all of sql/ when it starts.

An entry is found by the digest of its query. The entries hold for one version of sqlglot and of our parser
only. A file that is missing, damaged, of another version or not to be trusted counts as empty, and one that
cannot be written is not written: then the queries are parsed again, and nothing else changes.
"""

from __future__ import annotations

import hashlib
import json
import logging
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pipedrive_graph import files, trust
from pipedrive_graph.errors import PipedriveGraphError

_log = logging.getLogger(__name__)

_LARGEST_FILE = 4 * 2**20

_parsed: dict[str, frozenset[str]] = {}
"""What this process has parsed or found in a file, by digest."""


class ParsedQueries:
    """What queries read; kept in a file where one is given."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._kept = {} if file is None else _read(file)
        self._used: dict[str, frozenset[str]] = {}

    def reads(self, text: str, *, place: str, line: int) -> frozenset[str]:
        """Return the names in a query, as `queries.parse` does, and raise what it raises."""
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        names = _parsed.get(digest, self._kept.get(digest))
        if names is None:
            from pipedrive_graph.warehouse import queries  # sqlglot takes long to import

            names = queries.parse(text, place=place, line=line)
        self._used[digest] = _parsed[digest] = names
        return names

    def save(self) -> None:
        """Write the queries used so far to the file, without any others, if it does not hold just these."""
        version = _version()
        if self._file is None or version is None or self._used.keys() == self._kept.keys():
            return
        queries = {digest: sorted(names) for digest, names in sorted(self._used.items())}
        content = json.dumps({"version": version, "sha256": _seal(queries), "queries": queries}, indent=0)
        try:
            files.write_atomically(self._file, content.encode())
        except (OSError, PipedriveGraphError) as error:
            _log.debug("What the queries read is not kept: %s", error)


def _read(file: Path) -> dict[str, frozenset[str]]:
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
        if not all(isinstance(name, str) for names in kept.values() for name in names):
            return {}
        return {digest: frozenset(names) for digest, names in kept.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        _log.debug("%s is not used: %r", file, error)
    except PipedriveGraphError as error:
        _log.debug("%s is not used: %s", file, error)
    return {}


def _seal(queries: dict[str, list[str]]) -> str:
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
