"""Who can see what in the simulator: its endpoints, and the findings that follow from its own model."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from installation import Installation, Serve
from published import query

from pipedrive_graph.simulator.anomalies.visibility import VISIBILITY, WIDENED
from pipedrive_graph.simulator.company import generate
from pipedrive_graph.simulator.nights import live_on
from pipedrive_graph.simulator.options import Plan
from pipedrive_graph.simulator.server import Options, Simulator
from pipedrive_graph.simulator.visibility import ITEMS, permitted, viewers

from .calling import call

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def found(installation: Installation) -> set[tuple[str, ...]]:
    return {
        tuple(row)
        for row in query(
            installation.published,
            "SELECT rule, subject_kind, subject_id, object, severity FROM findings WHERE status = 'open'",
        )
        if row[0] in {*VISIBILITY, WIDENED}
    }


def truth(simulator: Simulator) -> set[tuple[str | None, ...]]:
    return {tuple(finding.values()) for finding in simulator.visibility_truth()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("users", "seed", "plan"),
    [
        (40, 1, "premium"),
        (60, 3, "lite"),
        (60, 4, "ultimate"),
        (120, 2, "premium"),
        (12, 5, "growth"),
        (5, 4, "premium"),
    ],
)
def test_the_rules_find_what_is_planted_and_nothing_else(
    home: Path, serve: Serve, users: int, seed: int, plan: str
) -> None:
    # in a page of each list are few rows, so that the builder meets cursors
    simulator = serve(users=users, seed=seed, plan=plan, now=NOW, page_limit=4)
    installation = Installation.of(home, simulator)
    installation.variables |= {
        "PIPEDRIVE_VISIBILITY": "true",
        "PIPEDRIVE_PLAN": plan,
        "PIPEDRIVE_GRAPH_CLOCK": NOW.isoformat(),
    }
    installation.night()
    assert found(installation) == truth(simulator)


@pytest.mark.slow
def test_a_setting_that_becomes_wider_is_found_a_week_later(home: Path, serve: Serve) -> None:
    simulator = serve(users=40, seed=1, now=NOW)
    installation = Installation.of(home, simulator)
    installation.variables |= {
        "PIPEDRIVE_VISIBILITY": "true",
        "PIPEDRIVE_PLAN": "premium",
        "PIPEDRIVE_GRAPH_CLOCK": NOW.isoformat(),
    }
    installation.night()
    live_on(simulator.company)
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = simulator.company.now.isoformat()
    installation.night()
    assert len(simulator.company.widened) == 1
    assert found(installation) == truth(simulator)


def test_every_rule_is_planted_in_a_company_of_the_demo() -> None:
    with Simulator(Options(users=300, seed=1, now=NOW)) as simulator:
        rules = {finding["rule"] for finding in simulator.visibility_truth()}
    assert rules == set(VISIBILITY)


@pytest.mark.parametrize("plan", ["lite", "premium"])
def test_a_clean_company_has_no_finding(plan: Plan) -> None:
    for seed in range(1, 8):
        for users in (5, 12, 40):
            with_plan = Simulator(Options(users=users, seed=seed, clean=True, plan=plan))
            assert with_plan.visibility_truth() == []


def test_a_new_deal_is_seen_by_the_users_of_the_model() -> None:
    company = generate(60, 2, NOW, clean=True)
    for deal in company.deals.values():
        assert permitted(company, deal) == viewers(company, deal.owner_id, "deal")
    for item in ITEMS:
        assert company.owner_id in viewers(company, company.owner_id, item)


# The endpoints.


def test_lists_of_v2_have_cursors(serve: Serve) -> None:
    simulator = serve(users=30, now=NOW, page_limit=2)
    ids: list[int] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        asked = f"pipelines?limit=500&cursor={cursor}" if cursor else "pipelines?limit=500"
        body = call(simulator, asked, prefix="/api/v2").json
        ids += [row["id"] for row in body["data"]]
        cursor, pages = body["additional_data"]["next_cursor"], pages + 1
    assert (ids, pages) == ([1, 2, 3, 4, 5], 3)
    assert call(simulator, "pipelines").status == 404  # v1 has none any more
    assert call(simulator, "pipelines?cursor=x", prefix="/api/v2").status == 400


def test_a_role_has_visible_and_hidden_pipelines(serve: Serve) -> None:
    simulator = serve(users=30, now=NOW)
    simulator.company.pipelines[2].hidden_from = {1}
    simulator.company.pipelines[3].hidden_from = simulator.company.pipelines[4].hidden_from = set()
    assert call(simulator, "roles/1/pipelines").data == {"pipeline_ids": [1, 3, 4, 5], "visible": True}
    assert call(simulator, "roles/1/pipelines?visible=false").data == {"pipeline_ids": [2], "visible": False}
    assert call(simulator, "roles/999999/pipelines").status == 404


def test_a_deal_names_the_users_who_see_it(serve: Serve) -> None:
    simulator = serve(users=30, now=NOW, clean=True)
    company = simulator.company
    (deal, *_) = call(simulator, "deals?limit=1&sort_by=add_time&sort_direction=desc", prefix="/api/v2").data
    assert deal["id"] == max(company.deals)
    before = call(simulator, f"deals/{deal['id']}/permittedUsers").data
    assert deal["owner_id"] in before
    other = next(user.id for user in company.users.values() if user.active and user.id not in before)
    company.deals[deal["id"]].followers.append(other)
    assert call(simulator, f"deals/{deal['id']}/permittedUsers").data == sorted([*before, other])
    assert call(simulator, "deals/1/permittedUsers").status == 404
    spent = simulator.limits.account(simulator.token).spent
    call(simulator, f"deals/{deal['id']}/permittedUsers")
    assert simulator.limits.account(simulator.token).spent - spent == 10


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_company_without_the_features_refuses_them(serve: Serve, status: int) -> None:
    simulator = serve(users=12, now=NOW, refuse_visibility=status)
    assert call(simulator, "pipelines", prefix="/api/v2").status == status
    assert call(simulator, "legacyTeams").status == status
    assert call(simulator, "roles/1/pipelines").status == status
    assert (
        "additional_data" not in call(simulator, "roles/1").json
        or not call(simulator, "roles/1").json["additional_data"]
    )


def test_an_app_needs_a_scope_for_the_deals(serve: Serve) -> None:
    simulator = serve(users=12, now=NOW)
    allows = simulator.authority.allows
    assert allows("GET", "pipelines")
    assert allows("GET", "legacyTeams")
    assert allows("GET", "roles/{id}/pipelines")
    assert not allows("GET", "deals")
