"""Searches all bytes of every file in the home, and every row of its databases, for a person.

Compressed files and archives are unpacked. So the search verifies the work of the other modules of this
package independently.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import duckdb

from pipedrive_graph.common.interrupted import FOLDER
from pipedrive_graph.config.home import Home
from pipedrive_graph.forget.who import Person, escaped
from pipedrive_graph.warehouse.database import attached, rows

_OWN = ("landing", "journal", "reports", "exports", "cache")
_DATABASE = ".duckdb"


def held(home: Home, person: Person, companies: Collection[str], *, all_companies: bool) -> Iterator[Path]:
    """The files of the home that name a person, sorted by path.

    Args:
        home: the home folder.
        person: the person to search for.
        companies: the companies whose files are searched.
        all_companies: whether these are all companies, so that every file is searched.
    """
    if not person.known:
        return
    pattern = _pattern(person)
    for path in sorted(home.folder.rglob("*")):
        below = path.relative_to(home.folder)
        if below.parts[0].startswith(FOLDER) or not path.is_file() or path.is_symlink():
            continue
        if not all_companies and not _is_of(below, companies):
            continue
        shared = path.suffix == _DATABASE and not all_companies  # it holds rows of other companies, too
        in_bytes = not shared and _is_in_bytes(path, pattern)
        if in_bytes or _is_in_rows(path, person, companies, all_companies=all_companies):
            yield path


def is_own(home: Home, path: Path) -> bool:
    """Whether this program writes a file, so that `forget` can rewrite it."""
    below = path.relative_to(home.folder)
    is_state = below.parts[0] in {"alerts", "runs", "tokens"} and path.suffix == ".json"
    return below.parts[0] in _OWN or is_state or path in {home.warehouse, home.published}


def names(path: Path, person: Person) -> bool:
    """Whether a file or its unpacked content names a person."""
    return _is_in_bytes(path, _pattern(person))


def _is_of(below: Path, companies: Collection[str]) -> bool:
    """Whether a file belongs to one of the companies, or to all."""
    if below.parts[0] in {"landing", "reports"} and len(below.parts) > 1:
        return below.parts[1] in companies
    if below.parts[0] in {"journal", "alerts", "runs", "tokens"} and len(below.parts) > 1:
        return below.parts[1].partition(".")[0] in companies
    return True


def _pattern(person: Person) -> re.Pattern[bytes]:
    """Like `Person.pattern`, for bytes and for texts with JSON escapes."""
    texts = {form for text in person.texts for form in (text.encode(), escaped(text).encode())}
    parts = [rb"(?<!\w)%s(?!\w)" % re.escape(text) for text in sorted(texts)]
    parts += [rb"(?<!\d)%d(?!\d)" % each for each in person.long_ids]
    return re.compile(b"|".join(parts) or rb"(?!)", re.IGNORECASE)


def _is_in_bytes(path: Path, pattern: re.Pattern[bytes]) -> bool:
    try:
        return any(pattern.search(content) for content in _unpacked(path.read_bytes()))
    except OSError:
        return False


def _unpacked(content: bytes) -> Iterator[bytes]:
    """The bytes of a file, and of its unpacked content."""
    yield content
    with suppress(OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError):
        if content.startswith(b"\x1f\x8b"):
            yield from _unpacked(gzip.decompress(content))
        elif content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for name in archive.namelist():
                    yield name.encode()
                    yield from _unpacked(archive.read(name))


def _is_in_rows(path: Path, person: Person, companies: Collection[str], *, all_companies: bool) -> bool:
    """Whether a file is a database with a row that names the person."""
    if path.suffix != _DATABASE:
        return False
    texts = [rf"(^|\W){re.escape(text)}(\W|$)" for text in sorted(person.texts)]
    ids = [rf"(^|\D){each}(\D|$)" for each in person.long_ids]
    wanted = "|".join([*texts, *ids]) or r"[^\s\S]"
    try:
        with attached(path) as connection:
            for schema, table, columns in rows(
                connection,
                "SELECT schema_name, table_name, list(column_name) FROM duckdb_columns()"
                " WHERE database_name = 'held' AND NOT internal GROUP BY ALL",
            ):
                only = (
                    ""
                    if all_companies or "company" not in columns
                    else "list_contains($companies, company) AND "
                )
                own = " OR list_contains($ids, user_id)" if "user_id" in columns else ""
                query = (
                    f'SELECT 1 FROM held."{schema}"."{table}" AS row_'  # noqa: S608 - names of our own
                    f" WHERE {only}(regexp_matches(CAST(row_ AS VARCHAR), $wanted, 'i'){own}) LIMIT 1"
                )
                parameters = {"wanted": wanted}
                parameters |= {"companies": list(companies)} if only else {}  # type: ignore[dict-item]
                parameters |= {"ids": sorted(person.ids)} if own else {}  # type: ignore[dict-item]
                if connection.execute(query, parameters).fetchall():
                    return True
    except duckdb.Error:
        return False
    return False
