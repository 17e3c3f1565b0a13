"""A snapshot of Dagster's definitions: any change of an asset's key, group or dependencies is seen in review.

`make snapshots` writes the file again; commit it with the change that caused it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from pipedrive_graph.orchestration.build import build_definitions

SNAPSHOT = Path(__file__).parent / "asset_graph.txt"

UPDATE_VARIABLE = "UPDATE_SNAPSHOTS"


def described(definitions: dg.Definitions) -> str:
    """The definitions as text, one line per fact, sorted."""
    return "\n".join([*_assets(definitions), "", *_checks(definitions), "", *_automation(definitions), ""])


def _assets(definitions: dg.Definitions) -> Iterator[str]:
    for spec in sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key):
        partitions = f" partitions={spec.partitions_def.name}" if spec.partitions_def else ""  # type: ignore[attr-defined]
        yield f"asset {spec.key.to_user_string()} group={spec.group_name}{partitions}"
        for dependency in sorted(spec.deps, key=lambda dependency: dependency.asset_key):
            yield f"    reads {dependency.asset_key.to_user_string()}"


def _checks(definitions: dg.Definitions) -> Iterator[str]:
    graph = definitions.resolve_asset_graph()
    for key in sorted(graph.asset_check_keys):
        yield f"check {key.asset_key.to_user_string()} {key.name}"


def _automation(definitions: dg.Definitions) -> Iterator[str]:
    for job in sorted(definitions.resolve_all_job_defs(), key=lambda job: job.name):
        yield f"job {job.name}"
    repository = definitions.get_repository_def()
    for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name):
        yield f"schedule {schedule.name} job={schedule.job_name} cron={schedule.cron_schedule}"
    for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name):
        yield f"sensor {sensor.name}"


def test_the_asset_graph_is_as_recorded(home: Path) -> None:
    home.mkdir()
    (home / "companies.toml").write_text('[acme]\napi_token_env = "T"\n')

    graph = described(build_definitions(home=home))

    if UPDATE_VARIABLE in os.environ:
        SNAPSHOT.write_text(graph, encoding="utf-8")
    assert graph == SNAPSHOT.read_text(encoding="utf-8"), "if the change is intended, run `make snapshots`"
