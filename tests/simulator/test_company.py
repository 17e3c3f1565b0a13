"""The generated company: repeatable, consistent, and wrong in exactly the places that its truth names."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import asdict
from datetime import UTC, datetime

import pytest

from pipedrive_graph.simulator.anomalies import STANDING
from pipedrive_graph.simulator.company import generate
from pipedrive_graph.simulator.dates import MARGIN, THRESHOLDS
from pipedrive_graph.simulator.model import Company
from pipedrive_graph.simulator.options import Options
from pipedrive_graph.simulator.permissions import APP_FLAGS, FLAGS
from pipedrive_graph.simulator.serializers import Serializer
from pipedrive_graph.simulator.truth import write_truth

from . import rules

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SIZES = [5, 6, 9, 12, 17, 25, 39, 40, 41, 75, 150, 300]
DIALECTS = ["official", "brief"]


def planted(company: Company, dialect: str) -> set[rules.Found]:
    listed = [tuple(row.values()) for row in company.truth(dialect)]
    assert len(set(listed)) == len(listed)
    return set(listed)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("size", SIZES)
def test_the_truth_is_what_the_rules_say_of_the_answers(size: int, dialect: str) -> None:
    for seed in range(9):
        company = generate(size, seed, NOW)
        assert len(company.users) == size
        assert rules.findings(rules.read(company, dialect), NOW) == planted(company, dialect), seed


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("size", SIZES)
def test_a_clean_company_has_no_finding(size: int, dialect: str) -> None:
    for seed in range(9):
        company = generate(size, seed, NOW, clean=True)
        assert company.truth(dialect) == []
        assert rules.findings(rules.read(company, dialect), NOW) == set(), seed


def test_a_large_company_is_as_true_as_a_small_one() -> None:
    company = generate(4_000, 2, NOW)
    assert rules.findings(rules.read(company, "official"), NOW) == planted(company, "official")
    assert len(company.roles) > 100  # more than a page


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [300, 700])
def test_every_rule_is_met_in_a_large_company(size: int, seed: int) -> None:
    company = generate(size, seed, NOW)
    both = {row["rule"] for dialect in DIALECTS for row in company.truth(dialect)}
    expected = set(STANDING) - {"single_admin", "too_many_admins", "empty_role"}
    expected |= [set(), {"single_admin"}, {"too_many_admins"}][seed % 3]
    assert both == expected
    assert {finding.rule for finding in company.later} == {"empty_role"}


def test_every_rule_is_met_in_some_small_company() -> None:
    companies = [generate(40, seed, NOW) for seed in range(40)]
    assert {f.rule for company in companies for f in [*company.planted, *company.later]} == set(STANDING)


def test_every_form_of_a_story_is_met() -> None:
    truth = [row for seed in (1, 2) for row in generate(300, seed, NOW).truth("official")]
    severities = {row["severity"] for row in truth if row["rule"] == "user_without_role"}
    assert severities == {"medium", "high"}
    severities = {row["severity"] for row in truth if row["rule"] == "dangling_permission_set"}
    assert severities == {"high", "info"}
    for rule in ("toxic_destroy_and_cover", "toxic_forecast_fraud", "toxic_reveal_and_take"):
        assert {row["subject_kind"] for row in truth if row["rule"] == rule} == {"user", "permission_set"}
    company = generate(300, 1, NOW)
    dangling = {
        int(row["object"] or 0) for row in company.truth("brief") if row["rule"] == "dangling_role_assignment"
    }
    assert any(role_id not in company.roles for role_id in dangling)
    assert any(role_id in company.roles for role_id in dangling)


def test_only_who_is_shown_the_evidence_is_told_the_finding() -> None:
    company = generate(300, 1, NOW)
    told = {dialect: {row["rule"] for row in company.truth(dialect)} for dialect in DIALECTS}
    assert told["official"] - told["brief"] == {
        "dangling_permission_set",
        "duplicate_permission_sets",
        "missing_permission",
        "unexplained_permission",
        *(rule for rule in STANDING if rule.startswith("toxic_")),
    }
    assert told["brief"] - told["official"] == {"admin_flag_mismatch"}


def test_a_week_of_history_brings_what_takes_a_week() -> None:
    for seed in range(4):
        company = generate(300, seed, NOW)
        reading = rules.read(company, "official")
        later = {(f.rule, f.subject_kind, f.subject_id, f.object, f.severity) for f in company.later}
        assert rules.findings(reading, NOW, reading) - planted(company, "official") == later


def test_exceptions_are_written_down() -> None:
    company = generate(300, 1, NOW)
    told = {
        (f.subject_id, f.object)
        for f in company.planted
        if f.rule in {"unexplained_permission", "sensitive_permission"}
        and company.users[int(f.subject_id)].active
    }
    assert len(set(company.deviations)) == len(company.deviations) > 30
    assert {(str(user_id), flag) for user_id, flag in company.deviations} >= told
    assert all(company.permissions(user_id)[flag] for user_id, flag in company.deviations)


def test_the_same_seed_gives_the_same_company_and_another_another() -> None:
    one, same, other = generate(80, 7, NOW), generate(80, 7, NOW), generate(80, 8, NOW)
    assert asdict(one) == asdict(same)
    assert list(one.users) != list(other.users)
    assert list(one.sets) != list(other.sets)


@pytest.mark.parametrize("size", [0, 4, 50_001])
def test_a_size_that_is_no_company_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="5 to 50,000 users"):
        generate(size)


def test_dates_keep_away_from_every_threshold() -> None:
    company = generate(300, 3, NOW)
    for user in company.users.values():
        for date in (user.created, user.last_login):
            if not rules.never(date):
                age = rules.days(NOW, date or "")
                assert age > 0
                assert all(abs(age - threshold) > 2 for threshold in THRESHOLDS)
        if user.active and not rules.never(user.last_login) and user.created:
            assert rules.days(NOW, user.created) >= rules.days(NOW, user.last_login or "")
    assert MARGIN > 2


def test_users_are_realistic() -> None:
    company = generate(300, 1, NOW)
    people = list(company.users.values())
    assert all(10**7 <= user.id < 10**8 for user in people)
    addresses = [user.email.lower() for user in people if not user.deleted]
    assert all(re.fullmatch(r"[a-z0-9.-]+@[a-z0-9]+\.example", address) for address in addresses)
    assert any(not user.name.isascii() for user in people)
    assert {user.last_login for user in people} >= {None, "0000-00-00 00:00:00"}
    invited = [user for user in people if user.name == user.email and not user.deleted]
    assert invited
    assert all(user.created is None and user.locale is None and user.active for user in invited)
    owner = people[0]
    assert owner.id == company.owner_id
    assert "account_settings" in owner.admin_apps
    assert company.users[company.plain_user_id].admin_apps == []


@pytest.mark.parametrize("seed", range(6))
def test_every_company_has_both_forms_of_inactive_users_that_are_clean(seed: int) -> None:
    company = generate(100, seed, NOW)
    wrong = {row["subject_id"] for row in company.truth("official")}
    clean = [user for user in company.users.values() if not user.active and str(user.id) not in wrong]
    assert {user.deleted for user in clean} == {True, False}


@pytest.mark.parametrize("seed", [0, 1])
def test_the_role_tree_has_three_to_four_levels_and_either_form_of_root(seed: int) -> None:
    company = generate(300, seed, NOW, clean=True)
    roles = {role["id"]: role for role in Serializer(company, Options()).roles()}
    assert roles[1]["name"] == "(Unassigned users)"
    assert roles[1]["parent_role_id"] == (1 if seed else None)
    assert {role["level"] for role in roles.values()} == {1, 2, 3, 4}
    assert all(role["parent_role_id"] in roles for role in roles.values() if role["id"] != 1)


@pytest.mark.parametrize("size", [120, 300])
def test_managers_sit_above_their_teams(size: int) -> None:
    company = generate(size, 1, NOW, clean=True)
    parents = {role.parent_role_id for role in company.roles.values()}
    manager = company.set_id("sales", "manager")
    places = {
        rows[0].role_id
        for user_id, rows in company.assignments.items()
        if manager in {entry.permission_set_id for entry in company.users[user_id].access or []}
    }
    assert places
    assert places <= parents - {None, 1}


def test_permission_sets_explain_what_they_hold() -> None:
    company = generate(300, 1, NOW, clean=True)
    assert len(FLAGS) >= 31
    assert {entry.kind for entry in company.sets.values()} == {"admin", "manager", "regular", "custom"}
    assert all(uuid.UUID(set_id).version == 4 for set_id in company.sets)
    for entry in company.sets.values():
        assert set(entry.contents) <= set(APP_FLAGS[entry.app])
        assert (entry.kind == "admin") == (set(entry.contents) == set(APP_FLAGS[entry.app]))
    assert all(all(company.permissions(u.id).values()) for u in company.users.values() if u.admin_apps)


def test_a_company_grows_roles_and_admins_with_its_size() -> None:
    for size in (20, 100, 400, 2_000):
        company = generate(size, 3, NOW, clean=True)
        active = [user for user in company.users.values() if user.active]
        admins = [user for user in active if "account_settings" in user.admin_apps]
        assert 2 <= len(admins) <= max(4, 0.05 * len(active)) - 1
    assert len(generate(2_000, 3, NOW).roles) > 2 * len(generate(300, 3, NOW).roles)


def test_the_truth_file_names_company_counts_and_findings(tmp_path) -> None:
    company = generate(40, 4, NOW)
    write_truth(company, "brief", tmp_path / "truth.json")
    content = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert content["findings"] == company.truth("brief")
    assert {key: content[key] for key in ("seed", "users", "dialect", "company_id")} == {
        "seed": 4,
        "users": 40,
        "dialect": "brief",
        "company_id": company.id,
    }
    assert datetime.fromisoformat(content["now"]) == NOW
    assert content["counts"]["users"] == 40
    assert content["counts"]["active_users"] == sum(user.active for user in company.users.values())
    assert content["counts"]["roles"] == len(company.roles)
    assert content["counts"]["permission_sets"] == len(company.sets)


class TestChangesBetweenNights:
    @pytest.fixture
    def company(self) -> Company:
        return generate(20, 0, NOW, clean=True)

    def test_grant_and_revoke(self, company: Company) -> None:
        user_id = company.plain_user_id
        company.grant(user_id, "can_use_import")
        assert company.permissions(user_id)["can_use_import"]
        company.revoke(user_id, "can_use_import")
        assert not company.permissions(user_id)["can_use_import"]
        explained = min(company.explained(user_id))
        company.revoke(user_id, explained)
        assert not company.permissions(user_id)[explained]
        company.grant(user_id, explained)
        assert company.permissions(user_id)[explained]
        assert company.users[user_id].granted == company.users[user_id].withheld == set()

    def test_a_new_flag_is_known_to_everybody(self, company: Company) -> None:
        company.grant(company.plain_user_id, "can_fly")
        assert company.permissions(company.owner_id)["can_fly"]

    def test_an_edited_set_changes_all_who_have_it(self, company: Company) -> None:
        set_id = company.set_id("global", "regular")
        having = [
            user.id
            for user in company.users.values()
            if set_id in {entry.permission_set_id for entry in user.access or []} and not user.admin_apps
        ]
        company.edit_set(set_id, add=["can_use_api"], remove=["can_see_other_users"])
        assert having
        for user_id in having:
            held = company.permissions(user_id)
            assert held["can_use_api"]
            assert not held["can_see_other_users"]

    def test_move_puts_a_user_into_one_role(self, company: Company) -> None:
        role_id = max(company.roles)
        company.move(company.owner_id, role_id)
        assert [row.role_id for row in company.assignments[company.owner_id]] == [role_id]
        assert company.users[company.owner_id].role_id == role_id

    def test_admins_come_and_go(self, company: Company) -> None:
        user_id = company.plain_user_id
        before = company.permissions(user_id)
        company.make_admin(user_id)
        assert company.users[user_id].admin_apps == ["account_settings"]
        assert all(company.permissions(user_id).values())
        company.drop_admin(user_id)
        assert company.permissions(user_id) == before

    def test_users_leave_and_vanish(self, company: Company) -> None:
        user_id = company.plain_user_id
        company.deactivate(user_id)
        assert not company.users[user_id].active
        company.reactivate(user_id)
        assert company.users[user_id].active
        company.delete(user_id)
        assert company.users[user_id].name == "(deleted user)"
        assert not any(company.permissions(user_id).values())
        company.remove_user(user_id)
        assert user_id not in company.users
        with pytest.raises(KeyError):
            company.deactivate(user_id)
