"""The definitions in another project: prefixed names, no clashes, a component in defs.yaml."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.orchestration.build import build_definitions
from pipedrive_graph.orchestration.timing import Timing

DEFS_YAML = """
type: pipedrive_graph.orchestration.component.PipedriveGraph
attributes:
  home: {home}
  key_prefix: crm
  group: pipedrive
  cron: "30 1 * * *"
  time_zone: Europe/Berlin
"""


@pytest.fixture
def ours(home: Path, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    monkeypatch.delenv("PIPEDRIVE_GRAPH_HOME", raising=False)
    home.mkdir()
    (home / "companies.toml").write_text('[acme]\napi_token_env = "T"\n')
    return build_definitions(
        home=home, key_prefix="crm", group="pipedrive", cron="30 1 * * *", time_zone="Europe/Berlin"
    )


def foreign() -> dg.Definitions:
    """A project that uses the same names for other things."""

    @dg.asset
    def users() -> None:
        """Of an application."""

    @dg.asset(deps=[dg.AssetKey(["crm", "identity_graph"])])
    def findings_by_team(configuration: dg.ResourceParam[str]) -> None:
        assert configuration == "theirs"

    @dg.op
    def night() -> None:
        """Of somebody else."""

    @dg.op
    def check() -> None:
        """Of somebody else."""

    @dg.job
    def nightly() -> None:
        night()
        check()

    resources = {"configuration": "theirs", "watch": "theirs", "io_manager": dg.mem_io_manager}
    return dg.Definitions(
        assets=[users, findings_by_team],
        jobs=[nightly, dg.define_asset_job("everything", dg.AssetSelection.assets(users, findings_by_team))],
        schedules=[dg.ScheduleDefinition("every_night", job=nightly, cron_schedule="0 1 * * *")],
        resources=resources,
        executor=dg.in_process_executor,
    )


# of what Dagster itself calls where it copies definitions
BETA = pytest.mark.filterwarnings("ignore::dagster_shared.utils.warnings.BetaWarning")


@BETA
def test_they_merge_with_another_project(ours) -> None:
    merged = dg.Definitions.merge(foreign(), ours)

    dg.Definitions.validate_loadable(merged)
    assert ours.resources in (None, {})
    assert merged.resolve_job_def("everything").execute_in_process().success
    jobs = {job.name for job in merged.resolve_all_job_defs()}
    assert jobs == {
        "__ASSET_JOB", "nightly", "everything", "crm_nightly", "crm_collect_companies",
        "crm_build_and_publish", "crm_alerts", "crm_verify",
    }  # fmt: skip
    theirs = {dg.AssetKey("users"), dg.AssetKey("findings_by_team")}
    for name in ("crm_collect_companies", "crm_build_and_publish"):
        assert not theirs & {*merged.resolve_job_def(name).asset_layer.executable_asset_keys}
    keys = {spec.key for spec in ours.resolve_all_asset_specs()}
    assert {key.path[0] for key in keys} == {"crm"}
    assert dg.AssetKey(["crm", "graph", "users"]) in keys
    assert {spec.group_name for spec in ours.resolve_all_asset_specs()} == {"pipedrive"}
    schedule = merged.resolve_schedule_def("crm_every_night")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 1 * * *", "Europe/Berlin")


@BETA
def test_a_component_in_defs_yaml(home: Path, tmp_path: Path, monkeypatch) -> None:
    project = tmp_path / "project"
    defs = project / "theirs" / "defs" / "pipedrive"
    defs.mkdir(parents=True)
    (project / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "theirs"\n'
    )
    (project / "theirs" / "__init__.py").touch()
    (project / "theirs" / "defs" / "__init__.py").touch()
    (defs / "defs.yaml").write_text(DEFS_YAML.format(home=home))
    monkeypatch.syspath_prepend(str(project))

    loaded = dg.load_from_defs_folder(path_within_project=project)

    assert loaded.resolve_schedule_def("crm_every_night").execution_timezone == "Europe/Berlin"
    assert {spec.key.path[0] for spec in loaded.resolve_all_asset_specs()} == {"crm"}


def test_a_cron_that_dagster_cannot_use_is_one_sentence(home: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"dagster.cron: 'x' is not a cron expression"):
        build_definitions(home=home, cron="x")


@pytest.mark.parametrize(
    ("cron", "freshness", "hours"),
    [
        ("0 2 * * *", "0 6 * * *", 6),
        ("0 22 * * *", "0 6 * * *", 10),
        ("0 */6 * * *", "0 6 * * *", 8),
        ("0 2 * * 1-5", "0 6 * * 1-5", 6),
        ("0 7 * * *", "0 6 * * *", 24),  # at most to the deadline before
    ],
)
def test_what_was_published_since_shortly_before_the_night_began_is_fresh(cron, freshness, hours) -> None:
    policy = Timing(cron, "UTC", freshness).freshness_policy

    assert policy is not None
    assert policy.lower_bound_delta == timedelta(hours=hours)
    assert (policy.deadline_cron, policy.timezone) == (freshness, "UTC")
