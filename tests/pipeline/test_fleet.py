"""`sync` over several companies: read at the same time, built as a batch, published once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest
from installation import Installation, build_company
from published import query

from pipedrive_graph.builder import build
from pipedrive_graph.builder.process_snapshot import SnapshotProcessor
from pipedrive_graph.config.publication import PublishedFile

from .conftest import Fleet


def published(installation: Installation) -> list[str]:
    """The companies that the published file shows."""
    if not installation.published.exists():
        return []
    return [
        name for (name,) in query(installation.published, "SELECT company FROM current_snapshot ORDER BY 1")
    ]


def codes(objects: list[dict[str, object]]) -> list[tuple[object, object, object]]:
    return [(one["company"], one.get("status"), one["exit_code"]) for one in objects]


@pytest.mark.slow
def test_all_are_read_together_built_as_one_batch_and_published_once(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation, simulators = fleet("alpha", "beta", "gamma", own={"alpha": {"latency": 0.2}})
    batches: list[list[str]] = []
    written: list[Path] = []
    process, put_in_place = SnapshotProcessor.process, PublishedFile.put_in_place
    monkeypatch.setattr(
        SnapshotProcessor,
        "process",
        lambda self, batch: batches.append([one.landing.company for one in batch]) or process(self, batch),
    )
    monkeypatch.setattr(
        PublishedFile,
        "put_in_place",
        lambda self, temporary: written.append(self.target) or put_in_place(self, temporary),
    )

    result = installation.command("sync", "--json")

    assert (result.code, result.err) == (0, "")
    assert codes(result.objects) == [
        ("alpha", "complete", 0),
        ("beta", "complete", 0),
        ("gamma", "complete", 0),
    ]
    assert batches == [["alpha", "beta", "gamma"]]
    assert written == [installation.published]
    # beta and gamma have not waited for alpha, which is slow
    assert simulators["beta"].requests[-1].at < simulators["alpha"].requests[-1].at
    assert simulators["gamma"].requests[0].at < simulators["alpha"].requests[-1].at
    for name in simulators:
        assert {path.name for path in (installation.home / "reports" / name).iterdir()} >= {
            "access_report.html",
            "findings.csv",
        }


@pytest.mark.slow
def test_a_batch_gives_the_rows_that_companies_give_one_by_one(fleet: Fleet, tmp_path: Path) -> None:
    installation, _ = fleet("alpha", "beta")
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-01T02:00:00Z"
    together = installation.command("sync")
    tables = ["users", "user_role_permissions", "findings", "access_changes", "edges", "role_permissions"]
    rows = {name: query(installation.published, f"FROM {name} ORDER BY ALL") for name in tables}

    # the same snapshots, built one after the other in another home
    apart = Installation(tmp_path / "apart", installation.variables)
    apart.home.mkdir()
    for name in ("landing", "companies.toml", "journal"):
        (apart.home / name).symlink_to(installation.home / name)
    with apart._variables_set():
        for name in ("alpha", "beta"):
            build_company(apart.settings, apart.models, name)
        build.publish(apart.settings, apart.models, on_wait=print)

    assert together.code == 0
    assert {name: query(apart.published, f"FROM {name} ORDER BY ALL") for name in tables} == rows


@pytest.mark.slow
def test_one_that_fails_holds_up_no_other(fleet: Fleet) -> None:
    installation, _ = fleet("alpha", "beta", "gamma")
    installation.variables["TOKEN_beta"] = "0" * 40

    result = installation.command("sync", "--json")

    assert result.code == 3
    assert sorted(codes(result.objects)) == [
        ("alpha", "complete", 0),
        ("beta", None, 3),
        ("gamma", "complete", 0),
    ]
    assert result.sentence.startswith("beta: ")
    assert published(installation) == ["alpha", "gamma"]


@pytest.mark.slow
def test_a_snapshot_that_is_damaged_keeps_its_company_out_of_the_batch(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation, _ = fleet("alpha", "beta", "gamma")
    with monkeypatch.context() as patch:  # all are read, and then the disk damages a file of beta
        build_batch = build.build_batch

        def damaged(*arguments: object, **options: object) -> build.Batch:
            (manifest,) = installation.home.glob("landing/beta/*/manifest.json")
            (file, *_) = sorted(manifest.parent.glob("users*.gz"))
            file.write_bytes(file.read_bytes()[:-9])
            return build_batch(*arguments, **options)  # type: ignore[arg-type]

        patch.setattr(build, "build_batch", damaged)
        result = installation.command("sync", "--json")

    assert result.code == 1
    assert sorted(codes(result.objects)) == [
        ("alpha", "complete", 0),
        ("beta", None, 1),
        ("gamma", "complete", 0),
    ]
    assert published(installation) == ["alpha", "gamma"]
    # the journal's and the warehouse's states of beta are those of a company that was never built
    again = installation.command("verify", "--json")
    assert again.code == 1
    assert {one["company"] for one in again.objects if one["exit_code"]} == {"beta"}


@pytest.mark.slow
def test_one_of_eight_hangs_and_the_others_are_published_in_time(fleet: Fleet) -> None:
    names = ["a", "b", "c", "d", "e", "f", "g", "hangs"]
    installation, _ = fleet(*names, users=6, own={"hangs": {"latency": 15.0}})
    (installation.home / "settings.toml").write_text("[sync]\npublish_after = 0.02\n")
    process = installation.process("sync", "--json")
    assert process.stdout is not None
    try:
        ended = [json.loads(process.stdout.readline()) for _ in names[:-1]]
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGINT)
    result = installation.wait(process)

    assert sorted(codes(ended)) == [(name, "complete", 0) for name in names[:-1]]
    assert published(installation) == names[:-1]
    assert result.code == 1
    kept = "What was read so far is kept; a sync within 6 hours continues from there."
    assert result.failures == [("hangs", 1, f"Interrupted. {kept}")]
    assert result.sentence == f"Interrupted. {kept}"


@pytest.mark.slow
def test_two_processes_for_different_companies_both_succeed(fleet: Fleet) -> None:
    installation, _ = fleet("alpha", "beta", own={"alpha": {"latency": 0.05}, "beta": {"latency": 0.05}})
    processes = [installation.process("sync", "--company", name, "--json") for name in ("alpha", "beta")]
    for process, name in zip(processes, ("alpha", "beta"), strict=True):
        result = installation.wait(process)
        assert (result.code, codes(result.objects)) == (0, [(name, "complete", 0)])
    assert published(installation) == ["alpha", "beta"]


@pytest.mark.slow
def test_a_second_run_of_the_same_company_fails_alone(fleet: Fleet) -> None:
    installation, _ = fleet("alpha", "beta")
    installation.command("sync")
    with installation.landing("alpha").lock():
        result = installation.command("sync", "--json")
    assert result.code == 1
    assert sorted(codes(result.objects)) == [("alpha", None, 1), ("beta", "complete", 0)]
    assert "is collecting company 'alpha'" in result.objects[0]["error"]


@pytest.mark.slow
def test_company_is_repeatable_and_jobs_bounds_how_many_are_read_at_once(fleet: Fleet) -> None:
    installation, simulators = fleet("alpha", "beta", "gamma", users=6)
    result = installation.command("sync", "--company", "gamma", "--company", "alpha", "--jobs", "1", "--json")
    assert (result.code, codes(result.objects)) == (0, [("gamma", "complete", 0), ("alpha", "complete", 0)])
    assert simulators["gamma"].requests[-1].at <= simulators["alpha"].requests[0].at
    assert simulators["beta"].requests == []
    assert installation.command("sync", "--company", "").code == 2
    assert installation.command("sync", "--jobs", "0").code == 2


@pytest.mark.slow
def test_without_a_home_of_dagster_it_is_not_imported(fleet: Fleet) -> None:
    installation, _ = fleet("alpha", users=6)
    code = (
        "import sys\n"
        "from pipedrive_graph.cli.runner import run\n"
        "from pipedrive_graph.cli.app import group\n"
        "code = run(group, ['sync'])\n"
        "print(code, 'dagster' in sys.modules)\n"
    )
    environment = {**os.environ, **installation.environment}
    environment.pop("DAGSTER_HOME", None)
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "0 False"


@pytest.mark.slow
def test_a_snapshot_is_built_again_after_a_run_that_was_killed_in_the_batch(fleet: Fleet) -> None:
    installation, _ = fleet("alpha", "beta", users=6)
    process = installation.process("sync")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(duckdb.Error):
            if len([*installation.home.glob("landing/*/*/manifest.json")]) == 2:
                break
        time.sleep(0.01)
    process.kill()
    installation.wait(process)

    result = installation.command("sync", "--json")
    assert (result.code, published(installation)) == (0, ["alpha", "beta"])
    assert installation.command("verify").code == 0
