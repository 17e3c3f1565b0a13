"""The configuration is loaded at the door: each file is opened at most once by a command."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from installation import Installation

from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.common import clock, files
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ConfigurationError

FILES = {
    "settings.toml": '[metrics]\ntextfile = "graph.prom"\n',
    "findings.toml": "[thresholds]\ndormant_admin_days = 61\n",
    "waivers.toml": (
        '[[waiver]]\nrule = "shadow_admin"\nsubject = "x@example.com"\nreason = "r"\nowner = "o"\n'
        "expires = {expires}\n"
    ),
    "reviews.toml": 'default = "mara@example.com"\n',
    "alerts.toml": '[[alert]]\nkind = "heartbeat"\nurl_env = "HEARTBEAT_URL"\n',
}
"""A file of each kind, beside companies.toml."""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each TOML file of a home folder was opened, by its name."""
    counts = Counter[str]()

    def read_bounded(path: Path, limit: int, read=files.read_bounded) -> bytes:
        if path.suffix == ".toml" and path.parent.name != "sql":
            counts[path.name] += 1
        return read(path, limit)

    monkeypatch.setattr(files, "read_bounded", read_bounded)
    return counts


@pytest.mark.slow
def test_a_command_opens_each_file_at_most_once(home, simulator, opened: Counter[str]) -> None:
    home.mkdir()
    installation = Installation.of(home, simulator)
    expires = clock.now().date() + timedelta(days=30)
    for name, text in FILES.items():
        (home / name).write_text(text.replace("{expires}", expires.isoformat()))
    (home / "companies.toml").write_text(
        f'[acme]\napi_token_env = "PIPEDRIVE_API_TOKEN"\nbase_url = "{simulator.url}"\n'
    )
    (home / "rules").mkdir()

    def counted(*arguments: str) -> Counter[str]:
        opened.clear()
        ended = installation.command(*arguments)
        assert ended.code in {0, 4, 6}, ended
        return Counter(opened)

    of_sync = counted("sync")
    of_findings = counted("findings", "--json")
    listed = installation.command("findings", "--json").objects
    finding = listed[0]["finding_id"]
    of_one = counted("findings", finding)
    of_waive = counted("waive", finding, "--reason", "known", "--until", expires.isoformat())
    of_review = counted("review", "open", "--out", str(home / "review.csv"))

    all_files = {"companies.toml", *FILES}
    assert of_sync == dict.fromkeys(all_files, 1)
    assert of_findings == dict.fromkeys(["companies.toml", "settings.toml", "findings.toml"], 1)
    assert of_one == of_findings
    assert of_waive == dict.fromkeys(["companies.toml", "settings.toml", "findings.toml", "waivers.toml"], 1)
    assert of_review == dict.fromkeys(["companies.toml", "settings.toml", "findings.toml", "reviews.toml"], 1)


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
