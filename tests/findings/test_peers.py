"""Peer analysis of literal and of generated matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks import outliers
from pipedrive_graph.config import policy
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.peers import scoring
from pipedrive_graph.peers.distance import NOBODY, Profiles, collapse
from pipedrive_graph.peers.scoring import Kind, Reason, Scores


def matrix(*rows: str) -> NDArray[np.bool_]:
    """Users by permissions, a permission a letter; `3*abc` are three users."""
    users = [row.rpartition("*")[2] for row in rows for _ in range(int(row.rpartition("*")[0] or 1))]
    return np.array([[letter in user for letter in "abcdefghijkl"] for user in users])


def found(held: NDArray[np.bool_], role: list[int] | None = None, above: dict[int, int] | None = None):
    """What is found of each user: outliers by letter, the reason to abstain, peers and their kind."""
    roles = None if role is None else np.array(role)
    parents = None if role is None else np.array([(above or {}).get(number, NOBODY) for number in role])
    profiles, profile = collapse(held, roles, parents)
    got = scoring.score_grants(profiles)
    outliers = [
        "".join(
            "abcdefghijkl"[permission]
            for row, permission, score in zip(got.profile, got.permission, got.score, strict=True)
            if row == number and score >= scoring.THRESHOLD
        )
        for number in profile
    ]
    return outliers, [Reason(got.reason[n]) for n in profile], [int(got.peers[n]) for n in profile], [
        Kind(got.kind[n]) for n in profile
    ]  # fmt: skip


def table(profiles: Profiles, profile: NDArray[np.int64], got: Scores) -> NDArray[np.float64]:
    """Scores as users by permissions."""
    scores = np.full(profiles.held.shape, -np.inf)
    scores[got.profile, got.permission] = got.score
    return scores[profile]


def test_a_grant_that_no_peer_has_and_others_have() -> None:
    outliers, reasons, peers, _ = found(matrix("20*abc", "abcf", "15*efgh"))

    assert outliers == [""] * 20 + ["f"] + [""] * 15
    assert set(reasons) == {Reason.NONE}
    assert peers[20] == 20


@pytest.mark.parametrize(
    ("together", "outlier"), [(1, True), (2, True), (4, False), (8, False)]
)  # fmt: skip
def test_what_more_people_have_together_than_mistakes_explain_is_a_job(together: int, outlier: bool) -> None:
    outliers, _, _, _ = found(matrix("20*abc", f"{together}*abcf", "15*efgh"))

    assert set(outliers[20 : 20 + together]) == ({"f"} if outlier else {""})


def test_two_jobs_in_one_person() -> None:
    outliers, _, _, _ = found(matrix("20*abc", "10*def", "10*ghij", "abcdef"))

    assert set(outliers) == {""}


def test_who_is_like_nobody_has_no_outliers() -> None:
    outliers, _, _, _ = found(matrix("20*abc", "15*efgh", "abefikjl"))

    assert set(outliers) == {""}


def test_who_abstains() -> None:
    _, reasons, _, _ = found(matrix("20*abc", "15*efgh", ""))
    assert reasons[35] == Reason.HOLDS_NOTHING

    _, reasons, _, _ = found(matrix("2*abc", "ad"))
    assert set(reasons) == {Reason.TOO_FEW}

    # every permission as if by chance: all combinations of four
    combinations = ["".join(x for n, x in enumerate("abcd") if number >> n & 1) for number in range(1, 16)]
    _, reasons, _, _ = found(matrix(*combinations, *combinations))
    assert set(reasons) == {Reason.CHANCE}


def test_one_user_and_no_grants() -> None:
    assert found(matrix("abc"))[1] == [Reason.TOO_FEW]
    assert found(matrix("", "", ""))[1] == [Reason.HOLDS_NOTHING] * 3
    assert found(np.zeros((0, 0), dtype=bool))[1] == []
    assert found(np.zeros((2, 0), dtype=bool))[1] == [Reason.HOLDS_NOTHING] * 2


def test_where_all_of_a_role_agree_that_is_structure_enough() -> None:
    held = matrix("8*abc", "abcd", "3*ad")

    assert found(held)[1][8] == Reason.CHANCE
    outliers, reasons, _, kinds = found(held, [1] * 9 + [2] * 3)
    assert outliers == [""] * 8 + ["d"] + [""] * 3
    assert reasons[8] == Reason.NONE
    assert kinds[8] == Kind.ROLE


def test_the_same_role_comes_first() -> None:
    # as many hold the same in another role: by permissions alone nothing is strange
    held = matrix("10*abc", "abcd", "10*abcd", "10*efgh")

    assert set(found(held)[0]) == {""}
    outliers, _, _, kinds = found(held, [1] * 11 + [2] * 10 + [3] * 10)
    assert outliers == [""] * 10 + ["d"] + [""] * 20
    # ten of the role weigh more than ten others, but are no more people
    assert kinds[10] == Kind.MIXED


def test_team_leads_are_peers_of_each_other() -> None:
    teams = [f"{number}*{held}" for _ in range(6) for number, held in ((8, "abc"), (1, "abcdefg"))]
    roles = [team for team in range(1, 7) for _ in range(9)]

    outliers, _, peers, kinds = found(matrix(*teams), roles, dict.fromkeys(range(1, 7), 99))

    assert set(outliers) == {""}
    assert kinds[8] == Kind.ROLE_TREE
    assert kinds[0] == Kind.ROLE_TREE
    assert peers[8] >= 5


def test_a_small_role_is_widened_to_its_neighbours_before_others() -> None:
    held = matrix("efgh", "abcf", "12*abc", "12*efgh")
    roles = [1] * 2 + [2] * 12 + [3] * 12

    assert found(held, roles, {1: 9, 2: 9, 3: 8})[3][1] == Kind.ROLE_TREE
    assert found(held, roles, {1: 9, 2: 8, 3: 8})[3][1] == Kind.SIMILAR
    assert found(held, roles, {1: 2})[3][1] == Kind.ROLE_TREE
    assert found(held, roles, {1: 9, 2: 9, 3: 8})[0][1] == "f"


@given(st.data())
def test_the_order_of_users_and_permissions_does_not_matter(data: st.DataObject) -> None:
    users, permissions = data.draw(st.integers(1, 25)), data.draw(st.integers(1, 8))
    kinds = data.draw(
        st.lists(st.lists(st.booleans(), min_size=permissions, max_size=permissions), min_size=1)
    )
    held = np.array([data.draw(st.sampled_from(kinds)) for _ in range(users)])
    role = np.array([data.draw(st.sampled_from([NOBODY, 1, 2, 3])) for _ in range(users)])
    parent = np.where(role == 3, 1, NOBODY)
    by_user = np.array(data.draw(st.permutations(range(users))))
    by_permission = np.array(data.draw(st.permutations(range(permissions))))

    profiles, profile = collapse(held, role, parent)
    other, of_other = collapse(held[by_user][:, by_permission], role[by_user], parent[by_user])
    one, two = scoring.score_grants(profiles), scoring.score_grants(other)

    before, after = table(profiles, profile, one), table(other, of_other, two)
    assert after == pytest.approx(before[by_user][:, by_permission], abs=1e-4)
    assert (two.reason[of_other] == one.reason[profile][by_user]).all()
    assert (two.peers[of_other] == one.peers[profile][by_user]).all()


def company(users: int, permissions: int, roles: int, seed: int) -> NDArray[np.bool_]:
    """Users of one role or two each, each role with a few permissions."""
    chance = np.random.default_rng(seed)
    grants = chance.random((roles, permissions)) < 0.15
    popularity = 1 / np.arange(1, roles + 1)
    first, second = chance.choice(roles, (2, users), p=popularity / popularity.sum())
    return grants[first] | (grants[second] & (chance.random((users, 1)) < 0.2))


@pytest.mark.parametrize(("users", "permissions", "roles"), [(300, 40, 8), (600, 120, 25)])
def test_it_finds_more_than_neighbours_do(users: int, permissions: int, roles: int) -> None:
    held = company(users, permissions, roles, seed=users)

    ours = outliers.measure(held, "permission_outlier", range(3))
    plain = outliers.measure(held, "10 nearest", range(3))

    assert ours.precision_on_average > 0.9
    assert ours.precision_on_average > plain.precision_on_average + 0.2
    assert ours.precision > 0.8
    assert ours.recall > 0.7


@pytest.mark.parametrize("density", [0.02, 0.1, 0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize(("users", "permissions"), [(30, 40), (500, 15), (500, 56), (200, 400)])
def test_it_abstains_where_there_is_no_structure(users: int, permissions: int, density: float) -> None:
    assert outliers.abstained(users, permissions, density, range(2)) >= 0.95


def test_it_abstains_where_each_permission_is_spread_by_chance_as_often_as_it_is() -> None:
    held = company(400, 50, 10, seed=1)
    shuffled = np.random.default_rng(2).permuted(held, axis=0)

    assert outliers.by_peers(held)[1] < 0.1
    assert outliers.by_peers(shuffled)[1] >= 0.95


def test_the_grants_that_the_benchmark_injects(tmp_path) -> None:
    (tmp_path / "matrix.txt").write_text("1 7\n1 8\n2,7\n\n# a remark\n3 9\n", encoding="utf-8")
    held = outliers.read(tmp_path / "matrix.txt")
    assert held.tolist() == [[True, True, False], [True, False, False], [False, False, True]]

    # of 5 cells that are free, as many as there are are taken
    spoilt, copied = outliers.inject(held, seed=0)
    assert spoilt.all()
    assert copied.sum() == 5

    large = company(300, 40, 8, seed=3)
    spoilt, copied = outliers.inject(large, seed=1)
    assert copied.sum() == round(0.01 * large.sum())
    assert not (copied & large).any()
    assert (spoilt == (large | copied)).all()
    assert (outliers.inject(large, seed=1)[1] == copied).all()
    assert (outliers.inject(large, seed=2)[1] != copied).any()
    # somebody else holds each of them
    assert large[:, copied.any(axis=0)].any(axis=0).all()


@pytest.mark.parametrize(
    ("scores", "wanted", "precision"),
    [
        ([3, 2, 1], [True, False, False], 1.0),
        ([3, 2, 1], [False, False, True], 1 / 3),
        ([3, 2, 1], [True, False, True], (1 + 2 / 3) / 2),
        ([1, 1, 1, 1], [True, False, False, False], 1 / 4),
        ([5, -np.inf, -np.inf], [True, True, False], (1 + 2 / 3) / 2),
    ],
)
def test_average_precision(scores: list[float], wanted: list[bool], precision: float) -> None:
    found = outliers.average_precision(np.array(scores, dtype=float), np.array(wanted))

    assert found == pytest.approx(precision)


def test_the_threshold_is_the_one_that_is_shipped(tmp_path) -> None:
    shipped = policy.load(Settings(tmp_path, ())).default.thresholds["outlier_score"]

    assert shipped == scoring.THRESHOLD


def test_many_outliers_of_one_user_are_another_job() -> None:
    teams = ("20*abc", "12*defghijkl", "20*a")

    assert set(found(matrix(*teams, "abcde"))[0]) == {"", "de"}
    assert set(found(matrix(*teams, "abcdefghij"))[0]) == {""}


def test_nothing_is_made_of_one_peer() -> None:
    outliers, reasons, peers, _ = found(matrix("abcd", "abcde", "20*fghi", "10*kle"))

    assert peers[1] == 1
    assert reasons[1] in {Reason.NONE, Reason.TOO_FEW}
    assert set(outliers) == {""}
