"""Every alert is sent once: over several runs, failed deliveries, and independent channels."""

from __future__ import annotations

import stat

import pytest

from pipedrive_graph.alerts import send
from pipedrive_graph.config import alerts_file
from pipedrive_graph.errors import (
    BlockedError,
    BudgetError,
    BusyError,
    NotAuthorisedError,
)

from .home import FIRST_NIGHT, JSON, SLACK, Home, email


def test_the_first_night_is_one_message(published: Home, web) -> None:
    published.set(SLACK)
    for number in range(90):
        published.found(f"f{number:02}", rule=f"rule_{number:02}")
    published.found("medium", "medium")
    published.night()

    published.send()
    published.send()

    assert web.texts == ["acme: the first snapshot; 90 open findings (90 high)"]
    text = web.bodies[0]["text"].splitlines()
    assert text[1].startswith("This is the first snapshot of acme.")
    assert len([line for line in text if line.startswith("Title of f")]) == 10
    assert "and 80 more" in text


def test_a_later_night_tells_only_what_is_new(published: Home, web) -> None:
    published.set(JSON)
    published.found("old")
    published.night()
    published.send()
    published.found("new", "critical", night=1)
    published.found("low", "low", night=1)
    published.night()

    published.send()
    published.send()

    assert web.texts == [
        "acme: the first snapshot; 1 open finding (1 high)",
        "acme: 1 new finding (1 critical)",
    ]
    assert web.bodies[1]["findings"] == [
        {
            "finding_id": "new0000000000000",
            "severity": "critical",
            "rule": "dormant_admin",
            "title": "Title of new.",
            "subject_kind": "user",
            "subject_id": "7",
            "object": None,
            "opened_at": "2026-11-21T02:00:00Z",
            "news": "new",
            "also": [],
        }
    ]
    assert web.bodies[1]["counts"] == {"critical": 1, "high": 0}


def test_what_comes_back_or_becomes_worse_is_told_again(published: Home, web) -> None:
    published.set(JSON)
    for name in ("same", "back", "worse", "better"):
        published.found(name, "critical" if name == "better" else "high")
    published.night()
    published.send()
    published.found("back", night=1, reopened=1)
    published.found("worse", "critical")
    published.found("better", "high")
    published.night()

    published.send()
    published.send()

    told = {one["title"]: one["news"] for one in web.bodies[1]["findings"]}
    assert len(web.got) == 2
    assert told == {"Title of worse.": "worse", "Title of back.": "reopened"}


def test_what_was_resolved_is_forgotten_and_told_when_it_comes_back(published: Home, web) -> None:
    published.set(JSON)
    published.found("gone")
    published.night()
    published.send()
    del published.findings["gone"]
    published.night()
    published.send()
    assert published.state["channels"]["webhook"]["findings"] == {}
    published.found("gone", night=2, reopened=1)
    published.night()
    published.send()

    assert web.texts[1:] == ["acme: 1 new finding (1 high)"]


def test_findings_about_the_same_thing_are_told_as_one(published: Home, web) -> None:
    published.set(SLACK)
    related = '{{"related": [{{"rule": "x", "finding_id": "{}"}}]}}'
    published.found("a", evidence=related.format("b".ljust(16, "0")))
    published.found("b", rule="toxic_mass_load", evidence=related.format("a".ljust(16, "0")))
    published.night()

    published.send()

    assert web.texts == ["acme: the first snapshot; 2 open findings (2 high)"]
    assert "Title of a. Also: toxic_mass_load." in web.bodies[0]["text"]
    assert "more" not in web.bodies[0]["text"]


def test_nothing_to_tell_at_first_is_told_once_too(published: Home, web) -> None:
    published.set(JSON)
    published.night()
    published.night()

    published.send()
    published.send()

    assert web.texts == ["acme: the first alert"]
    assert web.bodies[0]["notes"][0]["text"] == (
        "This is the first alert about acme over this channel. No critical or high finding is open; later "
        "alerts cover new ones."
    )


def test_a_failed_delivery_is_tried_again_by_the_next_run(published: Home, web) -> None:
    published.set(JSON)
    published.found("a")
    published.night("partial", "1 of 40 permissions was not answered.")
    web.will_answer(404, b"no_service")

    (failed,) = published.send()
    assert failed.problem == (
        "The alert over 'webhook' was not delivered: it answered 404 (no_service). The next run tries again."
    )

    published.found("b", night=1)
    published.night()  # complete, but of the night before nobody was told yet
    (done,) = published.send()

    assert (done.problem, done.reply) == (None, "answered 200")
    assert web.texts[1] == "acme: the first alert; the run is partial; 2 open findings (2 high)"
    assert web.bodies[1]["notes"][1]["text"].startswith("The snapshot night-0 of acme is partial.")
    published.send()
    assert len(web.got) == 2


def test_two_channels_do_not_depend_on_each_other(published: Home, web, mail) -> None:
    published.set(JSON + email(mail.port))
    published.found("a")
    published.night()
    web.will_answer(400)

    first, second = published.send()
    assert (bool(first.problem), bool(second.problem)) == (True, False)
    assert (len(web.got), len(mail.mails)) == (1, 2)  # the second mail: the webhook has failed

    published.send()
    assert (len(web.got), len(mail.mails)) == (2, 2)


def test_a_channel_is_told_what_is_set_for_it(published: Home, web) -> None:
    published.set(
        JSON.replace("url_env", 'name = "critical"\nseverities = ["critical"]\ndetails = false\nurl_env')
        + JSON.replace("url_env", 'name = "nights"\non = ["partial"]\nurl_env')
        + JSON.replace("url_env", 'name = "other"\ncompanies = []\non = ["failed"]\nurl_env')
    )
    published.found("a", "critical")
    published.found("b", "high")
    published.night("partial", "Something is missing.")

    outcomes = {outcome.channel: outcome.message for outcome in published.send()}

    assert web.texts == [
        "acme: the first snapshot; the run is partial; 1 open finding (1 critical)",
        "acme: the run is partial",
    ]
    assert (web.bodies[0]["findings"], web.bodies[0]["more"]) == ([], 1)
    assert outcomes["other"] is None


def test_recipients_in_one_text_all_get_it_and_are_counted(published: Home, mail) -> None:
    to = 'to = "security@example.com, Ops <ops@b\u00fccher.example>; security@Example.com"'
    published.set(email(mail.port).replace('to = ["security@example.com", "Ops <ops@example.com>"]', to))
    published.night()
    [outcome] = published.send()

    assert (outcome.reply, outcome.problem) == ("sent to 2 recipients", None)
    assert mail.envelopes == [("graph@example.com", ["security@example.com", "ops@xn--bcher-kva.example"])]
    assert mail.mails[0]["To"] == "security@example.com, Ops <ops@xn--bcher-kva.example>"


def test_a_partial_night_is_told_once(published: Home, web) -> None:
    published.set(JSON.replace("url_env", 'on = ["partial"]\nurl_env'))
    for _ in range(2):
        published.night("partial", "1 of 40 permissions was not answered.")
        published.send()
        published.send()

    assert [body["notes"] for body in web.bodies] == [
        [
            {
                "kind": "partial",
                "text": f"The snapshot night-{number} of acme is partial. 1 of 40 permissions was not "
                "answered. What is missing stays as last known.",
            }
        ]
        for number in (0, 1)
    ]


@pytest.mark.slow
def test_a_rule_that_cannot_be_run_is_reported_once_until_it_runs_again(published: Home, web) -> None:
    published.set(JSON.replace("url_env", 'on = ["partial"]\nurl_env'))
    reason = "/srv/rules/lives.sql: line 20: now gives another result each time."

    def night(**broken: str) -> list[str]:
        published.broken, before = broken, len(web.bodies)
        published.night()
        published.send()
        published.send()
        return [note["text"] for body in web.bodies[before:] for note in body["notes"]]

    sentence = "The rule lives could not be run for acme: {} Its findings stay as they were, and it finds"
    sentence += " nothing new."
    assert night(lives=reason) == [sentence.format(reason)]
    assert web.bodies[0]["headline"] == "acme: the rule lives could not be run"
    assert night(lives=reason) == []
    assert night(lives="Another reason.") == [sentence.format("Another reason.")]
    assert night() == []
    assert night(lives=reason) == [sentence.format(reason)]


def test_a_night_that_did_not_run_is_told_once_and_again_the_next_day(published: Home, web) -> None:
    published.set(JSON.replace("url_env", 'on = ["not_run"]\nurl_env'))
    published.night()
    counted = []
    for hours in (25.9, 26.1, 40, 49.9, 50.1, 70):
        published.clock(hours / 24)
        published.send()
        counted.append(len(web.got))

    assert counted == [0, 1, 1, 1, 2, 2]
    assert web.bodies[0]["notes"][0]["text"].startswith(
        "No accepted snapshot of acme since 2026-11-20 02:00 UTC; one is expected every 26 hours."
    )


def test_the_time_that_is_expected_can_be_set(published: Home, web) -> None:
    published.set("expected_every = 170\n" + JSON.replace("url_env", 'on = ["not_run"]\nurl_env'))
    published.night()
    published.clock(7)
    published.send()
    assert web.got == []
    published.clock(7.2)
    published.send()
    assert len(web.got) == 1


def test_a_company_of_which_there_is_nothing_yet(published: Home, web) -> None:
    published.set(JSON)
    published.clock(0)
    published.send()
    published.clock(1)
    published.send()
    assert web.got == []
    published.clock(1.1)

    published.send()
    published.send()

    assert [note["text"][:45] for note in web.bodies[0]["notes"]] == [
        "There is no accepted snapshot of acme yet; on"
    ]
    assert len(web.got) == 1


def fail(home: Home, error: Exception) -> None:
    send.after_failure(home.settings, alerts_file.read(home.settings), "acme", error, on_wait=print)


def test_a_failed_night_is_told_once_a_day(published: Home, web) -> None:
    published.set(JSON)
    published.night()
    published.send()
    published.clock(1)
    fail(published, NotAuthorisedError("The token is wrong."))
    fail(published, NotAuthorisedError("The token is wrong."))
    fail(published, BlockedError("The CDN shut the door."))
    published.clock(2)
    fail(published, NotAuthorisedError("The token is wrong."))

    assert [[note["text"] for note in body["notes"]] for body in web.bodies[1:]] == [
        ["The run of acme failed at 2026-11-21 02:00 UTC: The token is wrong."],
        ["The run of acme failed at 2026-11-21 02:00 UTC: The CDN shut the door."],
        ["The run of acme failed at 2026-11-22 02:00 UTC: The token is wrong."],
    ]


def test_a_failed_night_is_told_later_where_it_could_not_be_told(published: Home, web) -> None:
    published.set(JSON.replace("url_env", 'on = ["failed", "not_run"]\nurl_env'))
    published.night()
    published.clock(1)
    web.will_answer(403, b"invalid_token")
    fail(published, NotAuthorisedError("The token is wrong."))
    published.night()

    published.send()

    assert [len(web.got), *web.texts[1:]] == [2, "acme: the run failed"]


def test_an_error_of_no_kind_of_ours_is_named_and_not_quoted(published: Home, web) -> None:
    published.set(JSON)
    fail(published, ValueError("whatever it holds"))

    assert "an unexpected error, ValueError; run sync --debug" in web.bodies[0]["notes"][0]["text"]
    assert "whatever" not in str(web.bodies)


def test_a_night_that_goes_on_later_did_not_fail(published: Home, web) -> None:
    published.set(JSON)
    fail(published, BudgetError("The reserve is reached.", FIRST_NIGHT))
    fail(published, BusyError("Another process is at it."))

    assert web.got == []


def test_what_was_told_is_known_to_its_owner_alone(published: Home, web) -> None:
    published.set(JSON)
    published.found("a")
    published.night()
    published.send()

    path = published.folder / "alerts" / "acme.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert published.state["channels"]["webhook"]["findings"] == {
        "a".ljust(16, "0"): {"opened_at": "2026-11-20T02:00:00Z", "severity": "high"}
    }


def test_a_damaged_memory_is_told_and_no_alert_is_repeated(published: Home, web) -> None:
    published.set(JSON)
    published.night()
    published.send()
    path = published.folder / "alerts" / "acme.json"
    path.write_text("{")

    (outcome,) = published.send()

    assert outcome.problem.startswith(f"No alert could be sent: Cannot read {path}")
    assert len(web.got) == 1


def test_a_file_of_another_version_keeps_no_failure_back(published: Home, web) -> None:
    published.set(JSON)
    published.settings.published.write_text("no database")

    fail(published, NotAuthorisedError("The token is wrong."))

    assert web.texts == ["acme: the run failed"]


def test_the_link_is_the_file_or_what_is_set(published: Home, web) -> None:
    published.set(JSON)
    folder = published.settings.reports / "acme"
    folder.mkdir(parents=True)
    (folder / "findings.csv").touch()
    published.night()
    published.send()
    published.set('report_url = "https://files.example.com/{company}/access_report.html"\n' + SLACK)
    published.send()

    assert web.bodies[0]["report"] == str(folder / "findings.csv")
    assert "<https://files.example.com/acme/access_report.html|Report>" in web.bodies[1]["text"]
