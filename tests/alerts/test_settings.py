"""alerts.toml: how it is parsed, and the error messages for mistakes in it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from installation import Installation

from pipedrive_graph.config import alerts_file
from pipedrive_graph.config.alert_channels import Alerts, Channel, Event, Mail
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ConfigurationError

PAGE = Path(__file__).parents[2] / "docs" / "alerts.md"

SLACK = '[[alert]]\nkind = "slack"\nurl_env = "SLACK_URL"\n'
MAIL = """
[[alert]]
kind = "email"
host = "smtp.example.com"
from = "graph@example.com"
to = ["security@example.com"]
user = "graph"
password_env = "SMTP_PASSWORD"
"""


def load(home: Path, text: str) -> Alerts:
    (home / "alerts.toml").write_text(text, encoding="utf-8")
    return alerts_file.read(Settings(home, (Company("acme"), Company("beta")))).usable()


def test_no_file_is_no_alert(tmp_path) -> None:
    assert alerts_file.read(Settings(tmp_path, (Company("acme"),))).usable() == Alerts(
        (), timedelta(hours=26), None
    )


def test_what_is_left_out_is_everything_that_matters(tmp_path) -> None:
    slack, mail = load(tmp_path, SLACK + MAIL).channels

    assert slack == Channel(
        "slack", "slack", ("critical", "high"), (), tuple(Event), details=True, url_variable="SLACK_URL"
    )
    assert mail.mail == Mail(
        "smtp.example.com",
        587,
        "starttls",
        "graph@example.com",
        ("security@example.com",),
        "graph",
        "SMTP_PASSWORD",
    )


def test_the_port_is_the_usual_one(tmp_path) -> None:
    ports = [
        load(tmp_path, MAIL.replace("host", f'tls = "{tls}"\nhost').replace("smtp.example.com", host))
        .channels[0]
        .mail.port
        for tls, host in [
            ("ssl", "smtp.example.com"),
            ("starttls", "smtp.example.com"),
            ("none", "localhost"),
        ]
    ]
    assert ports == [465, 587, 25]


def test_a_channel_may_be_for_some_companies(tmp_path) -> None:
    alerts = load(tmp_path, SLACK + SLACK.replace("url_env", 'name = "b"\ncompanies = ["beta"]\nurl_env'))

    assert [[channel.name for channel in alerts.of(name)] for name in ("acme", "beta")] == [
        ["slack"],
        ["slack", "b"],
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[[alert]]", "[alert]", ": write each alert below a line [[alert]]."),
        ("[[alert]]", "[[alerts]]", ": 'alerts' is not a setting; write [[alert]]."),
        (
            "[[alert]]",
            "expect_every = 3\n[[alert]]",
            "'expect_every' (line 1) is not a setting; did you mean expected_every?",
        ),
        ("[[alert]]", "expected_every = 0\n[[alert]]", "expected_every (line 1): must be more than 0."),
        ("[[alert]]", 'expected_every = "1d"\n[[alert]]', "expected_every (line 1): must be a number."),
        (
            "[[alert]]",
            'report_url = "https://x/{name}"\n[[alert]]',
            "report_url: the only allowed placeholder is {company}",
        ),
        ("[[alert]]", 'report_url = "files/{company}"\n[[alert]]', "report_url: must be an address"),
        ('kind = "slack"', "", ": alert 1: 'kind' is missing."),
        (
            '"slack"',
            '"teams"',
            "alert 1: kind (line 2): must be 'slack', 'webhook', 'email' or 'heartbeat'.",
        ),
        ("url_env", "urlenv", ": alert 1: 'urlenv' (line 3) is not a key of an alert; did you mean url_env?"),
        ('url_env = "SLACK_URL"', "", ": alert 1: 'url_env' is missing: the name of the variable"),
        (
            "SLACK_URL",
            "https://hooks.slack.com/services/T0/B0/c4n4ry",
            "url_env (line 3) must be the name of the variable",
        ),
        ("url_env", 'host = "x"\nurl_env', ": alert 1: 'host' is for kind email."),
        (
            "url_env",
            'severities = ["urgent"]\nurl_env',
            "severities (line 3): must be 'critical', 'high', 'medium', 'low' or",
        ),
        ("url_env", "severities = []\nurl_env", "severities: must not be empty"),
        ("url_env", 'on = "partial"\nurl_env', 'on (line 3): must be a list, such as ["…"].'),
        ("url_env", 'companies = ["acm"]\nurl_env', "companies: unknown company acm; did you mean acme?"),
        ("url_env", 'name = "a b"\nurl_env', "name (line 3): use letters, digits"),
        ("url_env", 'details = "no"\nurl_env', "details (line 3): must be true or false."),
    ],
)
def test_a_mistake_is_told_by_its_place(tmp_path, old, new, told) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, SLACK.replace(old, new))

    assert str(caught.value).startswith(f"{tmp_path / 'alerts.toml'}: ")
    assert told in str(caught.value)
    assert "c4n4ry" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('host = "smtp.example.com"', "", "'host' is missing."),
        ('from = "graph@example.com"', "", "'from' is missing."),
        ('to = ["security@example.com"]', "", "'to' is missing."),
        ('user = "graph"', "", "write both user and password_env, or neither."),
        ('"graph@example.com"', '"graph"', "from (line 8): 'graph' is not an e-mail address."),
        ('"graph@example.com"', '";"', "from (line 8): ';' is not an e-mail address."),
        ('"security@example.com"', '","', "to (line 9): ',' is not an e-mail address."),
        ('"graph@example.com"', '"a@x.com, b@x.com"', "from: 'a@x.com, b@x.com' holds more than one e-mail"),
        ('"security@example.com"', '"a@example.com\\nBcc: b@example.com"', "is not an e-mail address."),
        (
            '"security@example.com"',
            '"a@x.com", "b at x.com"',
            "to (line 9): 'b at x.com' is not an e-mail address.",
        ),
        ('"security@example.com"', '"a@x.com, ops, b@x.com"', "to (line 9): 'ops' is not an e-mail address."),
        ('["security@example.com"]', "3", 'to (line 9): must be a list, such as ["…"].'),
        ("host", 'tls = "none"\nhost', 'tls: "none" is for a mail server on this machine itself'),
        ("host", 'url_env = "X"\nhost', "'url_env' is for kind slack, webhook or heartbeat."),
        ("host", "port = 0\nhost", "port (line 7): must be at least 1."),
        (
            '"SMTP_PASSWORD"',
            '"p4ss word"',
            "password_env (line 11) must be the name of the variable that holds the secret",
        ),
    ],
)
def test_a_mistake_about_mail_is_told_by_its_place(tmp_path, old, new, told) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(": alert 2: ")) as caught:
        load(tmp_path, SLACK + MAIL.replace(old, new))

    assert told in str(caught.value)
    assert "p4ss" not in str(caught.value)


@pytest.mark.parametrize(
    "to",
    [
        '["a@x.com", "Ben <b@x.com>"]',
        '"a@x.com, Ben <b@x.com>"',
        '["a@x.com; Ben <b@x.com>"]',
        '["mailto:a@x.com", "A@X.com", "Ben\\u200b <b@x.com>"]',
    ],
)
def test_recipients_are_a_list_or_stand_in_one_text(tmp_path, to) -> None:
    mail = load(tmp_path, MAIL.replace('["security@example.com"]', to)).channels[0].mail
    assert mail.to == ("a@x.com", "Ben <b@x.com>")


def test_an_address_that_cannot_be_used_is_named_by_its_line(tmp_path) -> None:
    toml = SLACK + MAIL.replace('"security@example.com"', '"a@x.com, ops"')
    line = next(at for at, text in enumerate(toml.splitlines(), 1) if "ops" in text)
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, toml)
    assert str(caught.value) == (
        f"{tmp_path / 'alerts.toml'}: alert 2: to (line {line}): 'ops' is not an e-mail address."
    )


def test_two_channels_are_not_called_the_same(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match=r"alert 2: name: 'slack' is already used"):
        load(tmp_path, SLACK + SLACK)


def test_what_is_no_toml_is_told(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="Cannot read"):
        load(tmp_path, "[[alert")


def test_a_mistake_is_told_before_anything_is_collected(installation: Installation, simulator) -> None:
    installation.home.mkdir()
    (installation.home / "alerts.toml").write_text("[[alert]]\n")

    result = installation.command("sync")

    assert (result.code, result.sentence) == (
        2,
        f"{installation.home / 'alerts.toml'}: alert 1: 'kind' is missing.",
    )
    assert simulator.requests == []


def test_doctor_looks_at_it(installation: Installation) -> None:
    installation.home.mkdir()
    path = installation.home / "alerts.toml"
    path.write_text(SLACK)

    missing = installation.command("doctor")
    installation.variables["SLACK_URL"] = "https://hooks.example.com/x"
    there = installation.command("doctor")
    path.write_text("[[alert]]\n")
    wrong = installation.command("doctor")

    assert [missing.code, there.code, wrong.code] == [6, 0, 2]
    assert "over 'slack': the environment variable SLACK_URL is not set." in missing.out
    assert f"1 channel in {path}; `pipedrive-graph alerts --test` tries them" in there.out
    assert "alert 1: 'kind' is missing." in wrong.out


def test_the_examples_of_the_page_can_be_used(tmp_path) -> None:
    examples = re.findall(r"```toml\n(.+?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)

    assert examples
    assert all(load(tmp_path, example).channels for example in examples)


def test_the_same_text_is_parsed_once(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    parse = alerts_file.toml.parse
    monkeypatch.setattr(
        alerts_file.toml, "parse", lambda text, path: (texts.append(text), parse(text, path))[1]
    )

    assert load(tmp_path, SLACK) == load(tmp_path, SLACK)
    assert texts == [SLACK]
    assert len(load(tmp_path, SLACK + MAIL).channels) == 2
    assert texts == [SLACK, SLACK + MAIL]

    of_beta = SLACK + 'companies = ["beta"]\n'
    assert load(tmp_path, of_beta).channels[0].companies == ("beta",)
    for _ in range(2):  # what is wrong is said each time
        with pytest.raises(ConfigurationError, match="unknown company beta"):
            alerts_file.read(Settings(tmp_path, (Company("acme"),))).usable()
