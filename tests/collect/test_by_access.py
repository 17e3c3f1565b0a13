"""Collecting by access: what it asks, what it infers, and that inference is never taken for observation."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from installation import MODELS, UNJUDGED, Installation, Serve, Silent, arrived
from published import changes, differing, query, tables

from pipedrive_graph.config.company import Collect
from pipedrive_graph.errors import BlockedError
from pipedrive_graph.landing import Manifest
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.model import User
from pipedrive_graph.simulator.server import Simulator

FIRST = datetime(2026, 11, 1, 2, tzinfo=UTC)
EXTRA = "can_use_api"


def night(
    installation: Installation,
    number: float,
    plan: Collect = Collect.BY_ACCESS,
    observer: Silent | None = None,
) -> Manifest:
    """Run a night, `number` days after the first."""
    moment = FIRST + timedelta(days=number)
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = moment.isoformat()
    return installation.night(plan=plan, observer=observer)


def asked(simulator: Simulator, detail: str = "permissions") -> list[int]:
    """Whose details were asked for since the requests were last cleared."""
    paths = [request.path.split("/") for request in simulator.requests]
    return sorted(int(path[-2]) for path in paths if path[-1] == detail and path[-3] == "users")


def held(installation: Installation) -> set[tuple[int, str]]:
    """User and permission, of all that is granted, be it inferred."""
    return set(
        query(installation.published, "SELECT user_id, permission FROM user_permissions WHERE granted")
    )


def truth(simulator: Simulator) -> set[tuple[int, str]]:
    """The same, as it is at the simulator."""
    company = simulator.company
    return {
        (user, flag)
        for user in company.users
        for flag, granted in company.permissions(user).items()
        if granted
    }


def signatures(simulator: Simulator) -> dict[object, list[int]]:
    """The users of each access signature."""
    found: dict[object, list[int]] = {}
    for user in simulator.company.users.values():
        entries = sorted((entry.app, entry.admin, entry.permission_set_id) for entry in user.access or [])
        found.setdefault((tuple(entries), user.active, user.deleted), []).append(user.id)
    return found


def ordinary(simulator: Simulator, count: int) -> list[User]:
    """Users whom the first night does not observe: of the largest signatures, those with high ids."""
    largest = sorted(signatures(simulator).values(), key=len)[::-1]
    plain = [users for users in largest if not simulator.company.users[users[0]].admin_apps]
    return [simulator.company.users[sorted(plain[place % 3])[-1 - place // 3]] for place in range(count)]


@pytest.fixture
def simulator(serve: Serve) -> Simulator:
    """150 people whose flags follow from their sets."""
    return serve(users=150, clean=True)


@pytest.fixture
def installation(home: Path, simulator: Simulator) -> Installation:
    """An installation whose nights find nothing: this is not about findings."""
    return Installation.of(home, simulator, UNJUDGED)


@pytest.mark.slow
def test_the_first_night_asks_a_sample_and_publishes_what_all_hold(installation, simulator) -> None:
    manifest = night(installation, 0)
    company = simulator.company
    admins = {user.id for user in company.users.values() if user.admin_apps}
    others = [users for users in signatures(simulator).values() if admins.isdisjoint(users)]
    sample = asked(simulator)

    assert manifest.verdict.status == "complete"
    assert admins <= set(sample)
    assert len(sample) == len(admins) + sum(min(2, len(users)) for users in others)
    assert asked(simulator, "roleAssignments") == []
    assert manifest.requests == 4 + len(company.sets) + len(company.roles) + len(sample)
    assert (manifest.observed, manifest.inferred) == (len(sample), 150 - len(sample))
    assert held(installation) == truth(simulator)
    assert query(
        installation.published,
        "SELECT source, count(DISTINCT user_id) FROM user_permissions GROUP BY source ORDER BY source",
    ) == [("inferred", 150 - len(sample)), ("observed", len(sample))]


@pytest.mark.slow
def test_roles_are_what_their_members_lists_tell(installation, simulator) -> None:
    night(installation, 0)
    rows = query(installation.published, "SELECT user_id, role_id, active, source FROM user_roles")
    assert set(rows) == {
        (row.user_id, row.role_id, row.active, "observed")
        for assignments in simulator.company.assignments.values()
        for row in assignments
    }


@pytest.mark.slow
def test_every_user_and_by_access_publish_the_same(installation, serve, home) -> None:
    simulator = serve(users=60)  # with anomalies
    one = Installation.of(home / "one", simulator)
    other = Installation.of(home / "other", simulator)
    night(one, 0, Collect.EVERY_USER)
    night(other, 0)
    for table in ("users", "roles", "role_tree", "user_permission_sets", "permission_sets"):
        timeless = "COLUMNS(lambda c: NOT regexp_matches(c, 'observed|first_seen|changed_at|_source'))"
        text = f"SELECT {timeless} FROM {table} ORDER BY ALL"  # noqa: S608
        assert query(other.published, text) == query(one.published, text)
    text = "SELECT user_id, role_id, active FROM user_roles ORDER BY ALL"
    assert query(other.published, text) == query(one.published, text)
    # what is known is right; and what is found was seen
    assert held(other) <= held(one)
    text = "SELECT rule, subject_id, object FROM findings ORDER BY ALL"
    assert set(query(other.published, text)) <= set(query(one.published, text))


@pytest.mark.slow
def test_nobody_goes_unobserved_for_longer_than_a_week(installation, simulator) -> None:
    seen: set[int] = set()
    for number in range(8):
        simulator.requests.clear()
        manifest = night(installation, number)
        seen.update(asked(simulator))
        assert manifest.inferred == 150 - len(seen)
        if number:
            assert changes(installation.published) == []
    assert seen == set(simulator.company.users)
    assert held(installation) == truth(simulator)
    assert query(
        installation.published, "SELECT count(*) FROM user_permissions WHERE source = 'inferred'"
    ) == [(0,)]
    late = "SELECT max(as_of - observed_at) FROM permission_sources JOIN current_snapshot USING (company)"
    assert query(installation.published, late) <= [(timedelta(days=7),)]


@pytest.mark.slow
def test_deviators_are_found_within_a_week_and_corrected(installation, simulator) -> None:
    installation.models = MODELS
    deviators = {user.id for user in ordinary(simulator, 5)}
    for user in deviators:
        simulator.company.users[user].granted.add(EXTRA)
    (sets,) = [{s.id for s in simulator.company.sets.values() if EXTRA in s.contents}]
    assert not any(e.permission_set_id in sets for u in ordinary(simulator, 5) for e in u.access or [])

    night(installation, 0)
    assert query(installation.published, "SELECT * FROM findings WHERE rule = 'unexplained_permission'") == []
    corrected: set[int] = set()
    observed: set[int] = set()
    for number in range(1, 8):
        simulator.requests.clear()
        night(installation, number)
        for kind, _, subject, _, flag, before, after in changes(installation.published):
            assert (kind, flag, before, after) == ("correction", EXTRA, "false", "true")
            corrected.add(int(subject))
        # a known deviator is observed every night
        assert observed <= set(asked(simulator))
        observed |= deviators & set(asked(simulator))
        # a user whom a deviator of the same signature made uncertain before was not inferred wrongly
        assert corrected <= observed
        open_ones = "SELECT subject_id, object FROM findings WHERE rule = 'unexplained_permission'"
        assert set(query(installation.published, open_ones)) == {(str(user), EXTRA) for user in observed}
    assert observed == deviators
    assert corrected


@pytest.mark.slow
def test_what_changes_is_observed_the_same_night(installation, simulator) -> None:
    night(installation, 0)
    night(installation, 1)
    mover, *_ = ordinary(simulator, 1)
    manager = simulator.company.set_id("sales", "manager")
    seller = next(entry for entry in mover.access or [] if entry.app == "sales")
    seller.permission_set_id = manager
    simulator.requests.clear()
    night(installation, 2)

    assert held(installation) == truth(simulator)
    assert mover.id in asked(simulator) or query(
        installation.published,
        "SELECT source FROM permission_sources WHERE user_id = ?",
        mover.id,
    ) == [("inferred",)]
    kinds = {(kind, subject) for kind, _, subject, *_ in changes(installation.published)}
    assert {subject for _, subject in kinds} == {str(mover.id)}


@pytest.mark.slow
def test_an_edited_set_is_observed_with_all_who_were(installation, simulator) -> None:
    night(installation, 0)
    before = set(asked(simulator))
    edited = simulator.company.sets[simulator.company.set_id("sales", "regular")]
    edited.contents.append("can_delete_deals")
    having = {
        user.id
        for user in simulator.company.users.values()
        if any(entry.permission_set_id == edited.id for entry in user.access or [])
    }
    simulator.requests.clear()
    night(installation, 1)

    assert before & having <= set(asked(simulator))
    assert held(installation) == truth(simulator)
    told = {(kind, kind_of, subject) for kind, kind_of, subject, *_ in changes(installation.published)}
    assert {row for row in told if row[1] == "user"} <= {
        ("granted", "user", str(user)) for user in before & having
    }


@pytest.mark.slow
def test_a_signature_of_which_too_many_deviate_is_observed_whole(installation, simulator) -> None:
    largest = max(signatures(simulator).values(), key=len)
    for user in sorted(largest)[::3]:
        simulator.company.users[user].granted.add(EXTRA)
    observer = Silent()
    night(installation, 0, observer=observer)

    assert set(largest) <= set(asked(simulator))
    (warning,) = observer.warnings
    assert warning == (
        f"{len(largest)} users with the same access, among them user {min(largest)}, hold too many different"
        " permissions to infer any: all of them are observed."
    )
    assert held(installation) == truth(simulator)
    simulator.requests.clear()
    night(installation, 1)
    assert set(largest) <= set(asked(simulator))


@pytest.mark.slow
def test_a_deviator_in_the_sample_widens_it_until_twenty_agree(installation, simulator) -> None:
    largest = sorted(max(signatures(simulator).values(), key=len))
    simulator.company.users[largest[0]].granted.add(EXTRA)
    # the deviator's answer is the first: who answers before one is not in the row
    simulator.faults.add(f"users/{largest[1]}/permissions", faults.slow(0.3))
    night(installation, 0)
    assert len(set(asked(simulator)) & set(largest)) == 21
    # of those who were not asked, the flag in question is unknown, and no other
    rows = query(
        installation.published,
        "SELECT DISTINCT permission FROM user_permissions WHERE source = 'inferred' AND granted IS NULL",
    )
    assert rows == [(EXTRA,)]


@pytest.mark.slow
def test_a_pipedrive_that_has_neither_sets_nor_members_of_roles(serve, home) -> None:
    simulator = serve(users=120, clean=True, dialect="brief")
    installation = Installation.of(home, simulator)
    manifest = night(installation, 0)
    assert manifest.verdict.status == "complete"
    assert len(asked(simulator, "roleAssignments")) == len(
        {user.role_id for user in simulator.company.users.values()}
    )
    assert manifest.requests < 100
    assert held(installation) == truth(simulator)
    assert night(installation, 1).verdict.status == "complete"
    assert changes(installation.published) == []


def refuse(simulator: Simulator, *paths: str) -> None:
    for path in paths:
        simulator.faults.add(f"{path}(/.*)?$", faults.status(403), times=None)


@pytest.mark.slow
def test_without_the_right_to_list_roles_and_sets(installation, simulator) -> None:
    refuse(simulator, "roles", "permissionSets")
    observer = Silent()
    manifest = night(installation, 0, observer=observer)
    company = simulator.company
    roles = {user.role_id for user in company.users.values()}
    admins = {user.id for user in company.users.values() if user.admin_apps}
    others = [users for users in signatures(simulator).values() if admins.isdisjoint(users)]

    assert manifest.verdict.status == "partial"
    assert len(observer.warnings) == 2
    assert len(asked(simulator, "roleAssignments")) == len(roles)
    assert len(asked(simulator)) == len(admins) + len(others)
    assert held(installation) == truth(simulator)
    rows = query(installation.published, "SELECT user_id, role_id, active, source FROM user_roles")
    assert {(user, role) for user, role, _, _ in rows} == {
        (user.id, user.role_id) for user in company.users.values()
    }
    assert [source for *_, source in rows].count("observed") == len(roles)
    night(installation, 1)
    assert changes(installation.published) == []


@pytest.mark.slow
def test_where_nobody_tells_the_access_everybody_is_asked(serve, home) -> None:
    simulator = serve(users=30, clean=True, dialect="brief")
    for user in simulator.company.users.values():
        if user.id != simulator.company.owner_id:
            user.access = None
    installation = Installation.of(home, simulator)
    manifest = night(installation, 0)
    assert asked(simulator) == sorted(simulator.company.users)
    assert manifest.inferred == 0
    assert held(installation) == truth(simulator)


@pytest.mark.slow
def test_sync_says_how_much_is_inferred(installation, simulator) -> None:
    result = installation.command("sync", "--collect", "by-access")
    assert result.code == 0
    inferred = 150 - len(asked(simulator))
    assert (
        f"The permissions of {inferred} of 150 users are inferred from others with the same access:"
        in " ".join(result.out.split())
    )
    installation.variables["PIPEDRIVE_COLLECT"] = "by-access"
    (night,) = installation.command("sync", "--json").objects
    assert 0 < night["inferred"] <= inferred
    (night,) = installation.command("sync", "--json", "--collect", "every-user").objects
    assert "inferred" not in night


@pytest.mark.slow
def test_sync_says_that_nothing_is_inferred(serve, home) -> None:
    few = Installation.of(home, serve(users=5))
    (night,) = few.command("sync", "--json", "--collect", "by-access").objects
    assert night["inferred"] == 0


@pytest.mark.parametrize(
    "cut_at", [pytest.param(10, marks=pytest.mark.slow), 30, pytest.param(45, marks=pytest.mark.slow)]
)
def test_a_run_that_was_cut_off_is_finished_as_it_was_begun(
    installation, simulator, home, cut_at: int
) -> None:
    undisturbed = night(Installation.of(home / "undisturbed", simulator, UNJUDGED), 0)
    simulator.requests.clear()
    simulator.faults.add(".*", faults.cloudflare, times=None, after=cut_at)
    with pytest.raises(BlockedError):
        night(installation, 0)
    simulator.faults.clear()
    # what was in flight is cancelled, also where the server had answered it
    kept = installation.written
    in_flight = arrived(simulator) - kept
    assert kept or cut_at == 10  # the lists are written down when all of them are there
    manifest = night(installation, 0.1)

    assert manifest.verdict.status == "complete"
    assert (manifest.observed, manifest.inferred) == (undisturbed.observed, undisturbed.inferred)
    assert len(simulator.requests) <= undisturbed.requests + in_flight + 10
    assert len(list((installation.home / "landing/default").glob("2*"))) == 1
    assert held(installation) == truth(simulator)


@pytest.mark.slow
def test_who_is_not_told_of_keeps_what_was_known(installation, simulator) -> None:
    night(installation, 0)
    plain = [user for user in asked(simulator) if not simulator.company.users[user].admin_apps]
    seen, guessed = plain[0], ordinary(simulator, 1)[0].id
    before = held(installation)
    for user in (seen, guessed):
        simulator.company.remove_user(user)
        simulator.faults.add(f"users/{user}$", faults.status(500), times=None)
    assert night(installation, 1).verdict.status == "partial"
    assert held(installation) == before
    assert changes(installation.published) == []


@pytest.mark.slow
def test_from_every_user_to_by_access_and_back(installation, simulator) -> None:
    night(installation, 0, Collect.EVERY_USER)
    simulator.requests.clear()
    manifest = night(installation, 1)
    assert manifest.inferred == 0  # what was observed still holds
    assert len(asked(simulator)) < 75
    assert changes(installation.published) == []
    night(installation, 2, Collect.EVERY_USER)
    assert changes(installation.published) == []
    assert held(installation) == truth(simulator)


def shares(requests: Iterable[int], every_user: int) -> list[float]:
    return [count / every_user for count in requests]


@pytest.mark.slow
@pytest.mark.parametrize("deviators", [0, 10])
def test_a_large_company_takes_few_requests(serve, home, deviators: int) -> None:
    simulator = serve(users=2000, clean=True, limit=20_000)
    for user in ordinary(simulator, deviators):
        user.granted.add(EXTRA)
    company, installation = simulator.company, Installation.of(home, simulator)
    every_user = 4 + len(company.sets) + 2 * len(company.users)
    found: set[int] = set()
    requests = []
    for number in range(8):
        requests.append(night(installation, number).requests)
        if number:
            rows = changes(installation.published)
            assert {kind for kind, *_ in rows} <= {"correction"}
            assert all(row[4:] == (EXTRA, "false", "true") for row in rows)
        text = "SELECT CAST(subject_id AS BIGINT) FROM findings WHERE rule = 'unexplained_permission'"
        found = {user for (user,) in query(installation.published, text)}
    first, *later = shares(requests, every_user)
    assert first <= (0.08 if deviators else 0.05)
    assert max(later) <= 0.20
    assert found == {user.id for user in ordinary(simulator, deviators)}
    assert held(installation) == truth(simulator)


@pytest.mark.slow
def test_the_seed_of_the_rotation_is_kept_and_shown_nowhere(installation, simulator) -> None:
    first = night(installation, 0)
    path = installation.landing().path / ".seed"
    seed = path.read_bytes()
    assert (len(seed), stat.S_IMODE(path.stat().st_mode)) == (32, 0o600)
    path.unlink()  # as in a home of an earlier version

    night(installation, 1)
    assert path.read_bytes() != seed
    kept = path.read_bytes()
    path.write_bytes(kept[:7])  # half of one is none
    night(installation, 2)
    assert len(path.read_bytes()) == 32

    before = tables(installation.published)
    path.unlink()
    assert installation.command("rebuild").code == 0
    # these nights ran no rules, and a rebuild does
    after = differing(tables(installation.published), before).keys()
    assert not after & {"snapshots", "users", "user_permissions", "user_permissions_history"}
    assert not path.exists()
    assert installation.command("plan", "--json").code == 0
    assert not path.exists()
    for file in (installation.landing().path / first.snapshot_id).iterdir():
        assert seed not in file.read_bytes()
        assert seed.hex().encode() not in file.read_bytes()
