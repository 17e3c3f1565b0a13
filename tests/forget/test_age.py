"""Old data is deleted: `forget --before`, and `retention_days`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from published import query, tables

from pipedrive_graph.config import policy
from pipedrive_graph.forget.age import apply_retention

from .homes import FEW, Home, contents, holding

pytestmark = pytest.mark.slow

BEFORE = ("--before", "2026-11-03", "--company", "alpha")
"""Leaves the third of three nights."""


def test_a_dry_run_prints_what_would_go_and_changes_no_byte(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "elsewhere" / "findings.sarif"
    home.given("export", "--format", "sarif", "--out", str(out))
    before = contents(home.path)
    result = home.installation.command("forget", *BEFORE, "--json")
    assert result.code == 0
    assert result.err == (
        "Nothing was changed. Run it again with --yes and --reason to delete this for good.\n"
    )
    kinds = [(each["company"], each["action"], each["kind"]) for each in result.objects]
    assert kinds == [
        ("alpha", "remove", "snapshot"),
        ("alpha", "remove", "snapshot"),
        ("alpha", "remove", "journal entry"),
        ("alpha", "remove", "journal entry"),
        ("alpha", "remove", "journal entry"),
        ("alpha", "remove", "review"),
        ("alpha", "remove", "open event"),
        (None, "remove", "export"),
        (None, "keep", "export"),
        ("alpha", "rewrite", "report"),
        (None, "rewrite", "database"),
        (None, "rewrite", "database"),
    ]
    assert [each["path"] for each in result.objects if each["action"] == "keep"] == [str(out)]
    assert contents(home.path) == before


def test_what_is_old_goes_and_the_rest_is_as_it_was(home: Home) -> None:
    landing = home.installation.landing("alpha")
    old = landing.newest_first()
    first = [manifest.snapshot_id for manifest in old][-1]
    open_before = [row for row in home.open() if row[2] != "admin_granted"]

    told = home.forget(*BEFORE)

    assert (told.code, told.err) == (0, "Removed 8 items for good, and rewrote 3.\n")
    assert (home.snapshots("alpha"), home.snapshots("beta")) == (["03"], ["01"])
    assert home.faults() == []
    assert home.open() == open_before
    assert holding(home.path, first) == ["landing/alpha/forgotten.json"]
    assert not (home.path / ".forget").exists()
    assert not (home.path / "exports").exists()
    assert not (home.path / "cache" / "sql.json").exists()
    assert sorted(path.name for path in (home.path / "reports/alpha").iterdir()) == [
        "access_report.html",
        "findings.csv",
    ]
    # the review that is open stays, and begins with the oldest snapshot
    assert query(home.published, "SELECT name, snapshot_at FROM reviews") == [("two", None)]
    first_seen = "SELECT DISTINCT strftime(first_seen, '%d') FROM findings WHERE company = 'alpha'"
    assert query(home.published, first_seen) == [("03",)]
    (tombstone,) = landing.forgotten().tombstones
    assert (tombstone.kind, tombstone.reason) == ("before", "policy 7")
    assert tombstone.counts == {
        "snapshot removed": 2,
        "journal entry removed": 3,
        "review removed": 1,
        "open event removed": 1,
    }
    # nothing that is open is sent again, and a rebuild comes to the same
    assert home.alert("alpha") == []
    home.rebuilds_the_same()
    home.night("alpha", 4)
    assert (home.snapshots("alpha"), home.receiver.bodies, home.faults()) == (["03", "04"], [], [])


def test_the_newest_snapshot_stays_however_old_it_is(played: Home) -> None:
    result = played.installation.command("forget", "--before", "2026-11-03", "--company", "beta")
    (path,) = (played.path / "landing" / "beta").glob("2*")
    assert (result.code, result.err) == (0, "There is nothing to delete.\n")
    assert result.out == (
        f"keep     snapshot         landing/beta/{path.name}: the newest accepted snapshot, of 2026-11-01,"
        " stays: it is the current state\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ((), 2, "Choose what to delete: one of --before DATE, --person WHO, --company NAME and --missing."),
        (
            ("--before", "2026-11-03", "--yes"),
            2,
            "--yes needs --reason: it records why the data was deleted.",
        ),
        (
            ("--finish", "--before", "2026-11-03"),
            2,
            "--finish takes no other option: it only ends an interrupted forget.",
        ),
        (("--before", "2027-11-03"), 2, "--before 2027-11-03 is in the future."),
        (("--before", "May"), 2, "--before 'May' is not a day; write it as 2026-11-01."),
        (
            ("--before", "2026-11-03", "--company", "gamma"),
            2,
            "There is no data of a company 'gamma'; there is: alpha, beta.",
        ),
    ],
)
def test_what_is_refused(played: Home, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    result = played.installation.command("forget", *arguments)
    assert (result.code, result.sentence) == (code, sentence)


def test_what_was_changed_since_is_still_found(home: Home) -> None:
    home.forget(*BEFORE)
    folder = home.path / "landing" / "alpha"
    oldest = min(folder.glob("2*/manifest.json"))

    manifest = oldest.read_text()
    oldest.write_text(manifest.replace('"throttled": 0', '"throttled": 1'))
    assert home.faults("--quick") != []
    oldest.write_text(manifest)

    tombstones = folder / "forgotten.json"
    text = tombstones.read_text()
    tombstones.write_text(text.replace("policy 7", "policy 8"))
    (fault, *_) = home.faults("--quick")
    assert fault.startswith(f"{tombstones} is not as it was written (its sha256 differs)")
    tombstones.unlink()
    assert any("does not continue the snapshot before it" in text for text in home.faults("--quick"))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_snapshot_that_was_removed_by_hand_is_found_and_sealed(home: Home, place: int) -> None:
    shutil.rmtree(sorted((home.path / "landing" / "alpha").glob("2*"))[place])
    assert any("forget --missing" in text for text in home.faults("--quick"))
    refused = home.forget(*BEFORE)
    assert refused.code == 1
    assert "`pipedrive-graph forget --missing`" in refused.sentence

    told = home.forget("--missing")

    assert (told.code, home.faults()) == (0, [])
    days = ["01", "02", "03"]
    days.pop(place)
    assert home.snapshots("alpha") == days
    assert home.alert("alpha") == []
    home.rebuilds_the_same()
    (tombstone,) = home.installation.landing("alpha").forgotten().tombstones
    assert (tombstone.kind, tombstone.counts, len(tombstone.removed)) == (
        "missing",
        {"snapshot removed": 1},
        1,
    )


def test_a_snapshot_that_was_changed_is_not_missing(home: Home) -> None:
    manifest = min((home.path / "landing" / "alpha").glob("2*/manifest.json"))
    manifest.write_text(manifest.read_text().replace('"throttled": 0', '"throttled": 1'))
    told = home.forget("--missing")
    assert (told.code, told.sentence) == (
        1,
        f"{manifest.parent} was changed, not removed; restore it from a backup. Without a backup, move its"
        " folder away, so that it counts as missing.",
    )


def test_a_warehouse_from_before_is_explained_by_the_tombstone(home: Home) -> None:
    before = (home.path / "warehouse.duckdb").read_bytes()
    home.forget(*BEFORE)
    after = tables(home.published)
    (home.path / "warehouse.duckdb").write_bytes(before)
    (fault, *_) = home.faults("--quick")
    assert fault.endswith("`pipedrive-graph rebuild` makes it again from the landing, and loses nothing.")
    home.rebuild()
    assert tables(home.published) == after


def test_retention(home: Home) -> None:
    file = home.path / "companies.toml"
    file.write_text(file.read_text().replace("[alpha]\n", "[alpha]\nretention_days = 1\n"))

    def applied(day: int, hour: int) -> str | None:
        home.at(day, hour)
        with home.installation._variables_set():
            settings = home.installation.settings
            alpha, _ = settings.companies
            return apply_retention(settings, FEW, policy.load(settings), [alpha], on_wait=print)

    assert applied(3, 1) is None  # not older than the limit by a day
    assert applied(3, 3) == (
        "Removed 2 snapshots older than retention_days = 1, and rebuilt warehouse, published file and"
        " reports."
    )
    assert home.snapshots("alpha") == ["03"]
    (tombstone,) = home.installation.landing("alpha").forgotten().tombstones
    assert (tombstone.kind, tombstone.reason) == ("before", "retention_days = 1")
    assert applied(3, 4) is None
    assert home.faults() == []
