"""`visibility check`: the model is compared with what Pipedrive says about some deals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pytest
from installation import UNJUDGED, Installation, Serve
from published import query

from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator
from pipedrive_graph.simulator.visibility import ITEMS, viewers

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def collected(home: Path, simulator: Simulator, plan: str = "premium") -> Installation:
    installation = Installation.of(home, simulator, UNJUDGED)
    installation.variables |= {
        "PIPEDRIVE_VISIBILITY": "true",
        "PIPEDRIVE_PLAN": plan,
        "PIPEDRIVE_COLLECT": "by-access",
    }
    installation.night()
    return installation


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Simulator, Installation]]:
    """A clean company after one night."""
    with Simulator(Options(users=40, limit=2000, clean=True, now=NOW)) as simulator:
        yield simulator, collected(tmp_path_factory.mktemp("visibility") / "home", simulator)


@pytest.fixture
def stage(published: tuple[Simulator, Installation]) -> Iterator[tuple[Simulator, Installation]]:
    """The same; what a test changes in the simulator is undone."""
    simulator, _ = published
    deals, limit = deepcopy(simulator.company.deals), simulator.limits.daily_limit
    simulator.requests.clear()
    yield published
    simulator.company.deals = deals
    simulator.limits.daily_limit = limit
    simulator.faults.clear()


Stage = tuple[Simulator, Installation]


def check_model(simulator: Simulator, installation: Installation, sample: int) -> None:
    result = installation.command("visibility", "check", "--sample", str(sample), "--json")

    (comparison,) = result.objects
    assert (result.code, comparison["precision"], comparison["recall"]) == (0, 1.0, 1.0)
    assert (comparison["differences"], comparison["unknown"]) == ([], 0)
    assert comparison["deals"] == min(sample, len(simulator.company.deals))
    # and about the other items, for which the simulator has no endpoint
    owners = [user.id for user in simulator.company.users.values() if user.active][:: 200 // sample]
    for item in ITEMS:
        for owner in owners:
            seen_by = query(
                installation.published,
                f"SELECT user_id FROM who_can_see('{item}', '{owner}')",  # noqa: S608 - our own values
            )
            assert {user_id for (user_id,) in seen_by} == viewers(simulator.company, owner, item)


@pytest.mark.slow
def test_the_model_is_right_about_every_user(stage: Stage) -> None:
    check_model(*stage, sample=10)


@pytest.mark.slow
def test_the_model_is_right_where_3_means_everyone(home: Path, serve: Serve) -> None:
    simulator = serve(users=60, clean=True, plan="lite", now=NOW)
    check_model(simulator, collected(home, simulator, "lite"), sample=100)


@pytest.mark.slow
def test_the_model_is_that_of_twenty_simulated_companies(tmp_path: Path, serve: Serve) -> None:
    """The sample has over 2,000 triples of viewer, owner and item; precision and recall must be 1."""
    model, truth, asked = set(), set(), 0
    for seed in range(20):
        plan = ("premium", "ultimate", "lite", "growth")[seed % 4]
        simulator = serve(users=20 + seed, seed=seed, clean=True, plan=plan, limit=2000)
        installation = collected(tmp_path / str(seed), simulator, plan)
        users = sorted(user.id for user in simulator.company.users.values() if not user.deleted)
        owners = [user for user in users if simulator.company.users[user].active][seed % 7 :: 7]
        with duckdb.connect(str(installation.published), read_only=True) as connection:
            for owner, item in product(owners, ITEMS):
                answers = connection.execute(
                    "SELECT user_id, sees FROM viewers_of(?, ?) WHERE live", [item, str(owner)]
                ).fetchall()
                asked += len(answers)
                assert None not in {sees for _, sees in answers}
                model |= {(seed, viewer, owner, item) for viewer, sees in answers if sees}
                truth |= {(seed, viewer, owner, item) for viewer in viewers(simulator.company, owner, item)}

    assert asked > 2000
    assert len(model & truth) / len(model) == 1.0
    assert len(model & truth) / len(truth) == 1.0


def test_it_costs_what_it_says_and_prints_what_differs(stage: Stage) -> None:
    simulator, installation = stage
    company = simulator.company
    company.deals = dict(list(company.deals.items())[:3])
    before = simulator.limits.account(simulator.token).spent
    deal = max(company.deals.values(), key=lambda deal: deal.id)
    others = [user.id for user in company.users.values() if user.active and not user.admin_apps]
    follower = next(user for user in others if user not in viewers(company, deal.owner_id, "deal"))
    deal.followers.append(follower)

    result = installation.command("visibility", "check", "--sample", "500")

    asked = len(company.deals)
    assert simulator.limits.account(simulator.token).spent - before == 2 + 10 + 10 * asked
    assert "at most 5,012 tokens" in result.err
    assert all(request.method == "GET" for request in simulator.requests)
    names = {user.id: user.name for user in company.users.values()}
    (line,) = [line for line in result.out.splitlines() if f"deal {deal.id} " in line]
    assert line.startswith(f"  {names[follower]}")
    assert f"sees deal {deal.id} of {names[deal.owner_id]}" in line
    assert "the model says no: the owner's role does not share" in line
    assert re.search(r"recall 9\d\.\d%", result.out)
    assert "Precision 100.0%" in result.out


def test_a_deal_with_its_own_visibility_is_explained(stage: Stage) -> None:
    simulator, installation = stage
    owners = simulator.company.users
    deal = next(deal for deal in simulator.company.deals.values() if not owners[deal.owner_id].admin_apps)
    simulator.company.deals = {deal.id: deal}
    default, deal.visible_to = deal.visible_to, 7
    result = installation.command("visibility", "check", "--sample", "500", "--json")
    differences = result.objects[0]["differences"]
    assert {(row["deal_id"], row["visible_to"], row["default"], row["sees"]) for row in differences} == {
        (deal.id, 7, default, True)
    }
    text = installation.command("visibility", "check", "--sample", "500").out
    assert f"The deal's own visibility is 7, the default of its owner's role {default}." in text


def test_the_sample_has_many_owners_and_is_the_same_each_time(stage: Stage) -> None:
    simulator, installation = stage
    paths = []
    for _ in range(2):
        assert installation.command("visibility", "check", "--sample", "4").code == 0
        paths.append(sorted({r.path for r in simulator.requests if r.path.endswith("permittedUsers")}))
        simulator.requests.clear()
    assert paths[0] == paths[1]
    assert len(paths[0]) == 4


def test_a_403_is_one_sentence(stage: Stage) -> None:
    simulator, installation = stage
    for path in ("deals", r"deals/\d+/permittedUsers"):
        fault = simulator.faults.add(path, faults.forbidden, times=None)
        result = installation.command("visibility", "check")
        endpoint = path.replace(r"\d+", "{id}")
        assert result.code == 3
        assert result.err.splitlines()[-1] == (
            f"Pipedrive refuses {endpoint} to the token of company 'default' (status 403): use the token of"
            " an admin of the Deals app, or give the OAuth app the scope deals:read."
        )
        simulator.faults.remove(fault)


def test_a_deal_that_was_deleted_meanwhile_is_left_out(stage: Stage) -> None:
    simulator, installation = stage
    deal, *others = list(simulator.company.deals.values())[:3]
    simulator.company.deals = {kept.id: kept for kept in (deal, *others)}
    simulator.faults.add(f"deals/{deal.id}/permittedUsers", faults.not_found, times=None)
    result = installation.command("visibility", "check", "--sample", "500", "--json")
    assert (result.code, result.objects[0]["deals"]) == (0, 2)


def test_a_pipedrive_without_permitted_users_is_one_sentence(stage: Stage) -> None:
    simulator, installation = stage
    for code in (404, 410):
        fault = simulator.faults.add(r"deals/\d+/permittedUsers", faults.status(code), times=None)
        result = installation.command("visibility", "check", "--sample", "2")
        simulator.faults.remove(fault)
        assert (result.code, result.out) == (4, "")
        assert result.err.splitlines()[-1] == (
            f"Pipedrive does not have deals/{{id}}/permittedUsers at {simulator.url} (status {code}), so"
            " visibility cannot be checked."
        )


def test_users_that_cannot_be_read_are_a_failure(stage: Stage) -> None:
    simulator, installation = stage

    def rename(body: dict[str, Any]) -> None:
        body["data"] = [{"user": user} for user in body["data"]]

    simulator.faults.add(r"deals/\d+/permittedUsers", faults.edit(rename), times=None)
    result = installation.command("visibility", "check", "--sample", "2")
    assert (result.code, result.out) == (4, "")
    assert "did not answer 2 of 2 calls for the users who see a deal" in result.err


def test_failures_and_the_reserve_end_it_with_their_exit_codes(stage: Stage) -> None:
    simulator, installation = stage
    simulator.faults.add(r"deals/\d+/permittedUsers", faults.status(400), times=None)
    result = installation.command("visibility", "check")
    assert result.code == 4
    assert "calls for the users who see a deal" in result.err
    simulator.faults.clear()
    simulator.limits.daily_limit = 100
    result = installation.command("visibility", "check", "--json")
    assert (result.code, result.failures[0][1]) == (5, 5)
    assert result.failures[0][2].startswith(
        "Only the reserve of today's budget of company 'default' is left for other integrations"
    )


def test_it_needs_a_published_file(home: Path) -> None:
    result = Installation(home, {"PIPEDRIVE_API_TOKEN": "x" * 40}).command("visibility", "check")
    assert (result.code, "run sync first" in result.sentence) == (1, True)


@pytest.mark.slow
def test_it_needs_a_snapshot_that_collected_visibility(home: Path, serve: Serve) -> None:
    simulator = serve(users=12, clean=True, now=NOW)
    installation = Installation.of(home, simulator, UNJUDGED)
    installation.night()
    simulator.requests.clear()
    result = installation.command("visibility", "check")
    assert (result.code, result.sentence) == (
        1,
        "The published file does not say who can see what in company 'default': set visibility = true in the"
        " settings, and run sync.",
    )
    assert simulator.requests == []


def test_a_company_without_deals(stage: Stage) -> None:
    simulator, installation = stage
    simulator.company.deals.clear()
    result = installation.command("visibility", "check")
    assert (result.code, result.out) == (
        0,
        "default: nothing to compare: no user of the published file owns a deal.\n",
    )
