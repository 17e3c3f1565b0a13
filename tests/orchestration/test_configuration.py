"""A mistake in the configuration: the definitions load, the run says what it is, an alert reports it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installation import Installation
from rule_file import about_users, rule_file

from pipedrive_graph.config import role_owners
from pipedrive_graph.orchestration.configuration import DefinitionsConfiguration, load_leniently
from pipedrive_graph.reviews.freeze import owners_problem

ALERTS = '[[alert]]\nkind = "webhook"\nurl_env = "WEBHOOK_URL"\n'
COMPANIES = "[acme]\napi_token_env = 'A'\n[beta]\napi_token_env = 'B'\n"


def broken(installation: Installation) -> DefinitionsConfiguration:
    """The configuration as Dagster loads it, which no run can use."""
    configuration = load_leniently(installation.environment)
    with pytest.raises(Exception, match=r".") as raised:
        configuration.settings  # noqa: B018 - it raises
    assert raised.value is configuration.problem
    return configuration


def a_directory(path: Path) -> None:
    path.mkdir()


def text(content: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(content) and None


BROKEN: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "a typo in findings.toml": (
        "findings.toml",
        text("dormant_admin_dayz = 60"),
        "{home}/findings.toml: 'dormant_admin_dayz' (line 1) is not a setting.",
    ),
    "no TOML in findings.toml": (
        "findings.toml",
        text("[rules"),
        "Cannot read {home}/findings.toml: Expected ']' at the end of a table declaration"
        " (at end of document).",
    ),
    "no folder of rules": (
        "findings.toml",
        text("[rules]\nfolder = 'ours'"),
        "{home}/findings.toml: [rules] folder: {home}/ours does not exist.",
    ),
    "rules are a file": (
        "rules",
        text(""),
        "Cannot read the folder of your own rules, {home}/rules: Not a directory.",
    ),
    "an unknown rule in waivers.toml": (
        "waivers.toml",
        text("[[waiver]]\nrule = 'shadow_admins'\nsubject='a'\nreason='b'\nowner='c'\nexpires=2026-12-31"),
        "{home}/waivers.toml: waiver 1: unknown rule shadow_admins; did you mean"
        " shadow_admin?",
    ),
    "a folder for waivers.toml": (
        "waivers.toml",
        a_directory,
        "Cannot read {home}/waivers.toml: Is a directory.",
    ),
    "a typo in alerts.toml": (
        "alerts.toml",
        text(ALERTS.replace("url_env", "url_enf")),
        "{home}/alerts.toml: alert 1: 'url_enf' (line 3) is not a key of an alert; did you mean url_env?",
    ),
    "no TOML in companies.toml": (
        "companies.toml",
        text("[acme"),
        "Cannot read {home}/companies.toml: Expected ']' at the end of a table declaration (at end of"
        " document).",
    ),
    "a typo in companies.toml": (
        "companies.toml",
        text("[beta]\napi_token = 'B'\n[acme]\napi_token_env = 'A'"),
        '''{home}/companies.toml: [beta] must name the variable of its token, such as api_token_env ='''
        ''' "ACME_TOKEN", or of its OAuth app, as client_id_env.''',
    ),
}  # fmt: skip


RULE = rule_file(about_users("users", title="label"), comment="One row per user.")


@pytest.fixture
def acme(home: Path) -> Installation:
    """An installation of one company, `acme`, with an alert; no server answers it."""
    home.mkdir()
    (home / "alerts.toml").write_text(ALERTS)
    return Installation(home, {"PIPEDRIVE_COMPANY": "acme", "PIPEDRIVE_API_TOKEN": "t"})


@pytest.mark.parametrize("name", BROKEN)
def test_a_mistake_in_a_file_is_the_error_of_the_run(acme: Installation, name: str) -> None:
    file, breaks, sentence = BROKEN[name]
    (acme.home / file).unlink(missing_ok=True)
    breaks(acme.home / file)

    configuration = broken(acme)

    assert str(configuration.problem) == sentence.format(home=acme.home)
    assert (configuration.known.folder, configuration.alerting) == (acme.home, True)


@pytest.mark.parametrize(
    "name", ["a typo in findings.toml", "a typo in alerts.toml", "a typo in companies.toml"]
)
def test_sync_refuses_at_once(acme: Installation, name: str) -> None:
    file, breaks, sentence = BROKEN[name]
    breaks(acme.home / file)

    refused = acme.command("sync")

    assert (refused.code, refused.sentence) == (2, sentence.format(home=acme.home))


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"PIPEDRIVE_DAILY_LIMIT": "many"},
            "The variable PIPEDRIVE_DAILY_LIMIT must hold a number, such as 80000.",
        ),
        (
            {"PIPEDRIVE_COMPANY": "acme inc"},
            "The variable PIPEDRIVE_COMPANY: 'acme inc' cannot name a company; use letters,"
            " digits, '-' and '_', at most 63.",
        ),
        (
            {"PIPEDRIVE_GRAPH_HOME": "~nobody9/graph"},
            "The home folder of '~nobody9' in ~nobody9/graph is unknown; write the whole path.",
        ),
    ],
)
def test_a_mistake_in_a_variable_is_the_error_of_the_run(acme: Installation, variables, sentence) -> None:
    configuration = load_leniently({**acme.environment, **variables})

    assert str(configuration.problem) == sentence
    assert len(configuration.known.companies) == 1


def test_a_bug_in_loading_is_the_error_of_the_run_too(acme: Installation, monkeypatch) -> None:
    def bug(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("pipedrive_graph.config.waivers.load", bug)

    assert isinstance(broken(acme).problem, ZeroDivisionError)


@pytest.mark.parametrize(
    ("file", "landing", "variable", "expected"),
    [
        (COMPANIES + "x = 1", ["old"], "one", ["acme", "beta"]),  # the tables can be read
        ("[acme", ["beta", "acme", ".lost", "a b"], "one", ["acme", "beta"]),  # the last known ones
        ("[acme", [], "one", ["default"]),
        ("", ["acme"], "one", ["acme"]),  # it names no company
        (None, ["acme"], "not one", ["acme"]),
        (None, [], "not one", ["default"]),
    ],
)
def test_the_partitions_while_the_companies_cannot_be_read(
    home: Path, file: str | None, landing: list[str], variable: str, expected: list[str]
) -> None:
    home.mkdir()
    for name in landing:
        (home / "landing" / name).mkdir(parents=True)
    if file is not None:
        (home / "companies.toml").write_text(file)
    environment = {"PIPEDRIVE_GRAPH_HOME": str(home), "PIPEDRIVE_COMPANY": variable}

    assert [company.name for company in load_leniently(environment).known.companies] == expected


def test_custom_rules_stay_assets_while_findings_toml_is_broken(acme: Installation) -> None:
    rules = acme.home / "rules"
    rules.mkdir()
    (rules / "lives.sql").write_text(RULE)
    (rules / "broken.sql").write_bytes(b"\xff")
    (acme.home / "findings.toml").write_text("[thresholds")

    models = broken(acme).models

    assert [rule.name for rule in models.of("rules") if not rule.place.startswith("sql/")] == ["lives"]


@pytest.mark.parametrize("published", [True, False])
def test_reviews_toml_is_a_warning_because_no_night_needs_it(acme: Installation, published: bool) -> None:
    (acme.home / "reviews.toml").write_text("defualt = 'kim@example.com'")
    if published:
        acme.published.write_bytes(b"no database")

    configuration = load_leniently(acme.environment)

    assert configuration.problem is None
    assert owners_problem(
        lambda: role_owners.load(configuration.settings), configuration.settings.published
    ) == (f"{acme.home}/reviews.toml: 'defualt' is not a setting; did you mean default?")


def test_without_alerts_the_sensors_stay_off(acme: Installation) -> None:
    (acme.home / "alerts.toml").unlink()
    (acme.home / "findings.toml").write_text("[rules")

    assert not broken(acme).alerting


@pytest.mark.slow
def test_dagster_imports_the_definitions_whatever_is_wrong(acme: Installation) -> None:
    for name in ("alerts", "companies", "findings", "reviews", "settings", "waivers"):
        (acme.home / f"{name}.toml").write_bytes("[ä".encode("utf-16"))
    (acme.home / "rules").write_text("")
    environment = {**os.environ, **acme.environment, "PIPEDRIVE_DAILY_RESERVE": "x"}
    code = (
        "from pipedrive_graph.definitions import defs;"
        "print(len(defs.schedules), {s.name: s.default_status.value for s in defs.sensors})"
    )

    ended = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning:dagster", "-c", code],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.stderr == ""
    assert ended.stdout == (
        "2 {'snapshots_pending': 'RUNNING', 'night_missed': 'RUNNING', 'night_failed': 'RUNNING',"
        " 'old_runs': 'RUNNING'}\n"
    )
