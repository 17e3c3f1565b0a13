"""Removes temporary files with personal data that killed processes left in the home folder.

The next write of the same file replaces a temporary file, but that of an export might never be repeated. So
each build removes temporary files that were not written to for an hour. Files beside a report or a
review outside the home folder (`--out`) are not searched for. It also closes folders that earlier versions
left open to other users.
"""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pipedrive_graph.common import environment, trust
from pipedrive_graph.config.home import Home

OLD = 3_600
"""Seconds after the last write after which a temporary file is abandoned; no write takes so long."""

_ENDING = ".tmp"


def remove(home: Home, companies: Sequence[str]) -> None:
    """Remove old temporary files and folders; one that cannot be removed stays.

    The caller holds the lock of the warehouse.

    Args:
        home: the home folder.
        companies: the companies that are built; the folders of others are not searched.
    """
    oldest = time.time() - OLD
    for path in _temporaries(home.folder, companies):
        with suppress(OSError):
            if _written(path) < oldest:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def close_folders(home: Home, companies: Sequence[str]) -> None:
    """Remove other users' access to the folders of data; a folder of another user stays as it is.

    Earlier versions created folders according to the umask. Reports and exports have their own setting.
    """
    rights = 0o007 if environment.value(trust.GROUP_VARIABLE) else 0o077
    landing = [home.landing, *(home.landing / company for company in companies)]
    for folder in (*landing, home.journal, home.folder / "alerts", home.folder / "tokens"):
        for path in (folder, *(() if folder == home.landing else folder.glob("*"))):
            with suppress(OSError):
                mode = stat.S_IMODE(path.lstat().st_mode)
                if mode & rights and path.is_dir() and not path.is_symlink():
                    path.chmod(mode & ~rights)


def _temporaries(home: Path, companies: Sequence[str]) -> Iterator[Path]:
    """Yield the temporary files: their names start with a dot, except DuckDB's folders for spilled data."""
    spilled = [path for path in home.glob(f"*{_ENDING}") if path.is_dir()]
    yield from spilled
    yield from (path for path in home.glob(f".*{_ENDING}") if path not in spilled)
    of_companies = [f"{folder}/{company}" for company in companies for folder in ("landing", "reports")]
    for name in (*of_companies, "exports", "journal", "alerts", "runs", "tokens", "cache"):
        yield from sorted((home / name).rglob(f".*{_ENDING}"))


def _written(path: Path) -> float:
    """Return when a file, or the newest file in a folder, was last written to."""
    inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
    times: list[float] = [file.lstat().st_mtime for file in (path, *inside)]
    return max(times)
