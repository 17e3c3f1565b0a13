"""What a killed process has left in the home folder is removed by the next build."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from installation import UNJUDGED, Installation

from pipedrive_graph.config import leftovers
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.leftovers import OLD
from pipedrive_graph.config.settings import Settings

TEMPORARIES = (
    ".identity_graph.duckdb.tmp",
    ".warehouse.duckdb.tmp",
    "warehouse.duckdb.tmp/duckdb_temp_storage-0.tmp",
    "reports/default/.access_report.html.tmp",
    "exports/.csv.tmp/users.csv",
    "landing/default/20261101T020000-000000/.known.json.tmp",
    "journal/.default.head.json.tmp",
    "alerts/.default.json.tmp",
    "runs/.default.json.tmp",
    "tokens/.default.json.tmp",
)
OTHERS = ("notes.tmp", "exports/mine.tmp")
"""Files that somebody has put there."""


def write(home: Path, names: tuple[str, ...], *, age: float) -> None:
    for name in names:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Ana <ana@example.com>")
        for one in (path, path.parent):
            os.utime(one, (time.time() - age,) * 2)


def left(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_old_temporary_files_are_removed_by_a_night(serve, home) -> None:
    installation = Installation.of(home, serve(users=8), UNJUDGED)
    write(home, TEMPORARIES + OTHERS, age=OLD + 60)

    installation.night()

    assert left(home) & {*TEMPORARIES, *OTHERS} == {*OTHERS}
    assert not (home / "warehouse.duckdb.tmp").exists()
    assert not (home / "exports" / ".csv.tmp").exists()


@pytest.mark.slow
def test_what_somebody_may_be_writing_stays(serve, home) -> None:
    installation = Installation.of(home, serve(users=8), UNJUDGED)
    recent = tuple(name for name in TEMPORARIES if "duckdb" not in name)  # these the night writes itself
    write(home, recent, age=OLD - 60)

    installation.night()

    assert {*recent} <= left(home)


def test_folders_that_an_earlier_version_left_open_are_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    folders = [
        "landing",
        "landing/acme",
        "landing/acme/20261101T020000-000000",
        "journal/acme.rosters",
        "alerts",
    ]
    for name in folders:
        (home / name).mkdir(parents=True, exist_ok=True)
        (home / name).chmod(0o755)
    (home / "journal").chmod(0o755)

    leftovers.close_folders(Settings(home, (Company("acme"),)), ["acme"])

    assert {path.stat().st_mode & 0o777 for path in home.rglob("*")} == {0o700}
