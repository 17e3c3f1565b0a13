"""A snapshot that is read and not published is built and published first, and is not read again."""

from __future__ import annotations

import signal
import time

import dagster as dg
import pytest
from installation import Installation
from published import query

from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.orchestration.build import JOB, build_definitions

NIGHT = "2026-11-01T02:00:00Z"
WITHIN, AFTER = "2026-11-01T07:59:00Z", "2026-11-01T08:01:00Z"

BUILDING = "pipedrive_graph.builder.process_snapshot.history.merge"
PUBLISHING = "pipedrive_graph.builder.build.publish_file"
REPORTING = "pipedrive_graph.pipeline.after.write_access_report"


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def cut_off(installation: Installation, monkeypatch: pytest.MonkeyPatch, place: str, at: str = NIGHT):
    """Run a sync that is interrupted there; return what it printed, and the snapshot that it left."""
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = at
    with monkeypatch.context() as patch:
        patch.setattr(place, interrupted)
        result = installation.command("sync", "--json")
    manifest = installation.landing().latest()
    assert manifest is not None
    return result, manifest.snapshot_id


def published(installation: Installation) -> list[str]:
    return [row[0] for row in query(installation.published, "SELECT snapshot_id FROM snapshots ORDER BY ALL")]


@pytest.mark.parametrize("place", [pytest.param(BUILDING, marks=pytest.mark.slow), PUBLISHING])
def test_what_was_read_is_built_without_reading_again(installation, simulator, monkeypatch, place) -> None:
    told, snapshot = cut_off(installation, monkeypatch, place)
    requests = len(simulator.requests)

    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = WITHIN
    again = installation.command("sync", "--json")

    sentence = (
        f"Interrupted. Snapshot {snapshot} is read and kept; the next sync builds and publishes it"
        " without reading it again."
    )
    assert (told.code, told.failures, told.sentence) == (1, [("default", 1, sentence)], sentence)
    assert requests > 90
    assert len(simulator.requests) == requests
    assert again.code == 0
    assert again.err == (
        f"Warning: Snapshot {snapshot} of an earlier run is not published:"
        " it is built and published now, without reading again.\n"
    )
    (line,) = again.objects
    assert (line["snapshot_id"], line["status"], line["requests"], line["throttled"]) == (
        snapshot,
        "complete",
        0,
        0,
    )
    assert line["reason"] == (
        "An earlier run has read this snapshot; it was built and published without reading again."
    )
    assert published(installation) == [snapshot]
    assert (installation.home / "reports/default/access_report.html").exists()


@pytest.mark.slow
def test_a_person_reads_how_it_came_about(installation, monkeypatch) -> None:
    cut_off(installation, monkeypatch, BUILDING)
    result = installation.command("sync")
    assert "  no requests; an earlier run has read it with 1" in result.out


@pytest.mark.slow
def test_what_is_published_is_read_again(installation, simulator, monkeypatch) -> None:
    told, snapshot = cut_off(installation, monkeypatch, REPORTING)
    requests = len(simulator.requests)

    again = installation.command("sync")

    assert told.sentence == (
        f"Interrupted. Snapshot {snapshot} is published; its reports and alerts may be missing:"
        " the next sync writes and sends them."
    )
    assert (again.code, again.err) == (0, "")
    assert len(simulator.requests) == 2 * requests
    assert len(published(installation)) == 2


@pytest.mark.slow
def test_what_is_older_is_built_first_and_then_the_company_is_read(
    installation, simulator, monkeypatch
) -> None:
    _, snapshot = cut_off(installation, monkeypatch, BUILDING)
    requests = len(simulator.requests)
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = AFTER

    again = installation.command("sync", "--json")

    assert again.code == 0
    assert again.err == (
        f"Warning: Snapshot {snapshot} of an earlier run was not published:"
        " it was built and published first.\n"
    )
    assert len(simulator.requests) == 2 * requests
    assert published(installation) == [snapshot, again.objects[0]["snapshot_id"]]
    assert again.objects[0]["requests"] == requests


@pytest.mark.slow
def test_what_is_older_is_published_although_pipedrive_does_not_answer(
    installation, simulator, monkeypatch
) -> None:
    _, snapshot = cut_off(installation, monkeypatch, PUBLISHING)
    installation.variables |= {"PIPEDRIVE_GRAPH_CLOCK": AFTER, "PIPEDRIVE_API_TOKEN": "wrong"}

    again = installation.command("sync")

    assert again.code == 3
    assert published(installation) == [snapshot]


@pytest.mark.slow
def test_a_build_that_fails_does_not_keep_the_next_night_from_reading(
    installation, simulator, monkeypatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise WarehouseError("It cannot be built.")

    _, snapshot = cut_off(installation, monkeypatch, BUILDING)
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = AFTER
    monkeypatch.setattr(BUILDING, broken)

    again = installation.command("sync")

    assert (again.code, again.sentence) == (1, "It cannot be built.")
    assert f"Snapshot {snapshot} could not be built before reading: It cannot be built." in again.err
    assert len(list(installation.landing().path.glob("*/manifest.json"))) == 2


@pytest.mark.slow
def test_another_way_of_collecting_is_another_read(installation, simulator, monkeypatch) -> None:
    cut_off(installation, monkeypatch, BUILDING)
    requests = len(simulator.requests)

    again = installation.command("sync", "--collect", "by-access")

    assert again.code == 0
    assert len(simulator.requests) > requests
    assert len(published(installation)) == 2


@pytest.mark.slow
def test_a_rejected_snapshot_is_read_again(installation, simulator) -> None:
    from pipedrive_graph.simulator import faults

    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = NIGHT
    simulator.faults.add(r"users/\d+/permissions", faults.forbidden, times=None)
    assert installation.command("sync").code == 4
    simulator.faults.clear()
    simulator.requests.clear()

    assert installation.command("sync").code == 0
    assert len(simulator.requests) > 90


@pytest.mark.slow
def test_dagster_builds_without_reading_again(installation, simulator, monkeypatch) -> None:
    _, snapshot = cut_off(installation, monkeypatch, BUILDING)
    requests = len(simulator.requests)
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    job = build_definitions(installation.settings).resolve_job_def(JOB)

    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance)

    assert result.success
    assert len(simulator.requests) == requests
    assert published(installation) == [snapshot]
    (users,) = [
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey("users")
    ]
    assert users.metadata["snapshot_id"].value == snapshot
    assert users.metadata["requests"].value == 0


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_ended_while_it_builds(installation, simulator, how) -> None:
    process = installation.process("sync", "--json")
    while not list(installation.home.glob("landing/default/*/manifest.json")):
        time.sleep(0.001)
        assert process.poll() is None
    process.send_signal(how)
    result = installation.wait(process)
    requests = len(simulator.requests)

    again = installation.command("sync", "--json")

    if how == signal.SIGTERM:
        assert result.code == 1
        assert result.sentence.startswith("Interrupted. ")
    assert again.code == 0
    assert len(simulator.requests) == requests
    assert again.objects[0]["requests"] == 0
