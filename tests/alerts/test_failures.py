"""Which failed runs are reported, for which companies, and what happens while the configuration is broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import AssetKey
from installation import MODELS, Installation

from pipedrive_graph.errors import AlertError, ConfigurationError
from pipedrive_graph.orchestration.build import JOB, assemble
from pipedrive_graph.orchestration.configuration import load_leniently

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
    for module in ("findings.custom_rules", "orchestration.configuration"):  # parsed once for all tests
        monkeypatch.setattr(f"pipedrive_graph.{module}.Models", lambda *_: MODELS)
    return home


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def definitions() -> dg.Definitions:
    return assemble(load_leniently())


def looked(
    instance: dg.DagsterInstance,
    job: str,
    planned: Sequence[AssetKey],
    config: dict[str, Any] | None = None,
    **tags: str,
) -> list[str] | str:
    """Have `night_failed` look at a failed run: the companies that alerts are requested for, or why none."""
    known = {"nightly", "collect_companies", "build_and_publish", "alerts", "verify", "sync"}
    ours = {"pipedrive_graph/job": job} if job in known else {}
    tags = {f"dagster/{key}": value for key, value in tags.items()} | ours
    run = instance.add_run(dg.DagsterRun(job, tags=tags, run_config=config or {}))
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
    return chosen(answer)


def chosen(request: dg.RunRequest) -> list[str]:
    """The companies of a request for alerts."""
    companies: list[str] = request.run_config["ops"]["send_alerts"]["config"]["companies"]
    return companies


def alerts(instance: dg.DagsterInstance, *companies: str) -> None:
    """Run the job of the alerts for companies."""
    config = {"ops": {"send_alerts": {"config": {"companies": [*companies]}}}}
    definitions().resolve_job_def("alerts").execute_in_process(instance=instance, run_config=config)


def planned_data(key: AssetKey) -> Any:
    from dagster._core.events import AssetMaterializationPlannedData

    return AssetMaterializationPlannedData(key)


def failures(web: Any) -> list[tuple[str, str]]:
    """The failures that the webhook was sent, as company and text."""
    return [(body["company"], note["text"]) for body in web.bodies for note in body["notes"]]


@pytest.mark.parametrize("job", ["collect_companies", "__ASSET_JOB", "a_job_of_mine"])
@pytest.mark.parametrize("planned", [NIGHTLY, NIGHTLY[:1], [*NIGHTLY, *ALERTS], [*NIGHTLY, AssetKey("mine")]])
def test_every_run_of_nightly_assets_is_reported(folder, instance, job, planned) -> None:
    assert looked(instance, job, planned, partition="b") == ["b"]


def test_a_night_that_died_is_reported_for_its_companies(folder, instance) -> None:
    assert looked(instance, JOB, []) == ["a", "b", "c"]
    config = {"ops": {"night": {"config": {"companies": ["c"]}}}}
    assert looked(instance, JOB, [], config) == ["c"]


def test_a_build_that_died_is_reported_for_the_companies_that_wait_for_it(folder, instance) -> None:
    assert looked(instance, "build_and_publish", NIGHTLY[1:]) == "This run does not process a company."


def test_a_run_for_several_companies_is_reported_for_each(folder, instance) -> None:
    instance.add_dynamic_partitions("pipedrive_companies", ["a", "b", "c"])
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
    assert looked(instance, "__ASSET_JOB", planned, **tags) == "This run does not process a company."
    assert not (folder / "alerts").exists()


def test_a_run_that_dagster_repeats_is_not_reported(folder, instance) -> None:
    job = "collect_companies"
    assert looked(instance, job, NIGHTLY, partition="a", will_retry="true") == "Dagster will retry this run."
    assert looked(instance, job, NIGHTLY, partition="a", will_retry="false") == ["a"]


def test_alerts_that_fail_are_shown_by_the_tick_and_not_repeated(folder, instance) -> None:
    with pytest.raises(
        AlertError, match=r"^The alerts could not be sent: the run .* ended without an error message"
    ):
        looked(instance, "alerts", ALERTS, partition="a")
    assert not (folder / "alerts").exists()


def test_the_partitions_follow_the_companies(folder, instance) -> None:
    def tick() -> tuple[dict[str, list[str]], str | None]:
        made = definitions()
        sensor = made.resolve_sensor_def("snapshots_pending")
        with dg.build_sensor_context(instance, repository_def=made.get_repository_def()) as context:
            answer = sensor.evaluate_tick(context)
        requests = answer.dynamic_partitions_requests or []
        for request in requests:
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
            else:
                for key in request.partition_keys:
                    instance.delete_dynamic_partition(request.partitions_def_name, key)
        return {type(one).__name__: [*one.partition_keys] for one in requests}, answer.skip_message

    nothing = "The newest snapshot of every company is published."
    assert tick() == ({"AddDynamicPartitionsRequest": ["a", "b", "c"]}, nothing)
    file = folder / "companies.toml"
    file.write_text(file.read_text().replace("[a]", "[d]"))
    assert tick() == (
        {"AddDynamicPartitionsRequest": ["d"], "DeleteDynamicPartitionsRequest": ["a"]}, nothing
    )  # fmt: skip
    file.write_text("[")  # which companies there are is not known
    assert tick() == ({}, "The companies cannot be read; the next run reports why.")
    assert instance.get_dynamic_partitions("pipedrive_companies") == ["b", "c", "d"]


def test_a_mistake_is_reported_by_the_alerts_and_gone_when_it_is_corrected(folder, instance, web) -> None:
    (folder / "findings.toml").write_text("dormant_admin_dayz = 60")
    result = definitions().resolve_job_def(JOB).execute_in_process(instance=instance, raise_on_error=False)
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    context = dg.build_run_status_sensor_context(
        "night_failed", result.get_run_failure_event(), instance, result.dagster_run
    ).for_run_failure()

    request = definitions().resolve_sensor_def("night_failed")(context)
    alerts(instance, *chosen(request))

    assert failed.step_key == "night"
    assert [company for company, _ in failures(web)] == ["a", "b", "c"]
    (_, text), *_ = failures(web)
    assert text.partition("UTC: ")[2] == (
        f"{folder}/findings.toml: 'dormant_admin_dayz' (line 1) is not a setting."
    )
    (folder / "findings.toml").unlink()
    assert load_leniently().problem is None


@pytest.mark.parametrize("sentence", ["Cannot read {home}/companies.toml: "])
def test_alerts_are_sent_while_the_companies_cannot_be_read(folder, instance, web, sentence) -> None:
    (folder / "landing" / "b").mkdir(parents=True)
    (folder / "alerts.toml").write_text(JSON + 'companies = ["b", "c"]\n')
    (folder / "companies.toml").write_text("[a")

    assert looked(instance, "collect_companies", NIGHTLY, partition="b") == ["b"]
    alerts(instance, "b")

    assert [company for company, _ in failures(web)] == ["b"]


def test_while_alerts_toml_is_broken_the_tick_says_it_and_the_failure_is_kept(folder, instance, web) -> None:
    looked(instance, "collect_companies", NIGHTLY, partition="a")
    alerts(instance, "a")
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
    alerts(instance, "a")
    assert failures(web)[1][1].partition("UTC: ")[2].startswith(broken)


def failing(instance: dg.DagsterInstance, folder: Path) -> None:
    """Have a night of `a` fail as it does with these files, and `night_failed` look at it."""
    made = definitions()
    result = made.resolve_job_def(JOB).execute_in_process(instance=instance, raise_on_error=False)
    context = dg.build_run_status_sensor_context(
        "night_failed", result.get_run_failure_event(), instance, result.dagster_run
    ).for_run_failure()
    made.resolve_sensor_def("night_failed")(context)


@pytest.mark.slow
def test_a_run_of_sync_is_reported_by_sync_alone(folder, monkeypatch, tmp_path, web) -> None:
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home))
    result = Installation(folder, {"DAGSTER_HOME": str(dagster_home)}).command("sync", "--company", "a")
    assert result.code == 2  # its token's variable is not set
    assert len(failures(web)) == 1

    with dg.DagsterInstance.get() as instance:
        (record,) = instance.get_run_records()
        skipped = after_failure(instance, record.dagster_run)

    assert record.dagster_run.job_name == "sync"
    assert skipped.skip_message == "The run has sent the alerts about its own failure."


def after_failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Any:
    """What `night_failed` answers to a failed run."""
    event = dg.DagsterEvent(FAILURE, run.job_name)
    context = dg.build_run_status_sensor_context("night_failed", event, instance, run).for_run_failure()
    return definitions().resolve_sensor_def("night_failed")(context)


def test_a_night_that_has_sent_its_alerts_is_not_reported_again(folder, instance, web) -> None:
    result = definitions().resolve_job_def(JOB).execute_in_process(instance=instance, raise_on_error=False)

    assert not result.success  # no token is set
    assert [company for company, _ in failures(web)] == ["a", "b", "c"]
    skipped = after_failure(instance, result.dagster_run)
    assert skipped.skip_message == "The run has sent the alerts about its own failure."
