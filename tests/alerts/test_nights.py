"""Alerts of real nights: by `sync`, by Dagster, and by the command for cron; on a simulated company."""

from __future__ import annotations

import logging
from pathlib import Path

import dagster as dg
import pytest
from installation import Installation, Serve

from pipedrive_graph.orchestration.build import JOB, build_definitions
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Simulator

from .home import JSON, SLACK, Home, email
from .receivers import PATH, mail_receiver


@pytest.fixture
def simulator(serve: Serve) -> Simulator:
    """A company of a dozen people."""
    return serve(users=12)


@pytest.fixture
def told(installation: Installation, web) -> Installation:
    """An installation that tells a webhook."""
    installation.home.mkdir()
    (installation.home / "alerts.toml").write_text(JSON)
    installation.variables["WEBHOOK_URL"] = web.url
    return installation


@pytest.mark.slow
def test_a_partial_night_and_one_that_fails(told, simulator, web) -> None:
    simulator.faults.add(f"users/{simulator.company.plain_user_id}/permissions", faults.forbidden, times=1)
    web.will_answer(410)
    ended = told.command("sync", "--json")
    assert (ended.code, ended.objects[0]["status"]) == (4, "partial")
    assert " ".join(ended.err.split()).startswith(
        "Warning: The alert over 'webhook' was not delivered: it answered 410. The next run tries again."
    )

    simulator.faults.add(r"users/\d+/permissions", faults.forbidden, times=None)
    ended = told.command("sync")
    assert ended.code == 4
    lost, body = web.bodies
    assert [note["kind"] for note in lost["notes"]] == ["first", "partial"]
    assert lost["headline"].startswith("default: the first snapshot; the run is partial; ")
    assert [note["kind"] for note in body["notes"]] == ["first", "partial", "failed"]
    assert body["notes"][2]["text"].endswith(ended.sentence)
    assert body["findings"] == lost["findings"] != []
    assert body["report"] == str(told.home / "reports" / "default" / "access_report.html")


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["granted", "false"])
def test_a_change_by_pipedrive_is_one_item_and_nothing_afterwards(told, simulator, web, fault) -> None:
    def night(number: int) -> None:
        told.variables["PIPEDRIVE_GRAPH_CLOCK"] = f"2026-11-{number:02d}T02:00:00+00:00"
        assert told.command("sync").code == 0

    company = simulator.company
    night(20)
    if fault == "granted":
        company.change_for_all(True, "can_use_magic")
    company.answers_false = fault == "false"
    night(21)
    if fault == "granted":
        company.for_all.clear()
        company.flags.remove("can_use_magic")
    company.answers_false = False
    night(22)

    _, body = web.bodies
    (finding,) = body["findings"]
    assert (finding["rule"], finding["subject_id"]) == ("vendor_change", str(company.id))
    assert finding["title"].startswith("Pipedrive itself changed ")


def test_a_token_that_is_refused_is_told(told, simulator, web) -> None:
    told.variables["PIPEDRIVE_API_TOKEN"] = "wrong" * 8

    ended = told.command("sync")

    assert ended.code == 3
    (body,) = web.bodies
    assert body["headline"] == "default: the run failed"
    assert body["notes"][0]["text"].endswith(f"UTC: {ended.sentence}")
    assert not told.published.exists()


def test_the_command_sends_what_is_due(published: Home, web) -> None:
    published.set(JSON)
    published.found("a")
    published.night()
    installation = Installation(published.folder, {"PIPEDRIVE_COMPANY": "acme", "WEBHOOK_URL": web.url})

    first, second = installation.command("alerts"), installation.command("alerts")
    published.clock(2)
    missed = installation.command("alerts", "--company", "acme")
    web.will_answer(401)
    published.clock(4)
    failed = installation.command("alerts")

    assert [one.code for one in (first, second, missed, failed)] == [0, 0, 0, 1]
    assert first.out == "webhook: acme: the first snapshot; 1 open finding (1 high) (answered 200)\n"
    assert second.out == "webhook: acme: nothing new\n"
    assert missed.out == "webhook: acme: the run did not take place (answered 200)\n"
    assert failed.sentence.startswith("The alert over 'webhook' was not delivered: it answered 401.")


def test_the_command_tries_each_channel(published: Home, web, mail) -> None:
    published.set(SLACK + JSON.replace("WEBHOOK_URL", "OTHER_URL") + email(mail.port))
    installation = Installation(published.folder, {"PIPEDRIVE_COMPANY": "acme"})

    ended = installation.command("alerts", "--test")

    assert ended.code == 1
    assert ended.out == "slack: answered 200\nemail: sent to 2 recipients\n"
    assert ended.err == "webhook: the environment variable OTHER_URL is not set.\n"
    assert web.texts == ["pipedrive_graph: a test"]
    assert mail.mails[0]["Subject"] == "[pipedrive_graph] pipedrive_graph: a test"
    assert not (published.folder / "alerts").exists()


def test_without_a_channel_the_command_says_where_to_name_one(installation: Installation) -> None:
    ended = installation.command("alerts")

    assert (ended.code, ended.sentence) == (
        2,
        f"No channel is configured for alerts; add one to {installation.home / 'alerts.toml'}.",
    )


def test_dagster_sends_them_and_shows_what_was_not_delivered(published: Home, web) -> None:
    published.set(JSON)
    published.found("a")
    published.night()
    job = build_definitions(published.settings).resolve_job_def("alerts")
    web.will_answer(404, b"no_service")

    with dg.DagsterInstance.ephemeral() as instance:
        results = [job.execute_in_process(instance=instance) for _ in range(2)]

    checks = [check for result in results for check in result.get_asset_check_evaluations()]
    assert [result.success for result in results] == [True, True]
    assert [(check.check_name, check.passed, check.blocking) for check in checks] == [
        ("alerts_delivered", False, False),
        ("alerts_delivered", True, False),
    ]
    assert "it answered 404 (no_service)." in checks[0].description
    (event,) = results[1].get_asset_materialization_events()
    told = {name: value.value for name, value in event.materialization.metadata.items()}
    assert told == {
        "channels": 1,
        "messages": 1,
        "findings sent": 1,
        "not delivered": 0,
        "sent over webhook": "acme: the first snapshot; 1 open finding (1 high)",
    }


def test_the_sensors_are_on_where_a_channel_is_set(published: Home) -> None:
    def status() -> set[dg.DefaultSensorStatus]:
        sensors = build_definitions(published.settings).sensors
        return {sensor.default_status for sensor in sensors if sensor.name.startswith("night_")}

    assert status() == {dg.DefaultSensorStatus.STOPPED}
    published.set(JSON)
    assert status() == {dg.DefaultSensorStatus.RUNNING}


@pytest.mark.slow
def test_dagster_notices_that_a_night_did_not_run(published: Home, web) -> None:
    published.set(JSON)
    published.night()
    published.send()

    def looked() -> list[str | None]:
        definitions = build_definitions(published.settings)
        sensor = definitions.resolve_sensor_def("night_missed")
        with (
            dg.DagsterInstance.ephemeral() as instance,
            dg.build_sensor_context(instance, repository_def=definitions.get_repository_def()) as context,
        ):
            requests = sensor.evaluate_tick(context).run_requests or []
            return [
                company
                for request in requests
                for company in request.run_config["ops"]["send_alerts"]["config"]["companies"]
            ]

    assert looked() == []
    published.clock(1.2)
    assert looked() == ["acme"]
    published.send()
    assert looked() == []
    # what cannot be told here, the run tells
    (state,) = (published.settings.folder / "alerts").glob("*.json")
    state.write_text("{")
    assert looked() == ["acme"]


@pytest.mark.parametrize("crashed", [False, True], ids=["with a sentence", "without a word"])
def test_dagster_tells_of_a_run_that_failed(told, simulator, web, monkeypatch, crashed) -> None:
    for name, value in told.environment.items():
        monkeypatch.setenv(name, value)
    simulator.faults.add(r"users/\d+/permissions", faults.forbidden, times=None)
    definitions = build_definitions(told.settings)
    job = definitions.resolve_job_def(JOB)

    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        assert not result.success
        assert len(web.got) == 1  # the run has sent the alert
        failure = dg.DagsterEvent("PIPELINE_FAILURE", JOB) if crashed else result.get_run_failure_event()
        context = dg.build_run_status_sensor_context(
            "night_failed", failure, instance, result.dagster_run
        ).for_run_failure()
        if crashed:
            monkeypatch.setattr(type(context), "get_step_failure_events", lambda _: [])
        answer = definitions.resolve_sensor_def("night_failed")(context)
        if crashed:
            assert answer.run_key == result.run_id
            definitions.resolve_job_def("alerts").execute_in_process(
                run_config=answer.run_config, instance=instance
            )
        else:
            assert answer.skip_message == "The run has sent the alerts about its own failure."

    note = web.bodies[-1]["notes"][-1]
    assert len(web.bodies) == 1 + crashed
    assert note["kind"] == "failed"
    if crashed:
        assert note["text"].endswith(
            f"the run {result.run_id} ended without an error message; see its log in Dagster."
        )
    else:
        assert note["text"].endswith("The snapshot was put aside and nothing was published; run sync again.")
        assert "Error" not in note["text"]


def test_a_run_that_dagster_repeats_is_not_told(told, monkeypatch) -> None:
    definitions = build_definitions(told.settings)
    run = dg.DagsterRun(JOB, tags={"dagster/partition": "default", "dagster/will_retry": "true"})
    with dg.DagsterInstance.ephemeral() as instance:
        event = dg.DagsterEvent("PIPELINE_FAILURE", JOB)
        context = dg.build_run_status_sensor_context("night_failed", event, instance, run).for_run_failure()

        told_ = definitions.resolve_sensor_def("night_failed")(context)

    assert isinstance(told_, dg.SkipReason)


def holding(secret: str, folder: Path) -> list[str]:
    """Files that hold a secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if secret.encode() in path.read_bytes()]


@pytest.mark.slow
def test_the_secrets_are_written_nowhere(published: Home, web, monkeypatch, tmp_path, caplog, capfd) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="httpx")  # the client of Pipedrive sets it to WARNING for good
    dagster_home, password = tmp_path / "dagster", "c4n4ry-p4ss-0b7d"
    dagster_home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home))
    monkeypatch.setenv("NOBODY_URL", f"http://127.0.0.1:9{PATH}")
    monkeypatch.setenv("SMTP_PASSWORD", password)
    published.night()
    with mail_receiver(password=b"another") as mail, dg.DagsterInstance.get() as instance:
        published.set(
            SLACK + JSON.replace("WEBHOOK_URL", "NOBODY_URL") + email(mail.port, more='tls = "none"')
        )
        web.will_answer(500, f"no such hook: {web.url}".encode())
        job = build_definitions(published.settings).resolve_job_def("alerts")

        result = job.execute_in_process(instance=instance)

    told = caplog.text + "".join(capfd.readouterr())
    (check,) = result.get_asset_check_evaluations()
    # tried twice, and then informed of the channels that failed
    assert (result.success, len(web.got), check.description.count("was not delivered")) == (True, 3, 2)
    assert "httpx" in told
    assert list(dagster_home.rglob("*.db"))
    for secret in (PATH.rpartition("/")[2], password):
        assert secret not in told
        assert holding(secret, tmp_path) == []
