"""Finds mentions in files that people write: `forget` does not change these, but lists each line to edit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pipedrive_graph.backups.needs import FILES_OF_SETTINGS
from pipedrive_graph.config.home import Home
from pipedrive_graph.forget.change import Item

_LARGEST = 64 * 2**20
_FILES = (*sorted(FILES_OF_SETTINGS), "alerts/last_alerts.toml", "explore.py")


def mentions(home: Home, rosters: Iterable[Path], texts: tuple[str, ...]) -> Iterator[Item]:
    """An item per line of these files that contains one of the texts."""
    return matching(home, rosters, lambda line: any(text in line for text in texts))


def matching(home: Home, rosters: Iterable[Path], matches: Callable[[str], bool]) -> Iterator[Item]:
    """An item per matching line of these files."""
    paths = [home.folder / name for name in _FILES]
    for path in dict.fromkeys([*paths, *sorted((home.folder / "rules").glob("*")), *rosters]):
        yield from _lines(home, path, matches)


def _lines(home: Home, path: Path, matches: Callable[[str], bool]) -> Iterator[Item]:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    place = path.relative_to(home.folder).as_posix() if path.is_relative_to(home.folder) else str(path)
    for number, line in enumerate(lines, 1):
        if matches(line):
            yield Item(None, "edit", "file", place, f"change line {number} yourself")
