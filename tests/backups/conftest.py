"""A home folder with one snapshot of a small company, which is copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import UNJUDGED, Installation

from pipedrive_graph.simulator.server import Options, Simulator


@pytest.fixture(scope="session", autouse=True)
def no_authorities() -> Iterator[None]:
    """Remove the developer's certificate authorities, which are not files of the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One snapshot, and configuration and state files of every kind; tests must not change it."""
    home = tmp_path_factory.mktemp("night") / "home"
    with Simulator(Options(users=8, limit=4000)) as simulator:
        installation = Installation.of(home, simulator, UNJUDGED)
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-20T02:00:00+00:00"
        installation.night()
    for name, text in {
        "tokens/default.json": '{"refresh_token": "c4n4ry-t0ken"}',
        "alerts/default.json": "{}",
        "rules/README.md": "Ours.\n",
        "hr/people.csv": "email,status\n",
        "waivers.toml": "# none\n",
        "exports/csv/users.csv": "user_id\n",
        "exports.json": "{}",
        "cache/sql.json": "{}",
        "notes.txt": "of somebody\n",
    }.items():
        path = home / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text)
    (home / "landing" / "default" / ".lock").write_text("1")
    (home / "journal").mkdir(mode=0o700, exist_ok=True)
    (home / "journal" / "default.ndjson").write_bytes(b"")
    installation.variables["PIPEDRIVE_ROSTER"] = "hr/people.csv"
    return installation


@pytest.fixture
def installation(night: Installation, tmp_path: Path) -> Installation:
    """A copy of that home folder."""
    shutil.copytree(night.home, tmp_path / "home")
    return Installation(tmp_path / "home", {**night.variables}, UNJUDGED)


@pytest.fixture
def elsewhere(night: Installation, tmp_path: Path) -> Installation:
    """The path of a home folder that does not exist yet."""
    return Installation(tmp_path / "elsewhere" / "home", {**night.variables}, UNJUDGED)
