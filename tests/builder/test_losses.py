"""What only the warehouse holds is not overwritten without a person who accepts the loss."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from installation import UNJUDGED, Installation
from published import query, tables

from pipedrive_graph.builder import build
from pipedrive_graph.common import clock
from pipedrive_graph.config import policy
from pipedrive_graph.simulator.server import Options, Simulator
from pipedrive_graph.warehouse import database


@pytest.fixture(scope="module")
def three_nights(tmp_path_factory: pytest.TempPathFactory):
    """An installation of two companies: three snapshots of acme, one of beta."""
    home = tmp_path_factory.mktemp("losses") / "home"
    with Simulator(Options(users=8, limit=2000)) as simulator:
        installation = Installation.of(home, simulator, UNJUDGED)
        for company in ("acme", "acme", "acme", "beta"):
            installation.variables["PIPEDRIVE_COMPANY"] = company
            installation.night()
        installation.variables["PIPEDRIVE_COMPANY"] = "acme"
        yield installation, simulator


@pytest.fixture
def copied(three_nights, tmp_path: Path):
    """A copy of it that may be damaged."""
    installation, simulator = three_nights
    simulator.requests.clear()
    shutil.copytree(installation.home, tmp_path / "home")
    return Installation(tmp_path / "home", dict(installation.variables), UNJUDGED), simulator


def snapshots(installation: Installation) -> list[tuple[str, int]]:
    return query(installation.published, "SELECT company, count(*) FROM snapshots GROUP BY ALL ORDER BY ALL")


def contents(installation: Installation) -> dict[str, bytes]:
    """What lies in the home folder, without the record of the last run and what is parsed of sql/."""
    return {
        str(path.relative_to(installation.home)): path.read_bytes()
        for path in installation.home.rglob("*")
        if path.is_file() and path.parent.name not in {"runs", "cache"}
    }


def journal(installation: Installation, entries: int) -> None:
    """Have the warehouse know of so many entries of acme's journal, which is not there."""
    with database.writer(installation.settings.warehouse) as connection:
        connection.execute("INSERT INTO history.journal (company, lines) VALUES ('acme', ?)", [entries])


@pytest.mark.slow
def test_nothing_is_lost_where_the_landing_is_whole(copied) -> None:
    installation, _ = copied
    result = installation.command("rebuild")
    assert (result.code, result.err) == (0, "")
    assert snapshots(installation) == [("acme", 3), ("beta", 1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        (["acme/2*"], "3 of the 3 snapshots of 'acme'"),
        (["beta/2*"], "1 of the 1 snapshots of 'beta'"),
        (["acme/2*", "beta/2*"], "3 of the 3 snapshots of 'acme', and 1 of the 1 snapshots of 'beta'"),
    ],
)
def test_rebuild_refuses_to_lose_snapshots(copied, lost, sentence) -> None:
    installation, _ = copied
    for pattern in lost:
        for folder in installation.settings.landing.glob(pattern):
            shutil.rmtree(folder)
    before = contents(installation)

    result = installation.command("rebuild")

    home = installation.home
    assert (result.code, result.out) == (1, "")
    assert result.sentence == (
        f"A rebuild would lose {sentence}: restore {home}/landing and {home}/journal from a backup, then run "
        "rebuild again. `pipedrive-graph rebuild --accept-loss` goes on without them."
    )
    assert contents(installation) == before


@pytest.mark.slow
def test_rebuild_refuses_to_lose_some_snapshots_of_a_company(copied) -> None:
    installation, _ = copied
    newest = max(installation.settings.landing.glob("acme/2*"))
    shutil.rmtree(newest)

    refused = installation.command("rebuild")
    accepted = installation.command("rebuild", "--accept-loss")

    assert refused.code == 1
    assert refused.sentence.startswith("A rebuild would lose 1 of the 3 snapshots of 'acme': ")
    assert (accepted.code, accepted.err) == (0, "")
    assert accepted.out.startswith("Rebuilt from 3 snapshots; ")
    assert snapshots(installation) == [("acme", 2), ("beta", 1)]


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 1])
def test_a_snapshot_between_others_may_be_lost_too(copied, place: int) -> None:
    installation, _ = copied
    shutil.rmtree(sorted(installation.settings.landing.glob("acme/2*"))[place])

    refused = installation.command("rebuild")
    accepted = installation.command("rebuild", "--accept-loss")

    assert refused.code == 1
    assert refused.sentence.startswith("A rebuild would lose 1 of the 3 snapshots of 'acme': ")
    assert (accepted.code, accepted.err) == (0, "")
    assert snapshots(installation) == [("acme", 2), ("beta", 1)]
    following = installation.command("sync", "--company", "acme", "--json")
    assert (following.code, following.err) == (0, "")
    assert snapshots(installation) == [("acme", 3), ("beta", 1)]


@pytest.mark.slow
def test_rebuild_refuses_to_lose_decisions(copied) -> None:
    installation, _ = copied
    journal(installation, 2)

    refused = installation.command("rebuild")

    assert refused.code == 1
    assert refused.sentence.startswith("A rebuild would lose 2 entries of the journal of 'acme': ")
    assert installation.command("rebuild", "--accept-loss").code == 0


@pytest.mark.parametrize("state", ["damaged", "gone"])
def test_without_a_warehouse_the_published_file_says_what_would_be_lost(copied, state) -> None:
    installation, _ = copied
    if state == "gone":
        installation.settings.warehouse.unlink()
    else:
        installation.settings.warehouse.write_bytes(b"not a database" * 1000)
    shutil.rmtree(installation.settings.landing / "acme")

    refused = installation.command("rebuild")

    assert refused.code == 1
    assert refused.sentence.startswith("A rebuild would lose 3 of the 3 snapshots of 'acme': ")


@pytest.mark.slow
def test_what_nothing_tells_is_unknown(copied) -> None:
    installation, _ = copied
    for file in (installation.settings.warehouse, installation.published):
        file.write_bytes(b"not a database" * 1000)

    refused = installation.command("rebuild")
    accepted = installation.command("rebuild", "--accept-loss")

    assert refused.code == 1
    assert refused.sentence.startswith(f"It is unknown whether {installation.settings.landing} and ")
    assert refused.sentence.endswith("`pipedrive-graph rebuild --accept-loss` goes on with what is there.")
    assert accepted.code == 0
    assert snapshots(installation) == [("acme", 3), ("beta", 1)]


def test_sync_begins_no_new_history_beside_an_old_one(copied) -> None:
    installation, simulator = copied
    shutil.rmtree(installation.settings.landing / "acme")
    before = contents(installation)

    result = installation.command("sync", "--json")

    folder = installation.settings.landing
    sentence = (
        f"3 of the 3 snapshots of 'acme' are missing in {folder}/acme, and only the data derived from them"
        f" is left: restore {folder} and {installation.settings.journal} from a backup, then run sync again."
        " If snapshots were removed on purpose, run `pipedrive-graph forget --missing`, which seals what is"
        " left. Without a backup, `pipedrive-graph rebuild --accept-loss` goes on with what is there."
    )
    assert (result.code, result.sentence, result.failures) == (1, sentence, [("acme", 1, sentence)])
    assert simulator.requests == []
    assert contents(installation) == before


@pytest.mark.slow
def test_sync_begins_a_new_history_where_a_person_has_moved_the_old_one_away(copied) -> None:
    installation, _ = copied
    shutil.rmtree(installation.settings.landing)

    refused = installation.command("sync")
    for file in (installation.settings.warehouse, installation.published):
        file.rename(installation.home.parent / file.name)
    begun = installation.command("sync")

    assert refused.code == 1
    assert refused.sentence.endswith(
        "Without a backup, move warehouse.duckdb and identity_graph.duckdb to another folder:"
        " the next sync begins a new history."
    )
    assert (begun.code, begun.err) == (0, "")


@pytest.mark.slow
def test_a_loss_of_another_company_holds_up_no_sync(copied) -> None:
    installation, _ = copied
    shutil.rmtree(installation.settings.landing / "beta")
    result = installation.command("sync")
    assert (result.code, result.err) == (0, "")


def test_a_journal_that_is_lost_is_not_written_over(copied) -> None:
    installation, simulator = copied
    journal(installation, 2)

    result = installation.command("sync")

    path = installation.settings.journal / "acme.ndjson"
    assert result.code == 1
    assert result.sentence.startswith(f"2 entries of the journal of 'acme' are missing in {path}, and only ")
    assert simulator.requests == []


@pytest.mark.slow
def test_a_warehouse_of_another_version_is_made_again_only_without_a_loss(copied) -> None:
    installation, _ = copied
    told: list[str] = []

    def change() -> None:
        with database.writer(installation.settings.warehouse) as connection:
            connection.execute("ALTER TABLE history.roles RENAME COLUMN description TO was")

    change()
    before = tables(installation.published)
    build.take_over(
        installation.settings, installation.models, policy.load(installation.settings), on_message=told.append
    )
    whole = tables(installation.published)
    change()
    shutil.rmtree(installation.settings.landing / "beta")
    lossy = installation.command("sync").sentence

    found = "The warehouse was made by another version (history.roles has other columns)."
    assert told == [f"{found} It is rebuilt from the landing and the journal."]
    assert whole == before
    assert lossy.startswith(f"{found} A rebuild from what is there would lose 1 of the 1 snapshots of 'beta'")
    assert "then run `pipedrive-graph rebuild`." in lossy


@pytest.mark.slow
def test_a_journal_that_is_whole_is_no_loss(copied) -> None:
    installation, _ = copied
    journal(installation, 1)
    path = installation.settings.journal / "acme.ndjson"
    path.parent.mkdir()
    line = {"at": "2026-11-20T09:00:00.000000Z", "snapshot_id": None, "kind": "unknown"}
    path.write_text(json.dumps(line) + "\n")
    assert installation.command("rebuild").code == 0


@pytest.mark.slow
def test_a_sync_without_a_warehouse_keeps_what_was_decided(copied, tmp_path) -> None:
    installation, _ = copied
    opened = installation.command("review", "open", "--company", "acme", "--out", str(tmp_path / "r.xlsx"))
    assert opened.code == 0, opened
    (installation.home / "waivers.toml").write_text(
        '[[waiver]]\nrule = "role_cycle"\nsubject = "1"\nreason = "r"\nowner = "o"\n'
        f"expires = {clock.now().date() + timedelta(days=30)}\n"
    )
    installation.settings.warehouse.unlink()

    result = installation.command("sync", "--company", "acme", "--json")

    assert result.code == 0, result
    reviews = "SELECT count(*) FROM reviews WHERE company = 'acme'"
    waivers = "SELECT count(*) FROM waivers WHERE company = 'acme'"
    assert query(installation.published, reviews) == query(installation.published, waivers) == [(1,)]
    assert installation.command("rebuild").code == 0
    assert query(installation.published, reviews) == query(installation.published, waivers) == [(1,)]


@pytest.fixture(scope="module")
def reviewing(three_nights, tmp_path_factory: pytest.TempPathFactory):
    """A copy of the installation with two reviews; no manifest names its journal yet."""
    installation, _ = three_nights
    folder = tmp_path_factory.mktemp("reviewing")
    shutil.copytree(installation.home, folder / "home")
    reviewing = Installation(folder / "home", dict(installation.variables), UNJUDGED)
    for name in ("one", "two"):
        out = str(folder / f"{name}.csv")
        opened = reviewing.command("review", "open", "--company", "acme", "--name", name, "--out", out)
        assert opened.code == 0, opened
    return reviewing


@pytest.fixture(scope="module")
def decided(reviewing, tmp_path_factory: pytest.TempPathFactory):
    """A copy of it with a waiver, and two nights after that."""
    folder = tmp_path_factory.mktemp("decided")
    shutil.copytree(reviewing.home, folder / "home")
    decided = Installation(folder / "home", dict(reviewing.variables), UNJUDGED)
    (decided.home / "waivers.toml").write_text(
        '[[waiver]]\nrule = "role_cycle"\nsubject = "1"\nreason = "r"\nowner = "o"\n'
        f"expires = {clock.now().date() + timedelta(days=30)}\n"
    )
    synced = decided.command("sync", "--company", "acme", "--json")
    assert synced.code == 0, synced
    again = decided.command("sync", "--company", "acme", "--json")  # its manifest names all three lines
    assert again.code == 0, again
    return decided


def empty(home: Path) -> None:
    (home / "journal" / "acme.ndjson").write_bytes(b"")


def halve(home: Path) -> None:
    path = home / "journal" / "acme.ndjson"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


def remove(home: Path) -> None:
    (home / "journal" / "acme.ndjson").unlink()


def halve_and_remove_the_head(home: Path) -> None:
    halve(home)
    (home / "journal" / "acme.head.json").unlink()


def remove_the_folder(home: Path) -> None:
    shutil.rmtree(home / "journal")


def remove_the_folder_and_all_databases(home: Path) -> None:
    remove_the_folder(home)
    for path in home.glob("*.duckdb"):
        path.unlink()


def change(home: Path) -> None:
    path = home / "journal" / "acme.ndjson"
    path.write_bytes(path.read_bytes().replace(b'"one"', b'"six"'))


BROKEN = {
    empty: "lacks 3 entries that it had before",
    halve: "lacks 2 entries that it had before",
    remove: "lacks 3 entries that it had before",
    halve_and_remove_the_head: "lacks 2 entries that it had before",
    remove_the_folder: "lacks 3 entries that it had before",
    remove_the_folder_and_all_databases: "lacks 3 entries that it had before",
    change: ": line 2 does not continue the line before it; a line was changed or is missing",
}


@pytest.mark.parametrize(
    "damage",
    [damage if damage is empty else pytest.param(damage, marks=pytest.mark.slow) for damage in BROKEN],
)
def test_a_journal_that_is_not_whole_is_refused_by_all_who_would_go_on_with_it(
    decided, damage, tmp_path: Path
) -> None:
    shutil.copytree(decided.home, tmp_path / "home")
    installation = Installation(tmp_path / "home", dict(decided.variables), UNJUDGED)
    ((finding, *_), *_) = query(
        installation.published, "SELECT finding_id FROM findings WHERE company = 'acme' AND status = 'open'"
    )
    damage(installation.home)
    before = contents(installation)
    commands = [["sync", "--company", "acme"], ["rebuild"]]
    if installation.settings.warehouse.exists():
        commands.append(["review", "open", "--company", "acme", "--out", str(tmp_path / "new.csv")])
        commands.append(["waive", finding, "--reason", "r", "--owner", "o", "--until", "2027-06-30"])

    refused = [installation.command(*command) for command in commands]

    path = installation.settings.journal / "acme.ndjson"
    for told in refused:
        assert told.code == 1
        assert told.sentence.startswith(f"{path}")
        assert BROKEN[damage] in told.sentence
        assert "restore the journal from a backup" in told.sentence
        assert "`pipedrive-graph rebuild --accept-loss` goes on with what is left." in told.sentence
    assert contents(installation) == before

    if damage is empty:
        assert installation.command("rebuild", "--accept-loss").code == 0
        assert installation.command("sync", "--company", "acme", "--json").code == 0


@pytest.mark.slow
def test_a_journal_of_an_earlier_version_is_taken_over_by_the_next_sync(reviewing, tmp_path: Path) -> None:
    shutil.copytree(reviewing.home, tmp_path / "home")
    installation = Installation(tmp_path / "home", dict(reviewing.variables), UNJUDGED)
    path = installation.settings.journal / "acme.ndjson"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        del line["previous"]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (path.parent / "acme.head.json").unlink()
    with database.writer(installation.settings.warehouse) as connection:
        connection.execute("ALTER TABLE history.journal DROP COLUMN sha256")
    before = query(installation.published, "FROM reviews ORDER BY ALL")

    result = installation.command("sync", "--company", "acme", "--json")

    assert result.code == 0, result
    assert query(installation.published, "FROM reviews ORDER BY ALL") == before
    assert json.loads((path.parent / "acme.head.json").read_text())["lines"] == 2
    with database.attached(installation.settings.warehouse) as connection:
        held = database.rows(connection, "SELECT lines, sha256 FROM held.history.journal")
    assert held == [(2, hashlib.sha256(path.read_bytes()).hexdigest())]
    halve(installation.home)
    assert installation.command("sync", "--company", "acme").code == 1
