"""A day's budget that does not suffice: the run stops before the reserve, and the next day's goes on."""

from __future__ import annotations

import pytest
from installation import Installation, Serve
from published import query

LISTS = {"users/me", "users", "roles", "permissionSets"}
"""Asked for by every run; everything else is asked for once."""


@pytest.mark.parametrize(
    ("dialect", "budget", "unit"), [("official", 800, "tokens"), ("brief", 60, "requests")]
)
def test_stopped_for_the_reserve_and_resumed_on_the_next_day(
    home, serve: Serve, dialect, budget, unit
) -> None:
    simulator = serve(dialect=dialect, daily_limit=budget)
    installation = Installation.of(home, simulator)
    installation.variables["PIPEDRIVE_DAILY_LIMIT"] = str(budget)
    account = simulator.limits.account(simulator.token)

    first = installation.command("sync", "--json")

    assert first.code == 5
    assert first.sentence.startswith("Stopped to keep the daily reserve: ")
    assert f"of {budget} {unit} are left today, and {budget // 4} are kept for" in first.sentence
    assert "run sync again after the budget is renewed, presumably on " in first.sentence
    (told,) = first.objects
    assert (told["status"], told["throttled"]) == ("unfinished", 0)
    assert budget // 4 <= simulator.limits.left(account) < budget // 4 + 10
    assert not installation.published.exists()
    (folder,) = (path.parent for path in installation.landing().folder.glob("*/draft.json"))
    asked = {request.path for request in simulator.requests} - LISTS

    # on the same day, there is nothing to be had
    again = installation.command("sync", "--json")
    assert again.code == 5
    assert simulator.limits.left(account) >= budget // 4 - 30
    simulator.requests.clear()
    simulator.limits.new_day()

    second = installation.command("sync", "--json")

    assert second.code == 0
    (told,) = second.objects
    assert (told["status"], told["snapshot_id"]) == ("complete", folder.name)
    assert not asked & {request.path for request in simulator.requests}
    assert query(installation.published, "SELECT count(DISTINCT user_id) FROM user_permissions") == [(40,)]


def test_a_smaller_reserve_lets_the_run_end(home, serve: Serve) -> None:
    simulator = serve(daily_limit=1000)
    installation = Installation.of(home, simulator)

    assert installation.command("sync").code == 5
    simulator.limits.new_day()
    installation.variables["PIPEDRIVE_DAILY_RESERVE"] = "0.05"

    assert installation.command("sync").code == 0
