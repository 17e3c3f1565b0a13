"""Dagster: the definitions load, their runs publish what `sync` publishes, and say what they did."""

from __future__ import annotations

import html
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from installation import MODELS, Installation
from published import differing, names, query, tables

from pipedrive_graph.errors import RejectedError
from pipedrive_graph.orchestration.assemble import JOB, build_definitions
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator
from pipedrive_graph.warehouse.model import Kind

REPOSITORY = Path(__file__).parent.parent
COLLECTING = ["users", "roles", "role_assignments", "user_permissions", "permission_sets"]


@pytest.fixture
def definitions(home: Path) -> dg.Definitions:
    """The definitions of two companies."""
    home.mkdir()
    (home / "companies.toml").write_text("[alpha]\napi_token_env='A'\n[beta]\napi_token_env='B'")
    return build_definitions(Installation(home).settings)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    """One nightly run, a partial one, on the shipped dagster.yaml: installation, result, instance."""
    folder = tmp_path_factory.mktemp("dagster")
    dagster_home = folder / "dagster_home"
    dagster_home.mkdir()
    shutil.copy(REPOSITORY / "dagster_home" / "dagster.yaml", dagster_home)
    with Simulator(Options(users=40, limit=2000)) as simulator, pytest.MonkeyPatch.context() as patch:
        installation = Installation.of(folder / "home", simulator)
        simulator.faults.add(
            f"users/{simulator.company.plain_user_id}/permissions", faults.forbidden, times=None
        )
        for name, value in {**installation.environment, "DAGSTER_HOME": str(dagster_home)}.items():
            patch.setenv(name, value)
        with dg.DagsterInstance.get() as instance:
            job = build_definitions(installation.settings).resolve_job_def(JOB)
            result = job.execute_in_process(partition_key="default", instance=instance)
            yield installation, result, instance


def test_the_definitions_load_without_a_warning(definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_the_definitions_load_as_dagster_loads_them(installation) -> None:
    code = "from pipedrive_graph.definitions import defs; print(len(defs.resolve_all_asset_specs()))"
    environment = {**os.environ, **installation.environment}
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning:dagster", "-c", code],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")


def test_every_table_is_an_asset(definitions) -> None:
    keys = {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()}
    graph = {f"graph/{model.name}" for model in MODELS.of("main", Kind.TABLE, Kind.VIEW)}
    rules = {f"findings/{model.name}" for model in MODELS.of("rules", Kind.RULE)}

    assert len(rules) >= 14
    assert {
        *COLLECTING,
        *graph,
        *rules,
        "identity_graph",
        "findings_csv",
        "access_report",
        "history/findings",
    } <= keys


def test_every_asset_is_described_and_has_a_group(definitions) -> None:
    specs = list(definitions.resolve_all_asset_specs())
    assert [spec.key for spec in specs if not spec.description or not spec.kinds] == []
    assert {spec.group_name for spec in specs} == {
        "pipedrive", "history", "policy", "graph", "findings", "published",
    }  # fmt: skip
    assert all(spec.partitions_def.get_partition_keys() == ["alpha", "beta"] for spec in specs)


def test_lineage_follows_the_queries(definitions) -> None:
    above = {spec.key.to_user_string(): spec.deps for spec in definitions.resolve_all_asset_specs()}

    def deps(name: str) -> set[str]:
        return {dep.asset_key.to_user_string() for dep in above[name]}

    assert deps("history/users") == set(COLLECTING)
    assert deps("graph/user_roles_history") == {"history/user_roles"}
    assert deps("graph/permission_sets") == {
        "graph/permission_sets_history",
        "history/permission_sets_latest",
    }
    assert "findings/dormant_admin" in deps("history/findings")
    assert deps("findings_csv") == {"identity_graph"}
    assert deps("access_report") == {"identity_graph"}
    assert deps("graph/finding_counts") == {"history/finding_counts"}
    assert deps("history/finding_counts") == deps("history/rule_runs") == {"history/findings"}
    assert deps("alerts_sent") == {"identity_graph", "findings_csv", "access_report"}
    assert deps("identity_graph") == {name for name in above if name.startswith("graph/")}


def test_the_checks(definitions) -> None:
    graph = definitions.resolve_asset_graph()
    checks = {
        f"{key.asset_key.to_user_string()}: {key.name}": graph.get_check_spec(key).blocking
        for key in graph.asset_check_keys
    }
    assert checks == {
        "users: snapshot_accepted": True,
        "users: snapshot_complete": False,
        "graph/users: rows_kept": True,
        "graph/users: values_readable": False,
        "graph/findings: rules_ran": False,
        "identity_graph: published_equals_warehouse": True,
        "alerts_sent: alerts_delivered": False,
    }


def test_the_schedule_asks_for_one_run_per_company_and_night(definitions) -> None:
    schedule = definitions.resolve_schedule_def("every_night")
    night = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)

    with dg.build_schedule_context(
        scheduled_execution_time=night, repository_def=definitions.get_repository_def()
    ) as context:
        requests = schedule.evaluate_tick(context).run_requests

    assert schedule.cron_schedule == "0 2 * * *"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert [(request.run_key, request.partition_key) for request in requests] == [
        ("2026-11-22/alpha", "alpha"),
        ("2026-11-22/beta", "beta"),
    ]


def test_the_shipped_instance_loads(run) -> None:
    _, _, instance = run
    assert instance.telemetry_enabled is False
    assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 2
    assert instance.run_monitoring_enabled


def test_a_run_publishes_what_sync_publishes(run, tmp_path) -> None:
    installation, result, _ = run
    other = Installation(tmp_path / "home", installation.variables)

    told = other.command("sync")

    assert (result.success, told.code) == (True, 4)
    dagsters, ours = (tables(one.published, clock=False) for one in (installation, other))
    assert differing(dagsters, ours) == {}
    assert (installation.home / "reports" / "default" / "findings.csv").exists()
    assert (installation.home / "reports" / "default" / "access_report.html").exists()


def test_dagsters_home_names_nobody(run) -> None:
    installation, _, instance = run
    people = query(installation.published, "SELECT name, email FROM users")
    titles = query(installation.published, "SELECT title FROM findings")
    words = {word for row in people for word in row if word}
    forms = {form for word in words for form in (word, json.dumps(word)[1:-1], html.escape(word))}
    contents = {
        path: path.read_bytes() for path in Path(instance.root_directory).rglob("*") if path.is_file()
    }

    assert len(words) > 70
    assert any(word in title for (title,) in titles for word in words)
    assert [path.name for path in contents if path.suffix == ".db"]
    found = {(path.name, form) for path, text in contents.items() for form in forms if form.encode() in text}
    assert found == set()


def test_a_partial_snapshot_is_a_red_check_that_blocks_nothing(run) -> None:
    _, result, _ = run
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert {name: check.passed for name, check in checks.items()} == {
        "snapshot_accepted": True,
        "snapshot_complete": False,
        "rows_kept": True,
        "values_readable": True,
        "rules_ran": True,
        "published_equals_warehouse": True,
        "alerts_delivered": True,
    }
    assert checks["snapshot_complete"].description.startswith("1 of ")


def test_the_run_says_how_many_rows_there_are(run) -> None:
    installation, _, instance = run
    for name in names(installation.published):
        event = instance.get_latest_materialization_event(dg.AssetKey(["graph", name]))
        rows = event.asset_materialization.metadata["dagster/partition_row_count"].value
        ((count,),) = query(installation.published, f"SELECT count(*) FROM {name}")  # noqa: S608
        assert rows == count, name


def test_the_run_shows_counts_and_first_rows(run) -> None:
    _, _, instance = run

    def told(*key: str) -> dict[str, dg.MetadataValue]:
        event = instance.get_latest_materialization_event(dg.AssetKey(key))
        return event.asset_materialization.metadata

    assert told("graph", "roles")["first rows"].value.startswith("| role\\_id | name |")
    assert "first rows" not in told("graph", "users")
    assert told("findings_csv")["open: high"].value > 0
    assert told("findings_csv")["new findings"].records
    assert told("findings_csv")["worst open findings"].value.startswith(
        "| severity | rule | open | first seen |"
    )
    assert told("alerts_sent")["channels"].value == 0
    assert told("history", "users")["dagster/column_schema"].value.columns[0].name == "company"


def test_the_run_shows_columns_with_their_types_and_comments(run) -> None:
    installation, _, instance = run
    for name in names(installation.published):
        event = instance.get_latest_materialization_event(dg.AssetKey(["graph", name]))
        schema = event.asset_materialization.metadata["dagster/column_schema"].value
        shown = [(column.name, column.type, column.description) for column in schema.columns]
        published = query(
            installation.published,
            "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = ?"
            " ORDER BY column_index",
            name,
        )
        assert shown == published, name


def test_the_run_shows_where_columns_come_from(run) -> None:
    _, _, instance = run

    def sources(table: str, column: str) -> set[str]:
        event = instance.get_latest_materialization_event(dg.AssetKey(["graph", table]))
        lineage = event.asset_materialization.metadata["dagster/column_lineage"].value
        return {
            f"{dep.asset_key.to_user_string()}.{dep.column_name}" for dep in lineage.deps_by_column[column]
        }

    assert sources("user_roles", "role_id") == {
        "graph/user_roles_history.role_id",
        "graph/users_history.role_id",
    }
    assert sources("user_roles_history", "role_id") == {"history/user_roles.role_id"}
    assert sources("users", "name") == {"graph/users_history.name"}
    assert sources("rule_thresholds", "dormant_user_days") == {
        "policy/thresholds.name",
        "policy/thresholds.value",
    }
    assert sources("current_snapshot", "as_of") == {"graph/snapshots.started_at"}


def test_a_rejected_snapshot_stops_before_publishing(installation, simulator, monkeypatch) -> None:
    installation.night()
    before = installation.published.read_bytes()
    simulator.faults.add(r"users/\d+/permissions", faults.forbidden, times=None)
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    job = build_definitions(installation.settings).resolve_job_def(JOB)

    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(partition_key="default", instance=instance, raise_on_error=False)

    assert not result.success
    assert [check.check_name for check in result.get_asset_check_evaluations() if not check.passed] == [
        "snapshot_accepted"
    ]
    (step,) = [event for event in result.all_events if event.is_step_failure]
    assert RejectedError.__name__ in step.event_specific_data.error.to_string()
    assert result.get_step_skipped_events() or len(result.get_step_success_events()) == 0
    assert installation.published.read_bytes() == before


@pytest.mark.slow
def test_a_launched_run_accepts_a_loss_only_by_the_id_that_its_refusal_names(
    installation, simulator, monkeypatch
) -> None:
    installation.night()
    people = [user.id for user in simulator.company.users.values() if user.active and not user.admin_apps]
    for user in people[:9]:
        simulator.company.remove_user(user)
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    job = build_definitions(installation.settings).resolve_job_def(JOB)

    def launched(**config: object) -> str | None:
        run_config = {"ops": {"collect": {"config": config}}}
        with dg.DagsterInstance.ephemeral() as instance:
            result = job.execute_in_process(
                partition_key="default", instance=instance, run_config=run_config, raise_on_error=False
            )
        failed = [event.event_specific_data.error for event in result.all_events if event.is_step_failure]
        return (failed[0].cause or failed[0]).message.partition(": ")[2].strip() if failed else None

    needed = (
        "accept_shrink in the run's configuration does not name the newest refused snapshot. Launch the run"
        " without it; if users are gone, the refusal names the value to write there."
    )
    assert launched(accept_shrink=True) == needed
    refusal = launched(accept_shrink=False)
    refused = installation.landing().latest().snapshot_id
    assert refusal == (
        "9 of the 40 known users are gone since the last snapshot. Nothing was published. "
        "If that is right, run sync once with --accept-shrink "
        f'(in Dagster, launch the run once with accept_shrink: "{refused}").'
    )
    for value in (True, 1, "true", "yes", refused[:-1], [refused]):
        assert launched(accept_shrink=value) == needed
    assert launched(accept_shrink=refused) is None
    assert installation.landing().latest(accepted=True).users == 31
    assert launched(accept_shrink=refused) == needed


@pytest.mark.slow
def test_materialising_everything_from_the_command_line(simulator, tmp_path) -> None:
    ours = Installation.of(tmp_path / "ours", simulator)
    theirs = Installation.of(tmp_path / "theirs", simulator)
    dagster_home = tmp_path / "dagster_home"
    dagster_home.mkdir()
    shutil.copy(REPOSITORY / "dagster_home" / "dagster.yaml", dagster_home)
    environment = {**os.environ, **theirs.environment, "DAGSTER_HOME": str(dagster_home)}
    dg_command = Path(sys.executable).with_name("dg")
    if not dg_command.exists():
        pytest.skip("dg is not installed")

    launched = subprocess.run(
        [dg_command, "launch", "--assets", "*", "--partition", "default"],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert launched.returncode == 0, launched.stderr[-3000:]
    assert ours.command("sync").code == 0
    left, right = (tables(one.published, clock=False) for one in (ours, theirs))
    assert differing(left, right) == {}
