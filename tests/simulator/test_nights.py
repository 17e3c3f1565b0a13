"""A company that lives on: what its truth says of the new night is what the rules say of the answers."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest

from pipedrive_graph.simulator.anomalies import EVENTS, STANDING
from pipedrive_graph.simulator.company import generate
from pipedrive_graph.simulator.nights import live_on

from . import rules
from .rules_of_events import events

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SIZES = [5, 12, 25, 40, 60, 120, 300]
DIALECTS = ["official", "brief"]


def told(company, dialect: str) -> set[rules.Found]:
    listed = [tuple(row.values()) for row in company.truth(dialect)]
    assert len(set(listed)) == len(listed)
    return set(listed)


def found(before, after, now: datetime) -> set[rules.Found]:
    return rules.findings(after, now, before) | set(events(before, after, now))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("size", SIZES)
def test_the_truth_of_the_second_night(size: int, dialect: str) -> None:
    for seed in range(12):
        company = generate(size, seed, NOW)
        before = rules.read(company, dialect)
        live_on(company)
        assert company.now == NOW + timedelta(days=8)
        assert found(before, rules.read(company, dialect), company.now) == told(company, dialect), seed


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("size", SIZES)
def test_ordinary_life_is_no_finding(size: int, dialect: str) -> None:
    for seed in range(12):
        company = generate(size, seed, NOW, clean=True)
        before = rules.read(company, dialect)
        live_on(company, clean=True)
        assert company.truth(dialect) == []
        assert found(before, rules.read(company, dialect), company.now) == set(), seed


def test_every_event_is_met() -> None:
    rules_met = set()
    for size, seed in [(60, 1), *((300, seed) for seed in range(4))]:
        company = generate(size, seed, NOW)
        live_on(company)
        rules_met |= {finding.rule for finding in company.planted}
    assert rules_met == {*EVENTS, *STANDING}


def test_ordinary_life_is_some() -> None:
    company = generate(120, 1, NOW, clean=True)
    before = deepcopy(company)
    live_on(company, clean=True)
    assert len(company.users) == len(before.users) + 1
    active = {user.id for user in before.users.values() if user.active}
    assert len(active - {user.id for user in company.users.values() if user.active}) == 1
    moved = [
        user_id
        for user_id in before.users
        if company.users[user_id].active and company.users[user_id].role_id != before.users[user_id].role_id
    ]
    assert len(moved) == 1
    logins = [
        user.last_login == before.users[user.id].last_login
        for user in company.users.values()
        if user.id in before.users
    ]
    assert sum(logins) < 20


def test_the_same_company_lives_on_in_the_same_way() -> None:
    one, same = generate(80, 7, NOW), generate(80, 7, NOW)
    live_on(one)
    live_on(same)
    assert asdict(one) == asdict(same)


def test_a_week_is_not_over_before_it_is() -> None:
    company = generate(120, 0, NOW)
    live_on(company, 1)
    assert {finding.rule for finding in company.later} == {"empty_role"}
    live_on(company, 7)
    assert not company.later
    assert "empty_role" in {finding.rule for finding in company.planted}
