"""The users that `by-access` observes: counts, and properties that hold for every company and schedule."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pipedrive_graph.collect.sampling import Sampling, Schedule, representatives, unconfirmed
from pipedrive_graph.collect.signatures import digest_of_contents, digest_of_flags, signature_of
from pipedrive_graph.landing.records import Observation, ObservationState
from pipedrive_graph.pipedrive.models import Access, User

FIRST = datetime(2026, 11, 1, 2, tzinfo=UTC)
WEEK = timedelta(days=7)


def user(number: int, permission_set: str | None = "a", *, admin: bool = False, **values) -> User:
    entry = Access(app="sales", admin=admin, permission_set_id=permission_set)
    return User(id=number, **{"active_flag": True, "access": [entry], "role_id": 5, **values})


def schedule(night: float, within: timedelta = WEEK) -> Schedule:
    return Schedule(
        FIRST + timedelta(days=night), FIRST + timedelta(days=night - 1) if night else None, within
    )


def observe(
    sampling: Sampling, flags: dict[int, str], deaf: frozenset[int] = frozenset()
) -> dict[int, str | None]:
    """Answer all requests until the sampling ends."""
    answers: dict[int, str | None] = {}
    while wanted := sampling.next(answers):
        assert not answers.keys() & set(wanted)
        answers |= {number: None if number in deaf else flags[number] for number in wanted}
    return answers


def remember(
    memory: ObservationState, users: list[User], answers: dict[int, str | None], at: datetime
) -> ObservationState:
    kept = {}
    for who in users:
        kept[who.id] = memory.users.get(who.id, Observation(since=at))
        if (flags := answers.get(who.id)) is not None:
            kept[who.id] = Observation(
                since=kept[who.id].since, at=at, signature=signature_of(who, {}), flags=flags
            )
    return ObservationState(users=kept)


def test_a_signature_is_what_decides_over_permissions():
    plain = user(1)
    same = user(2, name="Another", role_id=9, last_login="2026-01-01 00:00:00")
    assert signature_of(plain, {}) == signature_of(same, {})
    others = [
        user(3, "b"),
        user(3, None),
        user(3, admin=True),
        user(3, active_flag=False),
        user(3, is_deleted=True),
        user(3, access=[]),
    ]
    assert len({signature_of(other, {}) for other in [plain, *others]}) == 7
    assert signature_of(plain, {"a": "read"}) != signature_of(plain, {"a": "write"})
    assert signature_of(plain, {"b": "write"}) == signature_of(plain, {})


def test_an_unknown_access_has_no_signature():
    assert signature_of(user(1, access=None), {}) is None
    assert signature_of(user(1, active_flag=None), {}) is None


def test_entries_have_no_order():
    one, other = Access(app="sales", permission_set_id="a"), Access(app="global", permission_set_id="b")
    assert signature_of(user(1, access=[one, other]), {}) == signature_of(user(1, access=[other, one]), {})


def test_what_is_not_named_is_not_granted():
    assert digest_of_flags({"x": True, "y": False}) == digest_of_flags({"x": True})
    assert len({digest_of_flags({"x": value}) for value in (True, False, None)}) == 3


def test_contents_have_no_order():
    from pipedrive_graph.pipedrive.models import PermissionSet

    sets = [PermissionSet(id="a", contents=names) for names in (["x", "y"], ["y", "x", "x"], [], None)]
    first, second, empty, unknown = map(digest_of_contents, sets)
    assert first == second != empty
    assert unknown is None


def test_the_first_night():
    users = [user(n) for n in range(1, 101)] + [user(n, "b", admin=True) for n in (101, 102, 103)]
    users += [user(104, "c"), user(105, access=None)]
    sampling = Sampling(users, {}, ObservationState(), schedule(0))
    answers = observe(sampling, dict.fromkeys(range(1, 106), "same"))
    assert sorted(answers) == [1, 2, 101, 102, 103, 104, 105]
    assert sampling.inferred(answers) == 98
    assert sampling.whole == set()


def test_who_does_not_answer_is_replaced_a_few_times():
    users = [user(n) for n in range(1, 101)]
    flags = dict.fromkeys(range(1, 101), "same")
    answers = observe(Sampling(users, {}, ObservationState(), schedule(0)), flags, deaf=frozenset({1, 2}))
    assert answers == {1: None, 2: None, 3: "same", 4: "same"}
    answers = observe(
        Sampling(users, {}, ObservationState(), schedule(0)), flags, deaf=frozenset(range(1, 101))
    )
    assert len(answers) == 4


def test_the_sample_doubles_until_twenty_in_a_row_agree():
    users = [user(n) for n in range(1, 101)]
    flags = {n: "odd" if n in {2, 10} else "same" for n in range(1, 101)}
    sampling = Sampling(users, {}, ObservationState(), schedule(0))
    steps, answers = [], {}
    while wanted := sampling.next(answers):
        steps.append(len(wanted))
        answers |= {number: flags[number] for number in wanted}
    assert steps == [2, 2, 4, 8, 14]
    assert sorted(answers) == list(range(1, 31))  # twenty after the second deviator


def test_above_a_fifth_of_deviators_all_are_observed():
    users = [user(n) for n in range(1, 101)]
    flags = {n: "odd" if n % 4 == 1 else "same" for n in range(1, 101)}
    sampling = Sampling(users, {}, ObservationState(), schedule(0))
    answers = observe(sampling, flags)
    assert len(answers) == 100
    assert sampling.whole == {signature_of(users[0], {})}
    again = Sampling(users, {}, remember(ObservationState(), users, answers, FIRST), schedule(1))
    assert len(again.next({})) == 100


def test_known_deviators_are_observed_every_night_and_widen_nothing():
    users = [user(n) for n in range(1, 101)]
    flags = {n: "odd" if n == 1 else "same" for n in range(1, 101)}
    memory = remember(
        ObservationState(), users, observe(Sampling(users, {}, ObservationState(), schedule(0)), flags), FIRST
    )
    answers = observe(Sampling(users, {}, memory, schedule(1)), flags)
    assert 1 in answers
    assert 6 <= len(answers) <= 40  # about a fifth of all by chance


def test_a_changed_access_is_observed_and_one_never_observed_is_not():
    users = [user(n) for n in range(1, 101)]
    flags = dict.fromkeys(range(1, 101), "same")
    memory = remember(
        ObservationState(), users, observe(Sampling(users, {}, ObservationState(), schedule(0)), flags), FIRST
    )
    moved = [user(n, "b") if n in {1, 90} else user(n) for n in range(1, 101)]
    asked = Sampling(moved, {}, memory, schedule(0.01)).next({})
    assert 1 in asked  # 90 represents the other user of its signature
    assert 90 in asked


def test_one_user_observes_each_role():
    users = [user(n, role_id=n % 3 or None) for n in range(1, 10)]
    assert representatives(users, ObservationState(), schedule(0)) == [1, 2, 3, 6, 9]
    seen = {n: Observation(since=FIRST, roles_at=FIRST, role_id=1) for n in (1, 4, 5)}
    assert representatives(users, ObservationState(users=seen), schedule(0)) == [1, 3, 5, 6, 9]


def test_who_is_no_member_of_the_role_they_name_is_asked():
    users = [user(1), user(2), user(3, role_id=None), user(4)]
    assert unconfirmed(users, {(1, 5), (2, 6), (4, 5)}, ObservationState(strays=[4, 99])) == [2, 3, 4]


def rotation(seed: bytes, count: int = 93, nights: int = 60) -> dict[int, list[int]]:
    """Simulate runs of a company with one signature; return the runs in which each user was observed."""
    users = [user(number) for number in range(1, count + 1)]
    flags = dict.fromkeys(range(1, count + 1), "same")
    memory, observed = ObservationState(), defaultdict(list)
    for night in range(nights):
        at = FIRST + timedelta(days=night)
        when = Schedule(at, at - timedelta(days=1) if night else None, WEEK, seed)
        answers = observe(Sampling(users, {}, memory, when), flags)
        memory = remember(memory, users, answers, at)
        for number in answers:
            observed[number].append(night)
    return observed


def test_nobody_can_foresee_when_they_are_observed():
    observed = rotation(b"a seed")
    gaps = Counter(
        after - before for nights in observed.values() for before, after in pairwise(nights) if before >= 14
    )
    total = sum(gaps.values())
    assert set(gaps) == {1, 2, 3, 4, 5, 6, 7}  # so a user waits at most a week
    assert max(gaps.values()) <= 0.3 * total  # predicting the most frequent gap is wrong in 7 of 10 cases
    # the gap before says nothing about the gap after it
    follow = [
        (second - first, third - second)
        for nights in observed.values()
        for first, second, third in zip(nights, nights[1:], nights[2:], strict=False)
        if first >= 14
    ]
    for gap in range(2, 7):
        after = Counter(then for before, then in follow if before == gap)
        assert max(after.values()) <= 0.45 * after.total()
    # the observations of all other users do not help either: another seed gives another choice
    other = rotation(b"another seed")
    assert sum(observed[number] == other[number] for number in observed) == 0
    assert rotation(b"a seed") == observed
    assert "a seed" not in repr(Schedule(FIRST, None, WEEK, b"a seed"))


@settings(max_examples=60, deadline=None)
@given(
    sets=st.lists(st.sampled_from("abcd"), min_size=1, max_size=60),
    odd=st.sets(st.integers(0, 59)),
    pauses=st.lists(st.sampled_from([0.2, 1.0, 1.0, 1.0, 1.5]), min_size=1, max_size=20),
    within=st.sampled_from([2, 3, 7]),
)
def test_whatever_happens_nobody_waits_too_long(sets, odd, pauses, within):
    users = [user(number, name, admin=number % 17 == 3) for number, name in enumerate(sets)]
    flags = {n: f"{sets[n]}{'!' if n in odd else ''}" for n in range(len(sets))}
    moment, last, memory = FIRST, None, ObservationState()
    seen = dict.fromkeys(flags, FIRST)
    groups = defaultdict(set)
    for who in users:
        groups[signature_of(who, {})].add(who.id)
    for pause in [0.0, *pauses]:
        moment += timedelta(days=pause)
        for number in flags:
            # an interval that is longer than all before cannot be predicted
            assert moment - seen[number] <= timedelta(days=within + 1.5)
        sampling = Sampling(users, {}, memory, Schedule(moment, last, timedelta(days=within)))
        answers = observe(sampling, flags)
        for members in groups.values():
            assert len(members & answers.keys()) >= min(2, len(members))
        assert {who.id for who in users if who.access[0].admin} <= answers.keys()
        seen |= dict.fromkeys(answers, moment)
        memory, last = remember(memory, users, answers, moment), moment
        assert sampling.inferred(answers) == sum(memory.users[n].flags is None for n in flags)
