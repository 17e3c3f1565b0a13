"""Removes what processes that were killed have left in the home folder: temporary files, which hold people.

A temporary file is replaced by the next writer of the same file, but an export that nobody repeats would stay
for ever. So each build removes what has not been written to for an hour. Files beside a report or a review
that somebody has put elsewhere (`--out`) are not looked for. It also closes the folders that earlier versions
have left open to other users.
"""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pipedrive_graph.common import environment, trust
from pipedrive_graph.config.settings import Settings

OLD = 3_600
"""Seconds after which nobody is still writing: no file of a home takes so long between two writes."""

_ENDING = ".tmp"


def remove(settings: Settings, companies: Sequence[str]) -> None:
    """Remove temporary files and folders that are old; one that cannot be removed stays.

    The caller holds the lock of the warehouse.

    Args:
        settings: where everything lies.
        companies: those that are built; the snapshots and reports of others are not looked through.
    """
    oldest = time.time() - OLD
    for path in _temporaries(settings.home, companies):
        with suppress(OSError):
            if _written(path) < oldest:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def close_folders(settings: Settings, companies: Sequence[str]) -> None:
    """Take the rights of other users from the folders of data; one that is another user's stays as it is.

    Earlier versions made folders by the umask. Those of reports and exports have a setting of their own.
    """
    rights = 0o007 if environment.value(trust.GROUP_VARIABLE) else 0o077
    home = settings.home
    landing = [settings.landing, *(settings.landing / company for company in companies)]
    for folder in (*landing, settings.journal, home / "alerts", home / "tokens"):
        for path in (folder, *(() if folder == settings.landing else folder.glob("*"))):
            with suppress(OSError):
                mode = stat.S_IMODE(path.lstat().st_mode)
                if mode & rights and path.is_dir() and not path.is_symlink():
                    path.chmod(mode & ~rights)


def _temporaries(home: Path, companies: Sequence[str]) -> Iterator[Path]:
    """The temporaries of the home: their names begin with a dot, those to which DuckDB spills do not."""
    spilled = [path for path in home.glob(f"*{_ENDING}") if path.is_dir()]
    yield from spilled
    yield from (path for path in home.glob(f".*{_ENDING}") if path not in spilled)
    of_companies = [f"{folder}/{company}" for company in companies for folder in ("landing", "reports")]
    for name in (*of_companies, "exports", "journal", "alerts", "runs", "tokens", "cache"):
        yield from sorted((home / name).rglob(f".*{_ENDING}"))


def _written(path: Path) -> float:
    """When a file, or the newest one of a folder, was written to last."""
    inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
    times: list[float] = [one.lstat().st_mtime for one in (path, *inside)]
    return max(times)
