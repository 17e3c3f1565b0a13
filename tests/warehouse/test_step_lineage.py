"""What the steps of a batch read and write."""

from __future__ import annotations

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.warehouse import step_lineage
from pipedrive_graph.warehouse.schema import KEPT
from pipedrive_graph.warehouse.sql_project import Models

MODELS = Models(sql_folder())
TABLES: dict[str, set[str]] = {f"history.{name}": set() for name in KEPT} | {
    "main.users": {"history.snapshots"},
    "main.renames": {"history.findings"},
}


def test_every_row_of_a_step_is_read_or_written() -> None:
    sources = step_lineage.sources(MODELS)
    read = {name for below in sources.values() for name in below}
    read_by_python = {"lifecycle.malformed_rows", "merge.newly_proven"}

    unused = {
        step.qualified
        for step in step_lineage.steps(MODELS)
        if not step.writes and step.qualified not in read | read_by_python
    }

    assert unused == set()
    assert all(table in TABLES for step in step_lineage.steps(MODELS) for table in step.writes)


def test_rows_that_python_passes_on_have_a_source() -> None:
    sources = step_lineage.sources(MODELS)

    assert "peers.peer_profiles" in sources["peers.peer_groups"]
    assert "main.user_permissions" in sources["lifecycle.firing"]
    assert "main.renames" in sources["lifecycle.waiver_matches"]
    assert not any(name.startswith(("run.", "landing.")) for below in sources.values() for name in below)


def test_a_table_depends_on_the_steps_that_write_it_and_not_they_on_it() -> None:
    graph = step_lineage.with_steps(MODELS, TABLES)

    assert graph["history.findings"] >= {"lifecycle.resolved", "lifecycle.reopened", "lifecycle.firing"}
    assert graph["history.waivers"] == {"lifecycle.waiver_states"}
    assert graph["lifecycle.waiver_states"] == {"lifecycle.waiver_matches"}
    assert graph["lifecycle.waiver_matches"] == {"main.users", "history.user_addresses"}
    assert graph["lifecycle.finding_counts"] == {"history.findings", "history.snapshots"}
    assert graph["merge.roster_coverage"] == {"history.user_addresses"}  # not the findings, which come later
    assert "history.coverage" in graph["lifecycle.abstentions"]
    assert graph["main.users"] == {"history.snapshots"}
