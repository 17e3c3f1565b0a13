"""Collecting and building as jobs of their own: partitions, batches, the sensor between them, failures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from installation import Installation, Serve
from published import query

from pipedrive_graph.orchestration.build import build_definitions
from pipedrive_graph.simulator.server import Simulator

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
COLLECTING = ("users", "roles", "permission_sets", "role_assignments", "user_permissions")


@pytest.fixture
def fleet(home: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> tuple[Installation, list[Simulator]]:
    """Three companies of a few people."""
    home.mkdir()
    simulators = [serve(users=6, limit=2000) for _ in "abc"]
    tables = [
        f'[{name}]\napi_token_env = "TOKEN_{name}"\nbase_url = "{simulator.url}"\n'
        for name, simulator in zip("abc", simulators, strict=True)
    ]
    (home / "companies.toml").write_text("".join(tables))
    variables = {f"TOKEN_{name}": one.token for name, one in zip("abc", simulators, strict=True)}
    installation = Installation(home, variables)
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    return installation, simulators


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        ephemeral.add_dynamic_partitions("pipedrive_companies", ["a", "b", "c"])
        yield ephemeral


def collected(
    installation: Installation, instance: dg.DagsterInstance, first: str, last: str
) -> dg.ExecuteInProcessResult:
    """One run for a range of companies, as a backfill starts it."""
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    job = build_definitions(installation.settings).resolve_job_def("collect_companies")
    return job.execute_in_process(instance=instance, tags=tags, run_config=QUIET, raise_on_error=False)


def asked(installation: Installation, instance: dg.DagsterInstance) -> tuple[int, str | None]:
    """How many builds `snapshots_pending` asks for, and why none."""
    definitions = build_definitions(installation.settings)
    sensor = definitions.resolve_sensor_def("snapshots_pending")
    with dg.build_sensor_context(instance, repository_def=definitions.get_repository_def()) as context:
        answer = sensor.evaluate_tick(context)
    return len(answer.run_requests or []), answer.skip_message


@pytest.mark.slow
def test_one_company_that_fails_holds_up_no_other_and_the_build_takes_the_others(
    fleet, instance, monkeypatch
) -> None:
    installation, _ = fleet
    monkeypatch.setenv("TOKEN_b", "wrong")

    result = collected(installation, instance, "a", "c")

    assert not result.success
    for name in COLLECTING:
        assert instance.get_materialized_partitions(dg.AssetKey(name)) == {"a", "c"}
    (failed,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    companies = failed.user_failure_data.metadata["companies that failed"].value
    assert [*companies] == ["b"]
    assert companies["b"].startswith("Pipedrive does not accept the API token")
    assert not installation.published.exists()
    assert asked(installation, instance) == (1, None)

    built = build_definitions(installation.settings).resolve_job_def("build_and_publish")
    assert built.execute_in_process(instance=instance, run_config=QUIET).success

    assert query(installation.published, "SELECT company FROM current_snapshot ORDER BY ALL") == [
        ("a",),
        ("c",),
    ]
    assert (installation.home / "reports" / "c" / "findings.csv").exists()
    event = instance.get_latest_materialization_event(dg.AssetKey("identity_graph"))
    assert event.asset_materialization.metadata["companies of this batch"].value == 2
    assert asked(installation, instance) == (0, "The newest snapshot of every company is published.")


@pytest.mark.slow
def test_a_build_waits_for_companies_that_are_read_but_not_for_long(fleet, instance, monkeypatch) -> None:
    installation, _ = fleet
    assert collected(installation, instance, "a", "a").success
    started = datetime.fromisoformat(installation.landing("a").latest().finished_at.isoformat())
    run = instance.add_run(
        dg.DagsterRun("nightly", status=dg.DagsterRunStatus.STARTED, tags={"pipedrive_graph/job": "nightly"})
    )

    assert asked(installation, instance) == (0, f"The run {run.run_id} is collecting companies.")
    (installation.home / "settings.toml").write_text("[sync]\npublish_after = 1")
    monkeypatch.setattr("pipedrive_graph.common.clock.now", lambda: started + timedelta(seconds=61))
    assert asked(installation, instance) == (1, None)
    building = instance.add_run(
        dg.DagsterRun(
            "build_and_publish",
            status=dg.DagsterRunStatus.STARTING,
            tags={"pipedrive_graph/job": "build_and_publish"},
        )
    )
    assert asked(installation, instance) == (0, f"The run {building.run_id} is building.")


@pytest.mark.slow
def test_a_night_adds_and_removes_partitions(fleet, instance) -> None:
    installation, simulators = fleet
    file = installation.home / "companies.toml"
    text = file.read_text()
    file.write_text(text[text.index("[b]") :].replace("[c]", "[d]"))
    job = build_definitions(installation.settings).resolve_job_def("nightly")
    for simulator in simulators:
        simulator.requests.clear()

    result = job.execute_in_process(instance=instance, run_config=QUIET)

    assert result.success
    assert instance.get_dynamic_partitions("pipedrive_companies") == ["b", "d"]
    assert instance.get_materialized_partitions(dg.AssetKey("users")) == {"b", "d"}
    assert simulators[0].requests == []


@pytest.mark.slow
def test_an_outcome_that_stays_is_recorded_once(fleet, instance) -> None:
    installation, _ = fleet
    job = build_definitions(installation.settings).resolve_job_def("nightly")
    config = {**QUIET, "ops": {"night": {"config": {"companies": ["a"]}}}}

    runs = [job.execute_in_process(instance=instance, run_config=config) for _ in range(3)]

    first, second, third = (len(run.get_asset_check_evaluations()) for run in runs)
    assert first >= 50
    # the rules that compare with an earlier snapshot have one now; visibility_widened is one of them
    assert second < 11
    assert third == 0


def test_a_mistake_in_a_file_fails_every_run_and_no_definition(fleet, instance) -> None:
    from pipedrive_graph.orchestration.build import assemble
    from pipedrive_graph.orchestration.configuration import load_leniently

    installation, _ = fleet
    (installation.home / "settings.toml").write_text('[dagster]\ncron = "99 2 * * *"')
    definitions = assemble(load_leniently(installation.environment))

    assert definitions.resolve_schedule_def("every_night").cron_schedule == "0 2 * * *"
    result = definitions.resolve_job_def("nightly").execute_in_process(
        instance=instance, run_config=QUIET, raise_on_error=False
    )
    (failed,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert "settings.toml: dagster.cron: '99 2 * * *' is not a cron expression" in failed.error.to_string()
