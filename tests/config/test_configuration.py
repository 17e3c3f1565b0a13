"""The configuration is loaded at the door: each file is opened at most once by a command."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from installation import Installation

from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.common import files
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.simulator.server import Simulator

FILES = {
    "settings.toml": '[metrics]\ntextfile = "graph.prom"\n',
    "findings.toml": "[thresholds]\ndormant_admin_days = 61\n",
    "waivers.toml": (
        '[[waiver]]\nrule = "shadow_admin"\nsubject = "x@example.com"\nreason = "r"\nowner = "o"\n'
        "expires = 2026-12-31\n"
    ),
    "reviews.toml": 'default = "mara@example.com"\n',
    "alerts.toml": '[[alert]]\nkind = "heartbeat"\nurl_env = "HEARTBEAT_URL"\n',
}
"""A file of each kind, beside companies.toml."""


@dataclass
class Counting:
    """Runs commands in an installation, and counts how often each opens each TOML file of a home folder."""

    installation: Installation
    opened: Counter[str] = field(default_factory=Counter)

    def __call__(self, *arguments: str, of: Installation | None = None, code: int = 0) -> set[str]:
        """The files that a command opened once, besides companies.toml and settings.toml."""
        self.opened.clear()
        ended = (of or self.installation).command(*arguments)
        assert ended.code in {code, 4}, (arguments, ended)
        assert {*self.opened.values()} == {1}, (arguments, self.opened)
        return {*self.opened} - {"companies.toml", "settings.toml"}


@pytest.fixture
def opened_by(home: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Counts what commands open in a home folder with one file of each kind."""
    home.mkdir()
    installation = Installation.of(home, simulator)
    installation.variables |= {
        "HEARTBEAT_URL": f"{simulator.url}/",
        "PIPEDRIVE_GRAPH_CLOCK": "2026-11-20T02:00:00+00:00",
    }
    for name, text in FILES.items():
        (home / name).write_text(text)
    (home / "companies.toml").write_text(
        f'[acme]\napi_token_env = "PIPEDRIVE_API_TOKEN"\nbase_url = "{simulator.url}"\n'
    )
    (home / "rules").mkdir()
    counting = Counting(installation)

    def read_bounded(path: Path, limit: int, read=files.read_bounded) -> bytes:
        if path.suffix == ".toml" and path.parent.name != "sql":
            counting.opened[path.name] += 1
        return read(path, limit)

    monkeypatch.setattr(files, "read_bounded", read_bounded)
    return counting


@pytest.mark.slow
def test_a_command_opens_each_file_at_most_once(opened_by: Counting) -> None:
    assert opened_by("sync", code=6) == {*FILES} - {"settings.toml"}
    (finding, *_) = opened_by.installation.command("findings", "--json").objects
    finding_id = finding["finding_id"]

    assert opened_by("findings", "--json") == {"findings.toml"}
    assert opened_by("findings", finding_id) == {"findings.toml"}
    of_waive = opened_by("waive", finding_id, "--reason", "known", "--until", "2026-12-31")
    assert of_waive == {"findings.toml", "waivers.toml"}
    assert opened_by("ack", finding_id, code=2) == {"findings.toml"}  # it is not an event
    assert opened_by("report") == {"findings.toml"}
    assert opened_by("status", code=1) == {"alerts.toml"}
    assert opened_by("alerts", code=2) == {"alerts.toml"}
    assert opened_by("doctor") == {*FILES} - {"settings.toml"}
    assert opened_by("verify") == {"alerts.toml"}
    assert opened_by("export", "--format", "csv") == set()
    assert opened_by("export", "--format", "sarif") == {"findings.toml"}
    assert opened_by("changes", "--since", "2026-11-20") == set()
    assert opened_by("sql", "SELECT 1") == set()
    assert opened_by("plan") == set()


@pytest.mark.slow
def test_a_command_that_rebuilds_opens_each_file_at_most_once(opened_by: Counting, home: Path) -> None:
    opened_by("sync", code=6)
    opened_by.installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-22T02:00:00+00:00"
    opened_by("sync", code=6)
    review, backup = home.with_name("review.csv"), home.with_name("backup.tar.gz")

    assert opened_by("review", "open", "--out", str(review)) == {"findings.toml", "reviews.toml"}
    with review.open(newline="", encoding="utf-8-sig") as file:
        header, first, *_ = csv.reader(file)
    first[header.index("decision")] = "revoke"
    with review.open("w", newline="") as file:
        csv.writer(file).writerows([header, first])
    assert opened_by("review", "import", str(review), "--by", "kim@example.com") == {"findings.toml"}
    assert opened_by("review", "status") == set()
    assert opened_by("rebuild") == {"findings.toml", "alerts.toml"}
    assert opened_by("forget", "--before", "2026-11-21") == set()
    of_forget = opened_by("forget", "--before", "2026-11-21", "--yes", "--reason", "old")
    assert of_forget == {"findings.toml"}
    assert opened_by("backup", str(backup)) == {"findings.toml", "alerts.toml"}
    other = Installation(home.with_name("other"), opened_by.installation.variables)
    assert opened_by("restore", str(backup), of=other) == {"findings.toml"}


def settings(home: Path) -> Settings:
    return Settings(home, (Company("acme"), Company("beta")))


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("findings.toml", "[threshold]", "policies"),
        ("waivers.toml", "[[waivers]]", "waivers"),
        ("reviews.toml", "owner = 1", "owners"),
        ("alerts.toml", "[[alerts]]", "alerts"),
    ],
)
def test_a_broken_file_stops_only_what_needs_it(tmp_path: Path, name: str, text: str, part: str) -> None:
    (tmp_path / name).write_text(text)
    configuration = Configuration(settings(tmp_path))
    needed = {"policies": {"policies", "models", "rule_names"}}.get(part, {part})

    for other in {"policies", "models", "rule_names", "waivers", "owners", "alerts"} - needed:
        getattr(configuration, other)
    errors = []
    for _ in range(2):
        with pytest.raises(ConfigurationError) as raised:
            getattr(configuration, part)
        errors.append(raised.value)

    assert str(errors[0]).startswith(f"{tmp_path}/{name}: ")
    assert errors[0] is errors[1]


def test_what_was_read_stays_although_the_file_changes(tmp_path: Path) -> None:
    (tmp_path / "reviews.toml").write_text('default = "mara@example.com"\n')
    configuration = Configuration(settings(tmp_path))
    before = configuration.owners
    (tmp_path / "reviews.toml").write_text("owner = 1")

    assert configuration.owners is before
    assert configuration.owners is not None
    assert configuration.owners.of("beta").default == "mara@example.com"
    with pytest.raises(ConfigurationError):
        _ = Configuration(settings(tmp_path)).owners
