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

from pipedrive_graph.config import options as installation_options
from pipedrive_graph.errors import RejectedError
from pipedrive_graph.orchestration import retention
from pipedrive_graph.orchestration.build import JOB, build_definitions
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator
from pipedrive_graph.warehouse.sql_model import Kind

REPOSITORY = Path(__file__).parents[2]
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
            result = job.execute_in_process(instance=instance)
            yield installation, result, instance


def test_the_definitions_load_without_a_warning(definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


@pytest.mark.slow
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
    graph = {f"graph/{model.name}" for model in MODELS.published()}

    assert {
        *COLLECTING,
        *graph,
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
    partitions = {spec.key.to_user_string(): spec.partitions_def for spec in specs if spec.partitions_def}
    assert partitions == dict.fromkeys(COLLECTING, dg.DynamicPartitionsDefinition(name="pipedrive_companies"))


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
    assert "lifecycle/firing" in deps("history/findings")
    assert {"graph/users", "graph/user_permissions", "graph/rule_thresholds"} <= deps("lifecycle/firing")
    assert deps("findings_csv") == {"identity_graph"}
    assert deps("access_report") == {"identity_graph"}
    assert deps("graph/finding_counts") == {"history/finding_counts"}
    assert deps("history/finding_counts") == {"lifecycle/finding_counts"}
    assert "history/findings" in deps("lifecycle/finding_counts")
    assert deps("history/rule_runs") == {"lifecycle/rule_runs"}
    assert deps("alerts_sent") == {"identity_graph", "findings_csv", "access_report"}
    assert deps("identity_graph") == {name for name in above if name.startswith("graph/")}


def test_the_checks(definitions) -> None:
    graph = definitions.resolve_asset_graph()
    checks = {f"{key.asset_key.to_user_string()}: {key.name}" for key in graph.asset_check_keys}
    rules = {f"graph/findings: {rule.name}" for rule in MODELS.of("rules", Kind.RULE)}
    assert len(rules) >= 40
    assert checks - rules == {
        "users: snapshot_accepted",
        "users: snapshot_complete",
        "graph/users: values_readable",
        "graph/findings: rules_ran",
        "identity_graph: newest_published",
        "alerts_sent: alerts_delivered",
    }
    assert rules <= checks


def test_the_schedule_asks_for_one_run_of_all_companies(definitions) -> None:
    schedule = definitions.resolve_schedule_def("every_night")
    night = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)

    with dg.build_schedule_context(
        scheduled_execution_time=night, repository_def=definitions.get_repository_def()
    ) as context:
        requests = schedule.evaluate_tick(context).run_requests

    assert schedule.cron_schedule == "0 2 * * *"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.execution_timezone == "UTC"
    assert [(request.run_key, request.partition_key) for request in requests] == [("2026-11-22T02:00", None)]


def test_the_shipped_instance_loads(run) -> None:
    _, _, instance = run
    assert instance.telemetry_enabled is False
    assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 2
    assert instance.run_monitoring_enabled


@pytest.mark.slow
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
    rules = {rule.name for rule in MODELS.of("rules", Kind.RULE)}
    assert {name: check.passed for name, check in checks.items() if name not in rules} == {
        "snapshot_accepted": True,
        "snapshot_complete": False,
        "values_readable": True,
        "rules_ran": True,
        "newest_published": True,
        "alerts_delivered": True,
    }
    assert rules <= checks.keys()
    assert checks["snapshot_complete"].description.startswith("default: 1 of ")


def test_a_rule_is_a_check_that_says_what_is_open_and_what_was_not_run(run) -> None:
    installation, result, _ = run
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    is_open = dict(
        query(
            installation.published, "SELECT rule, count(*) FROM findings WHERE status = 'open' GROUP BY ALL"
        )
    )
    severities = dict(query(installation.published, "SELECT DISTINCT rule, severity FROM findings"))
    idle = dict(query(installation.published, "SELECT rule, reason FROM rule_runs WHERE outcome <> 'ran'"))
    assert len(is_open) >= 5
    assert "roster_unknown" in idle or idle
    for rule in MODELS.of("rules", Kind.RULE):
        check = checks[rule.name]
        assert check.passed == (rule.name not in {*is_open, *idle}), rule.name
        if rule.name in is_open:
            assert check.description.startswith(
                f"{is_open[rule.name]} finding{'s' * (is_open[rule.name] > 1)} open: default"
            )
            is_severe = severities[rule.name] in {"critical", "high"}
            assert (check.severity is dg.AssetCheckSeverity.ERROR) == is_severe
        elif rule.name in idle:
            assert check.description == f"Not run for default: {idle[rule.name]}"
            assert check.severity is dg.AssetCheckSeverity.WARN


def test_the_checks_can_be_run_by_hand(run) -> None:
    installation, _, instance = run
    keys = [
        dg.AssetCheckKey(dg.AssetKey("users"), "snapshot_complete"),
        dg.AssetCheckKey(dg.AssetKey(["graph", "findings"]), "dormant_admin"),
    ]
    definitions = build_definitions(installation.settings)
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection={*keys}
    )

    result = job.execute_in_process(instance=instance)

    assert {check.asset_check_key for check in result.get_asset_check_evaluations()} == {*keys}


@pytest.mark.slow
def test_the_run_says_how_many_rows_there_are(run) -> None:
    installation, _, instance = run
    event = instance.get_latest_materialization_event(dg.AssetKey("identity_graph"))
    metadata = event.asset_materialization.metadata
    counts = {
        name: query(installation.published, f"SELECT count(*) FROM {name}")[0][0]  # noqa: S608
        for name in names(installation.published)
    }
    assert metadata["rows"].value == counts
    assert metadata["rows: users"].value == counts["users"]  # a number, which Dagster draws over the nights


def test_the_run_shows_counts(run) -> None:
    _, _, instance = run

    def told(*key: str) -> dict[str, dg.MetadataValue]:
        event = instance.get_latest_materialization_event(dg.AssetKey(key))
        return event.asset_materialization.metadata

    assert told("findings_csv")["open: high"].value > 0
    assert told("findings_csv")["new findings"].records
    assert told("findings_csv")["worst open findings"].value.startswith(
        "| severity | rule | open | first seen |"
    )
    assert told("alerts_sent")["not delivered"].value == 0


def constant(installation: Installation, *key: str) -> dict[str, object]:
    """The metadata at the definition of an asset."""
    specs = {spec.key: spec for spec in build_definitions(installation.settings).resolve_all_asset_specs()}
    return dict(specs[dg.AssetKey(key)].metadata)


@pytest.mark.slow
def test_the_definitions_show_columns_with_their_types_and_comments(run) -> None:
    installation, _, _ = run
    specs = {spec.key: spec for spec in build_definitions(installation.settings).resolve_all_asset_specs()}
    for name in names(installation.published):
        schema = specs[dg.AssetKey(["graph", name])].metadata["dagster/column_schema"]
        shown = [(column.name, column.type, column.description) for column in schema.columns]
        published = query(
            installation.published,
            "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = ?"
            " ORDER BY column_index",
            name,
        )
        assert shown == published, name
    history = constant(installation, "history", "users")
    assert history["dagster/table_name"] == "warehouse.history.users"
    assert history["dagster/column_schema"].columns[0] == dg.TableColumn("company", "VARCHAR")


def test_the_definitions_show_where_columns_come_from(run) -> None:
    installation, _, _ = run

    def sources(table: str, column: str) -> set[str]:
        lineage = constant(installation, "graph", table)["dagster/column_lineage"]
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


@pytest.mark.slow
def test_a_night_takes_little_room_in_dagsters_home(run, monkeypatch) -> None:
    installation, _, instance = run
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    folder = Path(instance.root_directory)

    def size() -> int:
        retention.clean(instance, installation_options.Dagster(), datetime.now(UTC))
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    before = size()
    job = build_definitions(installation.settings).resolve_job_def(JOB)
    nights = [job.execute_in_process(instance=instance) for _ in range(2)]
    growth = (size() - before) / len(nights)

    assert growth <= 200_000
    for night in nights:  # what was rewritten is still there to read
        kinds = {
            entry.dagster_event.event_type for entry in instance.all_logs(night.run_id) if entry.dagster_event
        }
        assert dg.DagsterEventType.ASSET_MATERIALIZATION in kinds


@pytest.mark.slow
def test_a_rejected_snapshot_stops_before_publishing(installation, simulator, monkeypatch) -> None:
    installation.night()
    before = installation.published.read_bytes()
    simulator.faults.add(r"users/\d+/permissions", faults.forbidden, times=None)
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    job = build_definitions(installation.settings).resolve_job_def(JOB)

    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        logs = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        checks = [entry.dagster_event.event_specific_data for entry in logs]

    assert not result.success
    rules = {rule.name for rule in MODELS.of("rules", Kind.RULE)}
    failed = [check.check_name for check in checks if not check.passed]
    assert [name for name in failed if name not in rules] == ["snapshot_accepted", "snapshot_complete"]
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
        run_config = {"ops": {"night": {"config": config}}}
        with dg.DagsterInstance.ephemeral() as instance:
            result = job.execute_in_process(instance=instance, run_config=run_config, raise_on_error=False)
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
def test_a_night_from_the_command_line(simulator, tmp_path) -> None:
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
        [dg_command, "launch", "--job", "nightly"],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert launched.returncode == 0, launched.stderr[-3000:]
    assert ours.command("sync").code == 0
    left, right = (tables(one.published, clock=False) for one in (ours, theirs))
    assert differing(left, right) == {}
