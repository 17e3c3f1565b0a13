"""The landing: a chain of snapshots that never change, in which damage shows."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from installation import MODELS, UNJUDGED, Installation, build_company

from pipedrive_graph.errors import ClockError, LandingError, WarehouseError
from pipedrive_graph.landing import Landing
from pipedrive_graph.landing.storage import FolderStorage
from pipedrive_graph.simulator.server import Options, Simulator


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory):
    """A company of twelve after two nights."""
    with Simulator(Options(users=12, limit=2000)) as simulator:
        installation = Installation.of(tmp_path_factory.mktemp("landing") / "home", simulator, UNJUDGED)
        yield installation, [installation.night(), installation.night()], simulator


@pytest.fixture
def damaged(two_nights, tmp_path):
    """A copy of the installation that a test may spoil."""
    import shutil

    installation, manifests, _ = two_nights
    copy = Installation(tmp_path / "home", {**installation.variables})
    shutil.copytree(installation.home, copy.home)
    return copy, [copy.landing().path / manifest.snapshot_id for manifest in manifests]


def test_a_snapshot_is_a_folder_of_packed_files(two_nights) -> None:
    installation, (first, _), _ = two_nights
    folder = installation.landing().path / first.snapshot_id
    assert sorted(path.name for path in folder.iterdir()) == [
        "known.json",
        "manifest.json",
        "memory.json.gz",
        "permissionSets.id.ndjson.gz",
        "permissionSets.ndjson.gz",
        "roles.ndjson.gz",
        "users.id.permissions.ndjson.gz",
        "users.id.roleAssignments.ndjson.gz",
        "users.me.ndjson.gz",
        "users.ndjson.gz",
    ]


def test_a_line_is_an_answer_as_received(two_nights) -> None:
    installation, (first, _), simulator = two_nights
    path = installation.landing().path / first.snapshot_id / "users.id.permissions.ndjson.gz"
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    user = simulator.company.plain_user_id
    (line,) = [line for line in lines if line["asked"]["id"] == str(user)]

    assert list(line) == ["endpoint", "asked", "status", "outcome", "at", "answer"]
    assert (line["endpoint"], line["status"], line["outcome"]) == ("users/{id}/permissions", 200, "answered")
    assert line["asked"] == {"id": str(user), "start": None, "limit": None}
    assert line["at"].endswith("Z")
    assert line["answer"] == {"success": True, "data": simulator.company.permissions(user)}


def test_the_manifest_tells_what_is_in_it(two_nights) -> None:
    installation, (first, _), simulator = two_nights
    folder = installation.landing().path / first.snapshot_id
    for file in first.files:
        content = (folder / file.name).read_bytes()
        assert (file.bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        if file.name.endswith(".ndjson.gz"):
            lines = gzip.decompress(content).splitlines()
            assert (file.rows, file.longest) == (len(lines), max(map(len, lines)))
    assert {file.name for file in first.files} == {path.name for path in folder.iterdir()} - {"manifest.json"}
    coverage = first.coverage["users/{id}/permissions"]
    assert (coverage.asked, coverage.answered) == (12, 12)
    assert (first.users, first.identity.company_id) == (12, simulator.company.id)
    assert first.identity.token_owner == simulator.company.owner_id
    assert first.requests == sum(coverage.asked for coverage in first.coverage.values())


def test_each_manifest_names_the_one_before(two_nights) -> None:
    installation, (first, second), _ = two_nights
    path = installation.landing().path / first.snapshot_id / "manifest.json"
    assert first.previous is None
    assert second.previous == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_changed_manifest_breaks_the_chain(damaged) -> None:
    installation, (first, second) = damaged
    manifest = first / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"users": 12', '"users": 13'))

    with pytest.raises(LandingError, match="does not continue the snapshot before it") as caught:
        installation.landing().chain()
    assert str(second / "manifest.json") in str(caught.value)


def test_a_missing_snapshot_breaks_the_chain(damaged) -> None:
    installation, (first, _) = damaged
    (first / "manifest.json").unlink()

    with pytest.raises(LandingError, match="one was changed or is missing"):
        installation.landing().chain()


def test_a_gap_that_is_accepted_stays_accepted_and_no_other_is(damaged) -> None:
    installation, (first, second) = damaged
    (first / "manifest.json").unlink()

    installation.landing().accept_gaps()

    assert [manifest.snapshot_id for manifest, _ in installation.landing().chain()] == [second.name]
    manifest = json.loads((second / "manifest.json").read_text())
    (second / "manifest.json").write_text(json.dumps({**manifest, "previous": "0" * 64}))
    with pytest.raises(LandingError, match="one was changed or is missing"):
        installation.landing().chain()


def test_a_missing_last_snapshot_is_noticed_by_the_history(damaged) -> None:
    installation, (_, second) = damaged
    (second / "manifest.json").unlink()

    with pytest.raises(WarehouseError, match="was not made from the snapshots in"):
        build_company(installation.settings, MODELS, "default")


def test_a_missing_file_is_named(damaged) -> None:
    installation, (first, _) = damaged
    (first / "roles.ndjson.gz").unlink()

    result = installation.command("rebuild")

    assert result.code == 1
    assert (
        result.sentence
        == f"{first / 'roles.ndjson.gz'} is missing; restore it from a backup, then try again."
    )


@pytest.mark.slow
def test_a_clock_that_goes_back_makes_no_earlier_snapshot(damaged) -> None:
    installation, (_, second) = damaged
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2020-01-01T00:00:00Z"

    with pytest.raises(ClockError, match="but the clock of this machine says 2020-01-01 00:"):
        installation.night()

    newest = datetime.strptime(second.name, "%Y%m%dT%H%M%S-%f").replace(tzinfo=UTC)
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = (newest - timedelta(minutes=59)).isoformat()

    manifest = installation.night()

    assert manifest.snapshot_id > second.name
    assert manifest.finished_at >= manifest.started_at


@pytest.mark.slow
def test_files_that_a_crash_left_beside_a_manifest_do_no_harm(damaged) -> None:
    installation, (_, second) = damaged
    (second / "users.ndjson").write_text('{"torn')
    (second / "draft.json").write_text("{}")

    assert installation.night().verdict.status == "complete"

    assert not list(second.glob("*.ndjson"))
    assert not (second / "draft.json").exists()


def test_a_landing_without_companies_is_empty(tmp_path) -> None:
    assert Landing(FolderStorage(tmp_path / "nowhere")).companies() == []
    assert Landing(FolderStorage(tmp_path / "nowhere")).of("acme").chain() == []
