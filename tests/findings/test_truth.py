"""The findings are what the simulator has planted: nothing missed, nothing more."""

from __future__ import annotations

import pytest
from installation import MODELS, Installation
from published import found

from pipedrive_graph.common.clock import CLOCK_VARIABLE
from pipedrive_graph.config.settings import PLAN_VARIABLE, ROSTER_VARIABLE, VISIBILITY_VARIABLE
from pipedrive_graph.simulator.anomalies import EVENTS, ROSTER, STANDING
from pipedrive_graph.simulator.anomalies.visibility import VISIBILITY, WIDENED
from pipedrive_graph.simulator.nights import live_on
from pipedrive_graph.simulator.roster import write_roster
from pipedrive_graph.warehouse.sql_model import Kind

RULES = {rule.name for rule in MODELS.of("rules", Kind.RULE)}

FACTS = {*STANDING, *EVENTS, *ROSTER, *VISIBILITY, WIDENED}


def slow(*values: object) -> object:
    return pytest.param(*values, marks=pytest.mark.slow)


def test_every_rule_about_facts_is_planted() -> None:
    # what a review revokes and what is an exception, people decide: the simulator has no part in it; and a
    # change for everybody holds back what else happens to them, so it has tests of its own
    others = {
        "permission_outlier",
        "renamed_into_exception",
        "revoked_access_still_present",
        "toxic_combination",
        "vendor_change",
    }
    assert others == RULES - FACTS
    assert FACTS <= RULES


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["official", slow("brief")])
@pytest.mark.parametrize(
    ("seed", "users"), [(1, 60), slow(3, 120), slow(2, 41), slow(11, 50), slow(42, 80), slow(4, 300)]
)
def test_the_findings_of_two_nights_are_what_was_planted(serve, home, seed, users, dialect) -> None:
    simulator = serve(users=users, seed=seed, dialect=dialect)
    installation = Installation.of(home, simulator)
    installation.variables[ROSTER_VARIABLE] = str(home.with_name("roster.csv"))
    installation.variables |= {VISIBILITY_VARIABLE: "true", PLAN_VARIABLE: simulator.options.plan}
    for night in range(2):
        if night:
            live_on(simulator.company)
        write_roster(simulator.company, home.with_name("roster.csv"))
        installation.variables[CLOCK_VARIABLE] = simulator.company.now.isoformat()

        manifest = installation.night()

        assert manifest.verdict.status == "complete"
        planted = {tuple(finding.values()) for finding in simulator.truth() + simulator.visibility_truth()}
        assert {row for row in found(installation.published) if row[0] in FACTS} == planted


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "users"), [(1, 12), (2, 60), (3, 5), (4, 25), (5, 120), (6, 300)])
def test_where_nothing_is_planted_nothing_is_found(serve, home, seed, users) -> None:
    simulator = serve(users=users, seed=seed, clean=True)
    installation = Installation.of(home, simulator)
    installation.variables[ROSTER_VARIABLE] = str(home.with_name("roster.csv"))
    installation.variables |= {VISIBILITY_VARIABLE: "true", PLAN_VARIABLE: simulator.options.plan}
    for night in range(2):
        if night:
            live_on(simulator.company, clean=True)
        write_roster(simulator.company, home.with_name("roster.csv"), clean=True)
        installation.variables[CLOCK_VARIABLE] = simulator.company.now.isoformat()

        installation.night()

        alarms = found(installation.published)
        assert {row for row in alarms if row[0] in FACTS} == set()
        assert len(alarms) <= users / 50
