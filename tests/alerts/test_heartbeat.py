"""The heartbeat: called once after each complete run, and after no other run."""

from __future__ import annotations

import pytest
from installation import Installation

from pipedrive_graph.alerts import heartbeat
from pipedrive_graph.alerts.sender import Outcome
from pipedrive_graph.config import alerts_file
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.landing import Manifest
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator

from .home import Home
from .receivers import PATH, WebReceiver

HEARTBEAT = '[[alert]]\nkind = "heartbeat"\nurl_env = "WEBHOOK_URL"\n'


def snapshot(number: int) -> Manifest:
    return Manifest.model_construct(snapshot_id=f"night-{number}")


def send(published: Home, company: str, manifest: Manifest | None) -> list[Outcome]:
    heartbeats = alerts_file.read(published.settings).usable().heartbeats_of(company)
    return heartbeat.send(heartbeats, published.settings.published, company, manifest)


def test_a_complete_run_calls_the_address_once_without_a_body(published: Home, web: WebReceiver) -> None:
    published.set(HEARTBEAT)
    published.night()

    (outcome,) = send(published, "acme", snapshot(0))

    assert web.asked == [("GET", PATH)]
    assert (outcome.reply, outcome.problem) == ("answered 200", None)


@pytest.mark.parametrize("why", ["partial", "broken", "older", "nothing read", "nothing published", "other"])
def test_any_other_run_calls_nobody(published: Home, web: WebReceiver, why: str) -> None:
    published.set(HEARTBEAT + ('companies = ["acme"]\n' if why == "other" else ""))
    published.broken = {"dormant_admin": "no such column"} if why == "broken" else {}
    if why != "nothing published":
        published.night("partial" if why == "partial" else "complete", None)

    company = "northwind" if why == "other" else "acme"
    manifest = None if why == "nothing read" else snapshot(-1 if why == "older" else 0)
    assert send(published, company, manifest) == []

    assert web.asked == []


def test_a_monitor_that_fails_is_tried_four_times_and_its_address_is_not_named(
    published: Home, web: WebReceiver
) -> None:
    published.set(HEARTBEAT + 'name = "healthchecks"\n')
    published.night()
    for _ in range(9):
        web.will_answer(503)

    (outcome,) = send(published, "acme", snapshot(0))

    assert web.asked == [("GET", PATH)] * 4
    assert outcome.problem == "The heartbeat 'healthchecks' was not delivered: it answered 503."


def test_a_heartbeat_gets_no_alerts(published: Home, web: WebReceiver) -> None:
    published.set(HEARTBEAT)
    published.found("f1")
    published.night("partial", "Something is missing.")

    assert published.send() == []
    assert web.got == []


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ('on = ["failed"]', "alert 1: 'on' is not for kind heartbeat."),
        ('severities = ["high"]', "alert 1: 'severities' is not for kind heartbeat."),
        ("details = false", "alert 1: 'details' is not for kind heartbeat."),
        ('host = "mail"', "alert 1: 'host' is for kind email."),
    ],
)
def test_a_key_that_says_nothing_about_a_heartbeat_is_refused(published: Home, more, sentence) -> None:
    published.set(f"{HEARTBEAT}{more}\n")

    with pytest.raises(ConfigurationError) as caught:
        alerts_file.read(published.settings).usable()

    assert str(caught.value) == f"{published.folder}/alerts.toml: {sentence}"


@pytest.mark.slow
def test_sync_calls_it_and_names_one_that_fails(home, web: WebReceiver) -> None:
    home.mkdir()
    (home / "alerts.toml").write_text(HEARTBEAT)
    with Simulator(Options(users=12, limit=2000)) as simulator:
        installation = Installation.of(home, simulator)
        installation.variables["WEBHOOK_URL"] = web.url

        web.will_answer(404)
        undelivered = installation.command("sync", "--json")
        sentence = "The heartbeat 'heartbeat' was not delivered: it answered 404."
        assert (undelivered.code, undelivered.err) == (6, f"Warning: {sentence}\n")
        assert undelivered.objects[0]["alerts_not_sent"] == [sentence]
        assert undelivered.objects[0]["exit_code"] == 6

        simulator.faults.add(r"users/\d+/permissions", faults.forbidden, times=1)
        assert installation.command("sync", "--json").code == 4
        assert len(web.asked) == 1

    tried = installation.command("alerts", "--test")
    assert (tried.code, tried.out, len(web.asked)) == (0, "heartbeat: answered 200\n", 2)
    assert PATH not in "".join(path.read_text(errors="replace") for path in home.rglob("*.json"))
