"""`visibility check`: the model is compared with what Pipedrive says about some deals."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from installation import UNJUDGED, Installation, Serve
from published import query

from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Simulator
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
    simulator.requests.clear()
    return installation


@pytest.mark.parametrize("plan", ["lite", "premium"])
def test_the_model_is_right_about_every_user(home: Path, serve: Serve, plan: str) -> None:
    simulator = serve(users=60, clean=True, plan=plan, now=NOW)
    installation = collected(home, simulator, plan)

    result = installation.command("visibility", "check", "--sample", "500", "--json")

    (comparison,) = result.objects
    assert (result.code, comparison["precision"], comparison["recall"]) == (0, 1.0, 1.0)
    assert (comparison["differences"], comparison["unknown"]) == ([], 0)
    assert comparison["deals"] == len(simulator.company.deals) > 40
    # and about the other items, for which the simulator has no endpoint
    owners = [user.id for user in simulator.company.users.values() if user.active][::9]
    for item in ITEMS:
        for owner in owners:
            seen_by = query(
                installation.published,
                f"SELECT user_id FROM who_can_see('{item}', '{owner}')",  # noqa: S608 - our own values
            )
            assert {user_id for (user_id,) in seen_by} == viewers(simulator.company, owner, item)


def test_it_costs_what_it_says_and_prints_what_differs(home: Path, serve: Serve) -> None:
    simulator = serve(users=60, clean=True, now=NOW)
    company = simulator.company
    installation = collected(home, simulator)
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
    assert "recall 99." in result.out
    assert "Precision 100.0%" in result.out


def test_a_deal_with_its_own_visibility_is_explained(home: Path, serve: Serve) -> None:
    simulator = serve(users=30, clean=True, now=NOW)
    installation = collected(home, simulator)
    deal = next(iter(simulator.company.deals.values()))
    default, deal.visible_to = deal.visible_to, 7
    result = installation.command("visibility", "check", "--sample", "500", "--json")
    differences = result.objects[0]["differences"]
    assert {(row["deal_id"], row["visible_to"], row["default"], row["sees"]) for row in differences} == {
        (deal.id, 7, default, True)
    }
    text = installation.command("visibility", "check", "--sample", "500").out
    assert f"The deal's own visibility is 7, the default of its owner's role {default}." in text


def test_the_sample_has_many_owners_and_is_the_same_each_time(home: Path, serve: Serve) -> None:
    simulator = serve(users=60, clean=True, now=NOW)
    installation = collected(home, simulator)
    paths = []
    for _ in range(2):
        assert installation.command("visibility", "check").code == 0
        paths.append(sorted({r.path for r in simulator.requests if r.path.endswith("permittedUsers")}))
        simulator.requests.clear()
    assert paths[0] == paths[1]
    assert len(paths[0]) == 20


def test_a_403_is_one_sentence(home: Path, serve: Serve) -> None:
    simulator = serve(users=12, clean=True, now=NOW)
    installation = collected(home, simulator)
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


def test_a_deal_that_was_deleted_meanwhile_is_left_out(home: Path, serve: Serve) -> None:
    simulator = serve(users=12, clean=True, now=NOW)
    installation = collected(home, simulator)
    deal = next(iter(simulator.company.deals))
    simulator.faults.add(f"deals/{deal}/permittedUsers", faults.not_found, times=None)
    result = installation.command("visibility", "check", "--sample", "500", "--json")
    assert (result.code, result.objects[0]["deals"]) == (0, len(simulator.company.deals) - 1)


def test_failures_and_the_reserve_end_it_with_their_exit_codes(home: Path, serve: Serve) -> None:
    simulator = serve(users=12, clean=True, now=NOW)
    installation = collected(home, simulator)
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


def test_it_needs_a_snapshot_that_collected_visibility(home: Path, serve: Serve) -> None:
    simulator = serve(users=12, clean=True, now=NOW)
    installation = Installation.of(home, simulator, UNJUDGED)
    result = installation.command("visibility", "check")
    assert (result.code, "run sync first" in result.sentence) == (1, True)
    installation.night()
    simulator.requests.clear()
    result = installation.command("visibility", "check")
    assert (result.code, result.sentence) == (
        1,
        "The published file does not say who can see what in company 'default': set visibility = true in the"
        " settings, and run sync.",
    )
    assert simulator.requests == []


def test_a_company_without_deals(home: Path, serve: Serve) -> None:
    simulator = serve(users=12, clean=True, now=NOW, page_limit=2)
    installation = collected(home, simulator)
    # pipelines were read in pages with cursors
    assert query(installation.published, "SELECT list(pipeline_id ORDER BY ALL) FROM pipelines") == [
        ([1, 2, 3, 4, 5],)
    ]
    simulator.company.deals.clear()
    result = installation.command("visibility", "check")
    assert (result.code, result.out) == (
        0,
        "default: nothing to compare: no user of the published file owns a deal.\n",
    )
