"""Failed deliveries and unusable configurations are reported over other channels."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from installation import Installation, Serve

from pipedrive_graph.alerts import send
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.simulator.server import Simulator

from .home import JSON, SLACK, Home
from .receivers import web_receiver

BOTH = f'{SLACK}name = "ours"\n{JSON}name = "theirs"\n'.replace(
    'kind = "webhook"\nurl_env = "WEBHOOK_URL"', 'kind = "webhook"\nurl_env = "OTHER_URL"'
)
"""Two channels, at WEBHOOK_URL and at OTHER_URL."""


@pytest.fixture
def simulator(serve: Serve) -> Simulator:
    """A company of a dozen people."""
    return serve(users=12)


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch):
    """A second web server, whose address stands in OTHER_URL."""
    with web_receiver() as receiver:
        monkeypatch.setenv("OTHER_URL", receiver.url)
        yield receiver


def test_the_other_channels_hear_once_a_day_of_one_that_failed(published: Home, web, other) -> None:
    published.set(BOTH)
    published.found("a")
    published.night()
    web.answers = [(410, {}, b"")] * 9

    first, second = published.send(), published.send()
    published.clock(1.01)
    third = published.send()

    gone = "The alert over 'ours' was not delivered: it answered 410. The next run tries again."
    assert [send.problems(outcomes) for outcomes in (first, second, third)] == [[gone]] * 3
    assert other.texts == [
        "acme: the first snapshot; 1 open finding (1 high)",
        "acme: an alert over 'ours' could not be sent",
        "acme: an alert over 'ours' could not be sent",
    ]
    assert other.bodies[1]["notes"] == [{"kind": "failed", "text": gone}]
    assert other.bodies[1]["findings"] == []


def test_a_channel_whose_secret_is_missing_has_failed_too(published: Home, web, monkeypatch) -> None:
    monkeypatch.delenv("OTHER_URL", raising=False)
    published.set(BOTH)
    published.night()

    published.send()

    assert web.texts[1] == "acme: an alert over 'theirs' could not be sent"


def test_nobody_else_hears_of_it_where_failures_are_not_wanted(published: Home, web, other) -> None:
    published.set(BOTH + 'on = ["new_findings"]\n')
    published.night()
    web.will_answer(410)

    published.send()

    assert other.texts == ["acme: the first snapshot"]


def test_a_night_that_did_not_run_is_noticed_although_the_published_file_is_damaged(
    installation: Installation, web
) -> None:
    installation.variables |= {"PIPEDRIVE_COMPANY": "acme", "WEBHOOK_URL": web.url}
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-20T02:00:00Z"
    manifest = installation.read()
    (installation.home / "alerts.toml").write_text(JSON)
    installation.published.write_bytes(b"no database" * 1000)

    in_time = installation.command("alerts")
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-21T05:00:00Z"
    late = installation.command("alerts")

    assert (in_time.code, late.code) == (1, 1)
    assert web.texts == ["acme: the run did not take place"]
    notes = [note["text"] for body in web.bodies for note in body["notes"] if note["kind"] == "not_run"]
    assert notes == [
        f"No accepted snapshot of acme since {manifest.finished_at:%Y-%m-%d %H:%M} UTC; one is expected"
        " every 26 hours. Check that the schedule runs, and read its log."
    ]


BROKEN = {
    "it is not TOML": "[[alert]",
    "a key is wrong": SLACK + 'urll_env = "X"\n',
    "a secret is pasted": SLACK.replace("WEBHOOK_URL", "https://hooks.slack.example/services/T/B/x"),
    "it is empty of sense": "alert = 1\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_alerts_toml_reaches_the_channels_that_worked_last(published: Home, web, text: str) -> None:
    published.set(JSON)
    published.found("a")
    published.night()
    published.send()
    published.found("b")
    published.night()
    published.set(text)

    for _ in range(2):
        with pytest.raises(ConfigurationError) as caught:
            published.send()

    assert web.texts == [
        "acme: the first snapshot; 1 open finding (1 high)",
        "acme: the configuration cannot be used",
    ]
    assert str(caught.value).startswith(f"{published.folder}/alerts.toml") or "alerts.toml" in str(
        caught.value
    )
    assert web.bodies[1]["notes"] == [
        {
            "kind": "failed",
            "text": f"No run of acme can start: {caught.value}"
            " Until that is corrected, no findings are sent.",
        }
    ]
    kept = published.folder / "alerts" / "last_alerts.toml"
    digest = hashlib.sha256(JSON.encode()).hexdigest()
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (f"# sha256: {digest}\n{JSON}", 0o600)
    published.set(JSON)
    published.send()
    assert web.texts[2] == "acme: 1 new finding (1 high)"


def test_where_none_worked_before_the_alerts_that_can_be_read_are_used(published: Home, web) -> None:
    published.set(f'{SLACK.replace("slack", "slak")}{JSON}name = "usable"\n')

    with pytest.raises(ConfigurationError, match=r"alert 1: kind \(line 2\): must be"):
        published.send()

    assert web.texts == ["acme: the configuration cannot be used"]


def test_channels_that_were_taken_away_are_not_used(published: Home, web) -> None:
    published.set(JSON)
    published.night()
    published.send()
    (published.folder / "alerts.toml").unlink()
    published.send()
    published.set("[[alert]")

    with pytest.raises(ConfigurationError):
        published.send()

    assert web.texts == ["acme: the first snapshot"]


@pytest.mark.parametrize("command", ["sync", "alerts"])
@pytest.mark.parametrize("file", ["companies.toml", "alerts.toml"])
def test_a_broken_file_of_the_configuration_is_sent_as_an_alert(
    installation: Installation, web, command: str, file: str
) -> None:
    home = installation.home
    home.mkdir()
    (home / "companies.toml").write_text('[acme]\napi_token_env = "PIPEDRIVE_API_TOKEN"\n')
    (home / "alerts.toml").write_text(JSON + 'on = ["failed"]\n')
    (home / "landing" / "acme").mkdir(parents=True)
    installation.variables["WEBHOOK_URL"] = web.url
    assert installation.command("alerts").code == 0
    (home / file).write_text("[[")

    ended, again = installation.command(command), installation.command(command)

    assert (ended.code, again.code) == (2, 2)
    ((text,),) = ([note["text"] for note in body["notes"]] for body in web.bodies)
    assert f"{home}/{file}" in text
    assert ended.sentence in text


def test_without_any_channel_a_broken_file_is_said_on_stderr_alone(installation: Installation) -> None:
    installation.home.mkdir()
    (installation.home / "companies.toml").write_text("[[")

    ended = installation.command("sync")

    assert ended.code == 2
    assert ended.sentence.startswith(f"Cannot read {installation.home}/companies.toml: ")


@pytest.mark.slow
def test_a_night_whose_alert_could_not_be_sent_is_complete_and_ends_with_code_6(
    installation: Installation, web, tmp_path: Path
) -> None:
    installation.home.mkdir()
    (installation.home / "alerts.toml").write_text(JSON)
    installation.variables["WEBHOOK_URL"] = web.url
    web.will_answer(410)

    failed, well = installation.command("sync", "--json"), installation.command("sync", "--json")

    gone = "The alert over 'webhook' was not delivered: it answered 410. The next run tries again."
    assert failed.code == 6
    assert failed.objects[0]["status"] == "complete"
    assert failed.objects[0]["alerts_not_sent"] == [gone]
    assert failed.err == f"Warning: {gone}\n"
    assert well.code == 0
    assert "alerts_not_sent" not in well.objects[0]


def test_a_night_that_failed_says_so_too(installation: Installation, web) -> None:
    installation.home.mkdir()
    (installation.home / "alerts.toml").write_text(JSON)
    installation.variables |= {"WEBHOOK_URL": web.url, "PIPEDRIVE_API_TOKEN": "wrong" * 8}
    web.will_answer(410)

    ended = installation.command("sync", "--json")

    assert ended.code == 3
    assert ended.objects[0]["alerts_not_sent"] == [
        "The alert over 'webhook' was not delivered: it answered 410. The next run tries again."
    ]
