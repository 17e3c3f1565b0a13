"""The roster that the simulator writes: everybody on it, but for what is wrong on purpose."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, datetime

import pytest

from pipedrive_graph.simulator.anomalies import ROSTER
from pipedrive_graph.simulator.company import generate
from pipedrive_graph.simulator.model import Company
from pipedrive_graph.simulator.nights import live_on
from pipedrive_graph.simulator.roster import write_roster

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)

Found = tuple[str, str, str | None, str]


def by_the_catalogue(company: Company, rows: list[dict[str, str]]) -> set[Found]:
    """What the rules say of the roster's rows: rule, user, object, severity."""
    roster = {row["email"].lower(): row for row in rows}
    assert len(roster) == len(rows)
    found = set()
    for user in company.users.values():
        row = roster.get(user.email.lower())
        roles = {
            company.roles[a.role_id].name for a in company.assignments[user.id] if a.role_id in company.roles
        }
        if not user.active:
            continue
        if row is None:
            found.add(("not_on_roster", str(user.id), None, "medium"))
        elif row["status"] == "left":
            found.add(("leaver_still_active", str(user.id), None, "critical" if user.admin_apps else "high"))
        elif row["expected_role"] and roles != {row["expected_role"]}:
            found.add(("expected_role_differs", str(user.id), row["expected_role"], "medium"))
    return found


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("size", [5, 12, 40, 120, 300])
def test_what_is_wrong_is_what_was_planted(tmp_path, size: int, clean: bool) -> None:
    for seed in range(6):
        company = generate(size, seed, NOW)
        write_roster(company, tmp_path / "roster.csv")
        live_on(company)  # and it is written anew
        write_roster(company, tmp_path / "roster.csv", clean=clean)
        with (tmp_path / "roster.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        told = [(f.rule, f.subject_id, f.object, f.severity) for f in company.planted if f.rule in ROSTER]
        assert by_the_catalogue(company, rows) == set(told)
        assert len(set(told)) == len(told)
        assert (told == []) == clean or size == 5  # of whom all were looked at


def test_a_large_company_has_several_of_each_and_an_admin_among_the_leavers(tmp_path) -> None:
    company = generate(300, 1, NOW)
    write_roster(company, tmp_path / "roster.csv")
    told = Counter((f.rule, f.severity) for f in company.planted if f.rule in ROSTER)
    assert told == {
        ("leaver_still_active", "critical"): 1,
        ("leaver_still_active", "high"): 5,
        ("not_on_roster", "medium"): 5,
        ("expected_role_differs", "medium"): 5,
    }
