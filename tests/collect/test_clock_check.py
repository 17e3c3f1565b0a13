"""A wrong clock dates no snapshot; and what an earlier version dated by one can be set aside."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from installation import UNJUDGED, Installation, Serve, Silent
from published import Row, differing, query, tables

from pipedrive_graph.collect.clock_check import check_clock
from pipedrive_graph.errors import ClockError
from pipedrive_graph.simulator.server import Simulator

FIRST = datetime(2026, 11, 1, 2, tzinfo=UTC)


def at(installation: Installation, days: float) -> None:
    """Set the clock to so many days after the first night; the simulator's follows."""
    moment = FIRST + timedelta(days=days)
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = moment.isoformat()


def night(installation: Installation, days: float) -> str:
    at(installation, days)
    return installation.night().snapshot_id


@pytest.mark.parametrize(
    ("offset", "own", "server"),
    [
        (-40 * 86_400, "2026-11-01 02:", "2026-09-22 02:"),
        (-366 * 86_400, "2026-11-01 02:", "2025-10-31 02:"),
        (-3_700, "2026-11-01 02:", "2026-11-01 0"),
    ],
)
def test_a_clock_that_is_ahead_of_the_server_is_refused(home, serve: Serve, offset, own, server) -> None:
    simulator = serve(users=6, clock_offset=offset)
    installation = Installation.of(home, simulator)
    at(installation, 0)

    doctor, sync = installation.command("doctor", "--json"), installation.command("sync", "--json")

    assert (doctor.code, sync.code) == (1, 1)
    assert sync.sentence.startswith(f"The clock of this machine says {own}")
    assert f" UTC, but Pipedrive's server says {server}" in sync.sentence
    assert sync.failures == [("default", 1, sync.sentence)]
    (fault,) = [check for check in doctor.objects if check["state"] == "fault"]
    assert fault["check"] == "clock"
    assert fault["text"][:40] == sync.sentence[:40]
    assert not list(installation.landing().path.glob("*/*"))
    installation.variables["PIPEDRIVE_GRAPH_CLOCK_TOLERANCE"] = "600000"
    assert installation.read().verdict.status == "complete"


@pytest.mark.parametrize("offset", [-3_000, 3_000])
def test_a_small_difference_is_nothing(home, serve: Serve, offset) -> None:
    installation = Installation.of(home, serve(users=6, clock_offset=offset), UNJUDGED)
    observer = Silent()
    assert installation.read(observer=observer).verdict.status == "complete"
    assert observer.warnings == []


def test_a_clock_that_is_behind_the_server_is_a_warning(home, serve: Serve) -> None:
    installation = Installation.of(home, serve(users=6, clock_offset=86_400), UNJUDGED)
    at(installation, 0)
    observer = Silent()
    assert installation.read(observer=observer).verdict.status == "complete"
    (warning,) = observer.warnings
    assert warning.startswith("The clock of this machine says 2026-11-01 02:")
    assert "but Pipedrive's server says 2026-11-02 02:" in warning


def test_a_clock_that_becomes_wrong_while_reading_keeps_the_draft(home, serve: Serve) -> None:
    simulator = serve(users=6)
    installation = Installation.of(home, simulator, UNJUDGED)

    def jump(reply):  # after the first answers, the clock of this machine is set a year ahead
        object.__setattr__(simulator.options, "clock_offset", -366 * 86_400.0)
        return reply

    simulator.faults.add("users/.*/permissions", jump, times=1)
    at(installation, 0)

    with pytest.raises(ClockError):
        installation.read()

    (head,) = installation.landing().path.glob("*/draft.json")
    object.__setattr__(simulator.options, "clock_offset", 0.0)
    simulator.requests.clear()
    assert installation.read().snapshot_id == head.parent.name
    assert not [one for one in simulator.requests if one.path.endswith("/permissions")]


@pytest.mark.slow
def test_a_long_pause_is_no_evidence(home, serve: Serve) -> None:
    installation = Installation.of(home, serve(users=6), UNJUDGED)
    observer = Silent()
    night(installation, 0)
    at(installation, 400)
    assert installation.night(observer=observer).snapshot_id.startswith("20271206T")
    assert observer.warnings == []


@pytest.mark.slow
def test_another_company_is_evidence_where_the_server_has_no_date(home, serve: Serve, monkeypatch) -> None:
    installation = Installation.of(home, serve(users=6), UNJUDGED)
    night(installation, 365)
    other = Installation(home, {**installation.variables, "PIPEDRIVE_COMPANY": "other"}, UNJUDGED)
    at(other, 0)
    assert other.read().verdict.status == "complete"  # the server's Date agrees with the clock

    monkeypatch.setenv("PIPEDRIVE_GRAPH_CLOCK", FIRST.isoformat())
    with pytest.raises(ClockError, match="The newest snapshot of 'default' is dated 2027-11-01 02:"):
        check_clock(other.landing("other"), None)


def change(simulator: Simulator, number: int) -> None:
    """What happens in the company before a night."""
    company, users = simulator.company, sorted(simulator.company.users)
    company.grant(users[number], "can_export_data_from_lists")
    company.revoke(users[number + 1], "can_add_products")
    company.move(users[number + 2], sorted(company.roles)[number % 2])


def compared(installation: Installation) -> dict[str, list[Row]]:
    """The tables without what differs by the seconds that passed between two homes' nights."""
    return tables(installation.published, clock=False, without={"read_at"})


@pytest.mark.slow
def test_a_night_that_was_dated_a_year_ahead_is_set_aside(tmp_path: Path, serve: Serve) -> None:
    simulator = serve(users=20)
    spoilt, true = (Installation.of(tmp_path / name, simulator) for name in ("spoilt", "true"))
    for installation in (spoilt, true):
        installation.home.mkdir()
        (installation.home / "waivers.toml").write_text(
            "[[waiver]]\nrule = 'sensitive_permission'\nsubject = '*'\nobject = '*'\n"
            "reason = 'for now'\nowner = 'me@example.com'\nexpires = 2027-02-01\n"
        )
    for number in (0, 1, 2):
        change(simulator, number)
        night(spoilt, number)
        night(true, number)
    # an earlier version did not look at the server's Date: here, the server's clock is wrong as well
    wrong = [night(spoilt, 368), night(spoilt, 368.5)]
    assert wrong[0].startswith("20271104T")
    change(simulator, 3)
    at(spoilt, 3)

    doctor, refused = spoilt.command("doctor", "--json"), spoilt.command("sync", "--json")

    command = f"rebuild --without-snapshot {wrong[0]} --without-snapshot {wrong[1]}"
    assert (doctor.code, refused.code) == (1, 1)
    assert refused.sentence.startswith("The newest snapshot of 'default' is dated 2027-11-04 14:")
    assert " UTC, but the clock of this machine says 2026-11-04 0" in refused.sentence
    assert f"run `pipedrive-graph {command}`, then sync again." in refused.sentence
    assert [check["check"] for check in doctor.objects if check["state"] == "fault"] == ["clock"]

    repaired = spoilt.command(*command.split())

    assert (repaired.code, repaired.err) == (0, "")
    assert differing(compared(spoilt), compared(true)) == {}
    chain = spoilt.landing().chain()
    assert len(chain) == 3
    for snapshot_id in wrong:
        folder = spoilt.landing().path / snapshot_id
        assert (folder / "manifest.set-aside.json").exists()
        assert (folder / "users.ndjson.gz").exists()
    for number in (3, 4, 5):
        change(simulator, number)
        night(spoilt, number)
        night(true, number)
    assert differing(compared(spoilt), compared(true)) == {}
    assert len(spoilt.landing().chain()) == 6
    assert spoilt.command("doctor").code == 0
    before = tables(spoilt.published)
    assert spoilt.command("rebuild").code == 0
    assert differing(tables(spoilt.published), before) == {}


@pytest.mark.slow
def test_what_was_decided_about_a_night_that_is_set_aside_stays_decided(home, serve: Serve) -> None:
    installation = Installation.of(home, serve(users=20))
    night(installation, 0)
    wrong = night(installation, 40)
    ((finding,),) = query(
        installation.published,
        "SELECT finding_id FROM findings WHERE status = 'open' AND snapshot_id IS NULL"
        " AND first_seen < TIMESTAMP '2026-11-02' ORDER BY ALL LIMIT 1",
    )
    until = "2027-01-15"
    decided = installation.command("waive", finding, "--reason", "known", "--until", until)
    assert decided.code == 0, decided
    last = night(installation, 41)
    at(installation, 1)

    repaired = installation.command("rebuild", "--without-snapshot", wrong, "--without-snapshot", last)

    assert repaired.code == 0
    assert query(installation.published, "SELECT status FROM findings WHERE finding_id = ?", finding) == [
        ("waived",)
    ]
    assert night(installation, 1).startswith("20261102T")
    assert query(installation.published, "SELECT status FROM findings WHERE finding_id = ?", finding) == [
        ("waived",)
    ]


@pytest.mark.slow
def test_a_night_in_the_middle_can_be_set_aside(home, serve: Serve) -> None:
    installation = Installation.of(home, serve(users=6))
    ids = [night(installation, number) for number in range(3)]

    assert installation.command("rebuild", "--without-snapshot", ids[1]).code == 0

    assert [manifest.snapshot_id for manifest, _ in installation.landing().chain()] == [ids[0], ids[2]]
    gaps = json.loads((installation.landing().path / "gaps.json").read_text())["gaps"]
    assert [gap["snapshot_id"] for gap in gaps] == [ids[2]]
    assert query(installation.published, "SELECT snapshot_id FROM snapshots ORDER BY ALL") == [
        (ids[0],),
        (ids[2],),
    ]


@pytest.mark.slow
def test_only_what_is_there_can_be_set_aside_and_not_everything(home, serve: Serve) -> None:
    installation = Installation.of(home, serve(users=6), UNJUDGED)
    only = night(installation, 0)

    unknown = installation.command("rebuild", "--without-snapshot", "20200101T000000-000000")
    everything = installation.command("rebuild", "--without-snapshot", only)

    assert (unknown.code, everything.code) == (2, 2)
    assert unknown.sentence.startswith("There is no snapshot '20200101T000000-000000' in ")
    assert everything.sentence.startswith("Without these snapshots, there is nothing to build from")
    assert len(installation.landing().chain()) == 1
