"""Which failed runs are reported, for which companies, and what happens while the configuration is broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import AssetKey
from installation import MODELS

from pipedrive_graph.errors import AlertError, ConfigurationError
from pipedrive_graph.orchestration.assemble import JOB, assemble
from pipedrive_graph.orchestration.configuration import load_leniently
from pipedrive_graph.orchestration.nightly import run_nightly
from pipedrive_graph.orchestration.observers import LogWatch
from pipedrive_graph.settings import Settings

from .home import JSON

NIGHTLY = [AssetKey("users"), AssetKey(["graph", "users"]), AssetKey("identity_graph")]
ALERTS = [AssetKey("alerts_sent")]
FAILURE = dg.DagsterEventType.PIPELINE_FAILURE.value


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of three companies, with a webhook."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "companies.toml").write_text("".join(f"[{name}]\napi_token_env = 'T'\n" for name in "abc"))
    (home / "alerts.toml").write_text(JSON)
    monkeypatch.setenv("PIPEDRIVE_GRAPH_HOME", str(home))
    for module in ("findings.own_rules", "orchestration.configuration"):  # parsed once for all tests
        monkeypatch.setattr(f"pipedrive_graph.{module}.Models", lambda _: MODELS)
    return home


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def definitions() -> dg.Definitions:
    return assemble(load_leniently())


def looked(
    instance: dg.DagsterInstance, job: str, planned: Sequence[AssetKey], **tags: str
) -> list[str | None] | str:
    """Have `night_failed` look at a failed run: the companies that alerts are requested for, or why none."""
    run = instance.add_run(dg.DagsterRun(job, tags={f"dagster/{key}": value for key, value in tags.items()}))
    for key in planned:
        event = dg.DagsterEvent(
            dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value,
            job,
            event_specific_data=planned_data(key),
        )
        instance.report_dagster_event(event, run.run_id)
    failure = dg.DagsterEvent(FAILURE, job)
    context = dg.build_run_status_sensor_context("night_failed", failure, instance, run).for_run_failure()
    answer = definitions().resolve_sensor_def("night_failed")(context)
    if isinstance(answer, dg.SkipReason):
        return str(answer.skip_message)
    return [request.partition_key or request.tags["dagster/partition"] for request in answer]


def planned_data(key: AssetKey) -> Any:
    from dagster._core.events import AssetMaterializationPlannedData

    return AssetMaterializationPlannedData(key)


def failures(web: Any) -> list[tuple[str, str]]:
    """The failures that the webhook was sent, as company and text."""
    return [(body["company"], note["text"]) for body in web.bodies for note in body["notes"]]


@pytest.mark.parametrize("job", [JOB, "__ASSET_JOB", "a_job_of_mine"])
@pytest.mark.parametrize("planned", [NIGHTLY, NIGHTLY[:1], [*NIGHTLY, *ALERTS], [*NIGHTLY, AssetKey("mine")]])
def test_every_run_of_nightly_assets_is_reported(folder, instance, job, planned) -> None:
    assert looked(instance, job, planned, partition="b") == ["b"]


def test_a_run_for_several_companies_is_reported_for_each(folder, instance) -> None:
    tags = {"asset_partition_range_start": "a", "asset_partition_range_end": "b"}
    assert looked(instance, "__ASSET_JOB", NIGHTLY, **tags, backfill="x") == ["a", "b"]


@pytest.mark.parametrize(
    ("planned", "tags"),
    [
        (NIGHTLY, {}),  # of no company
        (NIGHTLY, {"partition": "2026-11-29"}),
        (NIGHTLY, {"asset_partition_range_start": "2026-11-01", "asset_partition_range_end": "2026-11-29"}),
        ([AssetKey("mine")], {"partition": "a"}),  # of other assets
        ([], {"partition": "a"}),
    ],
)
def test_other_runs_are_not_reported(folder, instance, planned, tags) -> None:
    assert looked(instance, "__ASSET_JOB", planned, **tags) == "It is not the night of a company."
    assert not (folder / "alerts").exists()


def test_a_run_that_dagster_repeats_is_not_reported(folder, instance) -> None:
    assert looked(instance, JOB, NIGHTLY, partition="a", will_retry="true") == "Dagster runs it once more."
    assert looked(instance, JOB, NIGHTLY, partition="a", will_retry="false") == ["a"]


def test_alerts_that_fail_are_shown_by_the_tick_and_not_repeated(folder, instance) -> None:
    with pytest.raises(
        AlertError, match=r"^The alerts could not be sent: the run .* ended without an error message"
    ):
        looked(instance, "alerts", ALERTS, partition="a")
    assert not (folder / "alerts").exists()


def test_a_company_that_is_newer_than_the_partitions(folder, instance) -> None:
    made = definitions()
    file = folder / "companies.toml"
    file.write_text(file.read_text().replace("[a]", "[d]"))

    schedule = made.resolve_schedule_def("every_night")
    with dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 11, 29, 2, tzinfo=UTC),
        repository_def=made.get_repository_def(),
    ) as context:
        requests = schedule.evaluate_tick(context).run_requests or []

    tags = [(one.partition_key, one.tags["dagster/partition"], one.tags["company"]) for one in requests]
    assert tags == [(None, "d", "d"), ("b", "b", "b"), ("c", "c", "c")]


def test_a_mistake_is_reported_by_the_alerts_and_gone_when_it_is_corrected(folder, instance, web) -> None:
    (folder / "findings.toml").write_text("dormant_admin_dayz = 60")
    result = definitions().resolve_job_def(JOB).execute_in_process(
        partition_key="a", instance=instance, raise_on_error=False
    )  # fmt: skip
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    context = dg.build_run_status_sensor_context(
        "night_failed", result.get_run_failure_event(), instance, result.dagster_run
    ).for_run_failure()

    (request,) = definitions().resolve_sensor_def("night_failed")(context)
    definitions().resolve_job_def("alerts").execute_in_process(
        partition_key=request.partition_key, instance=instance
    )

    assert failed.step_key == "collect"
    ((company, text),) = failures(web)
    assert company == "a"
    assert text.partition("UTC: ")[2] == f"{folder}/findings.toml: 'dormant_admin_dayz' is no setting."
    (folder / "findings.toml").unlink()
    assert load_leniently().problem is None


@pytest.mark.parametrize("sentence", ["Cannot read {home}/companies.toml: "])
def test_alerts_are_sent_while_the_companies_cannot_be_read(folder, instance, web, sentence) -> None:
    (folder / "landing" / "b").mkdir(parents=True)
    (folder / "alerts.toml").write_text(JSON + 'companies = ["b", "c"]\n')
    (folder / "companies.toml").write_text("[a")

    assert looked(instance, JOB, NIGHTLY, partition="b") == ["b"]
    definitions().resolve_job_def("alerts").execute_in_process(partition_key="b", instance=instance)

    assert [company for company, _ in failures(web)] == ["b"]


def test_while_alerts_toml_is_broken_the_tick_says_it_and_the_failure_is_kept(folder, instance, web) -> None:
    looked(instance, JOB, NIGHTLY, partition="a")
    definitions().resolve_job_def("alerts").execute_in_process(partition_key="a", instance=instance)
    assert len(failures(web)) == 1
    (folder / "alerts.toml").write_text("[[alert]")
    broken = f"Cannot read {folder}/alerts.toml: "

    with pytest.raises(ConfigurationError, match=r"^A run for a failed: Cannot .* No alert about it "):
        failing(instance, folder)
    made = definitions()
    sensor = made.resolve_sensor_def("night_missed")
    with (
        dg.build_sensor_context(instance, repository_def=made.get_repository_def()) as context,
        pytest.raises(ConfigurationError, match=broken),
    ):
        sensor.evaluate_tick(context)

    (folder / "alerts.toml").write_text(JSON)
    definitions().resolve_job_def("alerts").execute_in_process(partition_key="a", instance=instance)
    assert failures(web)[1][1].partition("UTC: ")[2].startswith(broken)


def failing(instance: dg.DagsterInstance, folder: Path) -> None:
    """Have a night of `a` fail as it does with these files, and `night_failed` look at it."""
    made = definitions()
    result = made.resolve_job_def(JOB).execute_in_process(
        partition_key="a", instance=instance, raise_on_error=False
    )
    context = dg.build_run_status_sensor_context(
        "night_failed", result.get_run_failure_event(), instance, result.dagster_run
    ).for_run_failure()
    made.resolve_sensor_def("night_failed")(context)


def test_a_run_of_sync_is_reported_by_sync_alone(folder, monkeypatch, tmp_path, web) -> None:
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home))
    settings: Settings = load_leniently().settings
    with pytest.raises(ConfigurationError):
        run_nightly(settings, "a", watch=LogWatch())  # its token's variable is not set
    assert len(failures(web)) == 1

    with dg.DagsterInstance.get() as instance:
        (record,) = instance.get_run_records()
        event = dg.DagsterEvent(FAILURE, JOB)
        context = dg.build_run_status_sensor_context(
            "night_failed", event, instance, record.dagster_run
        ).for_run_failure()
        skipped = definitions().resolve_sensor_def("night_failed")(context)

    assert skipped.skip_message == "sync sends the alert about its own failure."
