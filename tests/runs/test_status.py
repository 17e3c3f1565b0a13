"""`status`, and the records that runs leave, however they end."""

from __future__ import annotations

import json
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from alerts.receivers import web_receiver
from installation import CommandResult, Installation
from prometheus_client.parser import text_string_to_metric_families

import pipedrive_graph
from pipedrive_graph.alerts.channels import RetryPolicy
from pipedrive_graph.common import locks
from pipedrive_graph.config import alerts_file
from pipedrive_graph.orchestration.build import JOB, build_definitions
from pipedrive_graph.runs import record
from pipedrive_graph.runs.metrics import write_metrics
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator

CLOCK = "PIPEDRIVE_GRAPH_CLOCK"


def at(installation: Installation, moment: str) -> None:
    installation.variables[CLOCK] = moment


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, dict[str, Any]]]:
    """A home after one complete run on 1 November, and what `sync --json` printed; nobody changes it."""
    with Simulator(Options(users=12, limit=2000)) as simulator:
        installation = Installation.of(tmp_path_factory.mktemp("status") / "home", simulator)
        installation.home.mkdir()
        (installation.home / "settings.toml").write_text('[metrics]\ntextfile = "graph.prom"\n')
        at(installation, "2026-11-01T02:00:00Z")
        (told,) = installation.command("sync", "--json").objects
        installation.variables.pop(CLOCK)
        yield installation, told


@pytest.fixture
def copied(night, tmp_path: Path) -> Installation:
    """A copy of that home, at 03:00 of the same day."""
    shutil.copytree(night[0].home, tmp_path / "home")
    installation = Installation(tmp_path / "home", dict(night[0].variables))
    at(installation, "2026-11-01T03:00:00Z")
    return installation


def status(installation: Installation, *arguments: str) -> tuple[int, dict[str, Any]]:
    result = installation.command("status", "--json", *arguments)
    (found,) = result.objects
    assert found["exit_code"] == result.code
    return result.code, found


def kept(installation: Installation) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((installation.home / "runs" / "default.json").read_text())
    return found


def test_a_home_without_a_run(tmp_path: Path) -> None:
    result = Installation(tmp_path / "home").command("status")

    assert (result.code, result.err) == (1, "")
    assert result.out == "default  unhealthy\n  Nothing is published yet.\n"
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_all_is_well_after_a_complete_run(copied, night) -> None:
    code, found = status(copied)

    told = night[1]
    assert (code, found["problems"], found["notes"]) == (0, [], [])
    assert found["company"] == "default"
    assert found["at"].startswith("2026-11-01T03:00:")
    assert (
        found["last_run"].items()
        >= {
            "exit_code": 0,
            "status": "complete",
            "snapshot_id": told["snapshot_id"],
            "error": None,
            "requests": told["requests"],
            "throttled": 0,
            "version": pipedrive_graph.__version__,
            "alerts_not_sent": [],
        }.items()
    )
    assert found["last_run"]["started_at"].startswith("2026-11-01T02:00:")
    assert found["last_run"]["ended_at"] == found["last_success_at"]
    assert found["published_snapshot"] == told["snapshot_id"]
    assert found["findings"] == told["findings"]
    assert 0.9 < found["age_hours"] < 1.1
    assert (found["running_since"], found["unpublished_snapshot"]) == (None, None)


def test_a_person_reads_it_in_a_few_lines(copied) -> None:
    result = copied.command("status")

    first, second, third, *_ = result.out.splitlines()
    assert first == "default  healthy"
    assert second.startswith("  last run: 2026-11-01 02:00 to 2026-11-01 02:0")
    assert third.endswith(", collected 1.0 hours ago")


def test_the_record_is_private_and_sealed(copied) -> None:
    path = copied.home / "runs" / "default.json"

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert sorted(one.name for one in path.parent.iterdir()) == ["default.json"]
    path.write_text(path.read_text().replace('"exit_code": 0', '"exit_code": 1'))
    code, found = status(copied)
    assert code == 1
    assert found["problems"] == [f"{path} is damaged; the next run writes it again."]


def test_what_is_published_grows_old(copied) -> None:
    at(copied, "2026-11-02T05:00:00Z")

    code, found = status(copied)
    assert code == 1
    assert found["problems"] == [
        "The published data was collected at 2026-11-01 02:00 UTC, more than 26 hours ago."
    ]
    assert status(copied, "--max-age", "28")[0] == 0
    (copied.home / "alerts.toml").write_text("expected_every = 28\n")
    assert status(copied)[0] == 0


def test_a_run_that_fails(copied) -> None:
    copied.variables["PIPEDRIVE_API_TOKEN"] = "wrong-token"  # noqa: S105 - of nobody

    synced = copied.command("sync", "--json")
    code, found = status(copied)

    assert list(synced.objects[0]) == ["company", "at", "exit_code", "error"]
    assert synced.objects[0] == {
        "company": "default",
        "at": synced.objects[0]["at"],
        "exit_code": 3,
        "error": synced.sentence,
    }
    assert (code, found["last_run"]["exit_code"], found["last_run"]["error"]) == (1, 3, synced.sentence)
    (problem,) = found["problems"]
    assert re.match(r"The run that ended at 2026-11-01 03:0\d UTC failed with code 3: Pipedrive ", problem)
    assert found["published_snapshot"] is not None  # that of the run before
    assert found["last_success_at"].startswith("2026-11-01T02:0")


def test_a_run_whose_process_is_gone(copied) -> None:
    started = record.Started(run_id="1", started_at="2026-11-01T02:30:00Z", version="1")
    record.update(copied.settings, "default", running=started)

    assert status(copied)[1]["problems"] == [
        "The run that began at 2026-11-01 02:30 UTC did not end: its process is gone."
    ]
    with locks.lock(record.lock_of(copied.settings, "default"), doing="running"):
        code, found = status(copied)
    assert (code, found["problems"]) == (0, [])
    assert found["running_since"] == "2026-11-01T02:30:00.000000Z"
    assert found["notes"] == ["A run is under way since 2026-11-01 02:30 UTC."]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_status_while_a_run_is_at_work_and_after_it_was_ended(copied, serve, how) -> None:
    slow = serve(users=12, latency=0.5, limit=2)
    copied.variables |= {"PIPEDRIVE_BASE_URL": slow.url, "PIPEDRIVE_API_TOKEN": slow.token}
    process = copied.process("sync", "--json", "--company", "default")
    while not slow.requests:  # only then does Dagster listen to signals
        time.sleep(0.01)
        assert process.poll() is None
    code, found = status(copied)
    assert code == 0
    assert found["running_since"].startswith("2026-11-01T03:00:")

    process.send_signal(how)
    result: CommandResult = copied.wait(process)
    code, found = status(copied)

    assert code == 1
    (problem,) = found["problems"]
    if how is signal.SIGKILL:
        assert problem == "The run that began at 2026-11-01 03:00 UTC did not end: its process is gone."
    else:
        assert (result.code, result.objects[0]["exit_code"]) == (1, 1)
        assert result.objects[0]["error"].startswith("Interrupted. ")
        assert re.match(r"The run that ended at 2026-11-01 03:0\d UTC failed with code 1: Inter", problem)


def test_a_second_run_leaves_the_record_of_the_first(copied) -> None:
    before = kept(copied)
    with copied.landing().lock():
        assert copied.command("sync").code == 1

    assert kept(copied) == before


def test_a_damaged_warehouse_does_not_concern_it(copied) -> None:
    for name in ("warehouse.duckdb", "identity_graph.duckdb"):
        (copied.home / name).write_bytes(b"no database")

    assert status(copied)[0] == 0


def test_a_damaged_landing_is_a_sentence(copied) -> None:
    (manifest,) = copied.landing().path.glob("*/manifest.json")
    manifest.write_text("{")

    code, found = status(copied)

    assert code == 1
    assert str(manifest) in found["problems"][0]


def test_a_home_of_an_earlier_version_is_judged_by_its_landing(copied) -> None:
    shutil.rmtree(copied.home / "runs")

    code, found = status(copied)

    assert (code, found["last_run"], found["findings"], found["published_snapshot"]) == (0, None, None, None)
    assert 0.9 < found["age_hours"] < 1.1


@pytest.mark.slow
def test_a_rebuild_and_a_decision_bring_it_up_to_date(copied) -> None:
    shutil.rmtree(copied.home / "runs")
    assert copied.command("rebuild").code == 0
    before = status(copied)[1]["findings"]
    finding = copied.command("findings", "--json").objects[0]
    copied.command("waive", finding["finding_id"], "--reason", "on leave", "--until", "2027-03-31")

    assert status(copied)[1]["findings"] == {
        **before,
        finding["severity"]: before[finding["severity"]] - 1,
    }


def test_it_imports_neither_dagster_nor_duckdb(copied) -> None:
    code = (
        "import sys; from pipedrive_graph.cli.runner import run;"
        "from pipedrive_graph.cli.app import group; code = run(group, ['status']);"
        "sys.exit(code or str({'dagster', 'duckdb', 'pandas', 'httpx'} & {*sys.modules} or ''))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env={**copied.environment}, capture_output=True, text=True
    )
    assert (ended.stderr, ended.returncode) == ("\n", 1)


@pytest.mark.slow
def test_a_record_that_cannot_be_written_is_a_warning(copied, serve) -> None:
    shutil.rmtree(copied.home / "runs")
    (copied.home / "runs").write_text("")

    result = copied.command("sync")

    assert result.code == 0
    assert set(result.err.splitlines()) == {
        f"Warning: The run is not recorded: Cannot write {copied.home}/runs/{name}: {why}."
        for name, why in ((".default.lock", "File exists"), ("default.json", "File exists"))
    }
    assert status(copied)[1]["problems"][0].startswith(f"Cannot read {copied.home}/runs/default.json: ")


def test_an_alert_that_could_not_be_sent_is_wrong_until_alerts_sends_it(copied, monkeypatch) -> None:
    monkeypatch.setattr(
        "pipedrive_graph.alerts.channels.RetryPolicy", lambda: RetryPolicy(attempts=1, first=0.01, read=5)
    )
    last = record.read(copied.settings, "default").last
    sentence = "The alert over 'webhook' was not delivered: it answered 503."
    update = {"alerts_not_sent": (sentence,), "exit_code": 6}
    record.update(copied.settings, "default", last=last.model_copy(update=update))
    assert status(copied)[1]["problems"] == [sentence]
    with web_receiver() as web:
        copied.variables["WEBHOOK_URL"] = web.url
        (copied.home / "alerts.toml").write_text('[[alert]]\nkind = "webhook"\nurl_env = "WEBHOOK_URL"\n')

        assert copied.command("alerts").code == 0

    assert len(web.got) == 1
    assert status(copied)[0] == 0


@pytest.mark.parametrize(
    "arguments",
    ["verify --quick", "doctor", "plan", "findings", "review status", "changes --since 2026-10-01", "status"],
)
@pytest.mark.parametrize("how", ["as it is", "a mistake in the settings", "a damaged published file"])
def test_with_json_stdout_holds_objects_alone(copied, arguments, how) -> None:
    if how == "a mistake in the settings":
        (copied.home / "findings.toml").write_text("[thresholds]\nno_such = 1\n")
        (copied.home / "waivers.toml").write_text("[[waiver]]\nno_such = 1\n")
    if how == "a damaged published file":
        (copied.home / "identity_graph.duckdb").write_bytes(b"no database")

    result = copied.command(*arguments.split(), "--json", "--log-format", "json")

    assert all(isinstance(one, dict) for one in result.objects)
    assert all(isinstance(json.loads(line), dict) for line in result.err.splitlines())
    assert result.objects or result.err or "changes" in arguments or "review" in arguments


def test_a_full_disk_is_a_warning(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from pipedrive_graph.config.company import Company;"
        "from pipedrive_graph.runs.recording import Recording;"
        "from pipedrive_graph.config.settings import Settings;"
        "run = Recording(Settings(Path(sys.argv[1]), (Company('acme'),)), 'acme', '1', print); run.start();"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)); run.end(0)"
    )
    ended = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)

    path = tmp_path / "runs" / "acme.json"
    assert (ended.stderr, ended.returncode) == ("", 0)
    assert ended.stdout == (
        f"The run is not recorded: No space is left to write {path}; free some and try again.\n"
    )
    assert json.loads(path.read_text())["running"]["run_id"] == "1"
    assert [one.name for one in path.parent.iterdir()] == ["acme.json"]


def test_the_metrics_of_a_run(night) -> None:
    installation, told = night
    file = installation.home / "graph.prom"

    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(file.read_text())
        for sample in family.samples
    }

    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert samples["pipedrive_graph_info", pipedrive_graph.__version__] == 1
    assert samples["pipedrive_graph_healthy", "default"] == 1
    assert samples["pipedrive_graph_run_under_way", "default"] == 0
    assert samples["pipedrive_graph_last_run_exit_code", "default"] == 0
    assert samples["pipedrive_graph_last_run_requests", "default"] == told["requests"]
    assert samples["pipedrive_graph_last_run_throttled_requests", "default"] == 0
    assert samples["pipedrive_graph_last_run_alerts_not_sent", "default"] == 0
    assert 0 < samples["pipedrive_graph_last_run_duration_seconds", "default"] < 200
    two = 1_793_498_400  # 2026-11-01 02:00 UTC
    for name in ("last_run", "last_success", "published_snapshot"):
        assert two <= samples[f"pipedrive_graph_{name}_timestamp_seconds", "default"] < two + 200
    for severity, count in told["findings"].items():
        assert samples["pipedrive_graph_findings_open", "default", severity] == count


def test_every_metric_has_help_and_type_and_status_prints_the_same(copied) -> None:
    result = copied.command("status", "--prometheus")

    lines = result.out.splitlines()
    names = {line.split()[2] for line in lines if line.startswith("# TYPE ")}
    assert names == {line.split()[2] for line in lines if line.startswith("# HELP ")}
    assert all(name.startswith("pipedrive_graph_") for name in names)
    assert result.out == (copied.home / "graph.prom").read_text()


def test_a_metrics_file_that_cannot_be_written_is_a_warning(copied) -> None:
    (copied.home / "settings.toml").write_text('[metrics]\ntextfile = "nowhere/graph.prom"\n')

    warnings: list[str] = []
    settings = copied.settings
    write_metrics(
        settings,
        settings.names,
        settings.options.metrics.textfile,
        alerts_file.read(settings),
        warnings.append,
    )

    assert warnings == [
        f"The metrics are not written: Cannot write {copied.home}/nowhere/graph.prom:"
        " No such file or directory."
    ]


def test_the_metrics_file_has_the_ending_that_node_exporter_reads(copied) -> None:
    (copied.home / "settings.toml").write_text('[metrics]\ntextfile = "graph.txt"\n')

    result = copied.command("sync", "--json")

    assert result.code == 2
    assert result.sentence.startswith(f"{copied.home}/settings.toml: metrics.textfile (line 2): ")
    assert [(one["company"], one["exit_code"], one["error"]) for one in result.objects] == [
        ("default", 2, result.sentence)
    ]
    assert copied.command("status").code == 2


def dagster_run(installation: Installation, patch: pytest.MonkeyPatch) -> bool:
    for name, value in installation.environment.items():
        patch.setenv(name, value)
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_definitions(installation.settings).resolve_job_def(JOB)
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        if result.success:
            assert kept(installation)["last"]["run_id"] == result.run_id
        return bool(result.success)


@pytest.mark.slow
def test_a_run_of_dagster_is_recorded(copied, night, monkeypatch) -> None:
    (copied.home / "graph.prom").unlink()

    assert dagster_run(copied, monkeypatch)

    code, found = status(copied)
    assert (code, found["problems"]) == (0, [])
    assert (found["last_run"]["exit_code"], found["last_run"]["status"]) == (0, "complete")
    assert found["last_run"]["requests"] == night[1]["requests"]
    assert found["last_run"]["started_at"].startswith("2026-11-01T03:0")
    assert (copied.home / "graph.prom").exists()


def test_a_run_of_dagster_that_fails_is_recorded(copied, monkeypatch) -> None:
    copied.variables["PIPEDRIVE_API_TOKEN"] = "wrong-token"  # noqa: S105 - of nobody

    assert not dagster_run(copied, monkeypatch)

    code, found = status(copied)
    assert (code, found["last_run"]["exit_code"]) == (1, 3)
    assert found["last_run"]["error"].startswith("Pipedrive does not accept the API token")


@pytest.mark.slow
def test_a_partial_run_is_noted_and_no_failure(copied, serve) -> None:
    simulator = serve(users=12)
    copied.variables |= {"PIPEDRIVE_BASE_URL": simulator.url, "PIPEDRIVE_API_TOKEN": simulator.token}
    simulator.faults.add(r"users/\d+/permissions", faults.forbidden, times=1)

    result = copied.command("sync", "--json")

    assert (result.code, result.objects[0]["exit_code"]) == (4, 4)
    code, found = status(copied)
    assert (code, found["last_run"]["exit_code"], found["last_run"]["status"]) == (0, 4, "partial")
    assert found["notes"] == [f"The snapshot {result.objects[0]['snapshot_id']} is partial."]


@pytest.mark.parametrize(
    ("text", "arguments", "companies"),
    [
        ("[", (), [None]),
        ("[acme]\n[northwind]\n", (), ["acme", "northwind"]),
        ("[acme]\n[northwind]\n", ("--company", "northwind"), ["northwind"]),
        ('[acme]\napi_token_env = "A"\n', ("--company", "nobody"), [None]),
    ],
)
def test_a_mistake_before_any_run_is_an_object_for_each_known_company(
    tmp_path, text, arguments, companies
) -> None:
    (tmp_path / "companies.toml").write_text(text)

    result = Installation(tmp_path).command("sync", "--json", *arguments)

    assert result.code == 2
    assert [list(one) for one in result.objects] == [["company", "at", "exit_code", "error"]] * len(companies)
    assert [one["company"] for one in result.objects] == companies
    assert {(one["exit_code"], one["error"]) for one in result.objects} == {(2, result.sentence)}
