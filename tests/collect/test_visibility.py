"""Who can see what: which calls are made, what they cost, and what follows if a feature is not offered."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from installation import UNJUDGED, Installation, Serve

from pipedrive_graph.builder.unpublished import replaces_a_read
from pipedrive_graph.collect.visibility import due
from pipedrive_graph.config.company import Collect, Plan
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint, versioned
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.model import Role
from pipedrive_graph.simulator.server import Simulator

MONDAY = datetime(2026, 11, 2, 2, tzinfo=UTC)
SEED = b"s" * 32
PRICES = {"roles/{id}": 2, "pipelines": 5, "roles/{id}/pipelines": 20, "legacyTeams": 20}


def watching(home: Path, simulator: Simulator, **variables: str) -> Installation:
    installation = Installation.of(home, simulator, UNJUDGED)
    installation.variables |= {"PIPEDRIVE_VISIBILITY": "true", "PIPEDRIVE_COLLECT": "by-access", **variables}
    return installation


def on(installation: Installation, day: int) -> Installation:
    installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = (MONDAY + timedelta(days=day)).isoformat()
    return installation


def asked(simulator: Simulator) -> Counter[str]:
    """The requests about who can see what since the last call, by endpoint."""
    counts = Counter[str]()
    for request in simulator.requests:
        parts = request.path.split("/")
        template = "/".join("{id}" if part.isdecimal() else part for part in parts)
        if template in PRICES:
            counts[template] += 1
    simulator.requests.clear()
    return counts


def answers(installation: Installation, endpoint: str) -> list[Any]:
    landing = installation.landing()
    manifest = landing.latest()
    assert manifest is not None
    name = endpoint.replace("{id}", "id").replace("/", ".")
    (file,) = [file for file in manifest.files if file.name == f"{name}.ndjson.gz"]
    return list(landing.answers(manifest, file))


@pytest.mark.slow
def test_a_company_of_40_roles_costs_105_tokens_and_the_rotation(home: Path, serve: Serve) -> None:
    simulator = serve(users=12, clean=True)
    installation = watching(home, simulator)
    roles = simulator.company.roles
    for role_id in range(1001, 1041 - len(roles)):  # more users would take longer
        roles[role_id] = Role(role_id, f"Team {role_id}", 1)
    assert len(roles) == 40

    first = on(installation, 0).read()

    counts = asked(simulator)
    assert first.visibility is True
    assert counts == {"roles/{id}": 40, "pipelines": 1, "legacyTeams": 1, "roles/{id}/pipelines": 40}
    per_night = []
    for day in range(1, 3):
        on(installation, day).read()
        counts = asked(simulator)
        per_night.append(counts.pop("roles/{id}/pipelines"))
        assert sum(PRICES[endpoint] * count for endpoint, count in counts.items()) == 105
    assert set(per_night) <= {5, 6}
    (outlook,) = installation.command("plan", "--json").objects
    assert outlook["visibility"] == {
        "included": True,
        "tokens_per_night": 105,
        "tokens_of_rotation": 115,
    }
    assert (
        "Included: who can see what, 105 tokens a night and 115 on average for the pipelines of roles"
        in " ".join(installation.command("plan").out.split())
    )


def test_the_landing_has_the_settings_and_the_hidden_pipelines(home: Path, serve: Serve) -> None:
    simulator = serve(users=12)
    company = simulator.company
    role_id = max(company.roles)
    company.pipelines[2].hidden_from.add(role_id)
    installation = watching(home, simulator, PIPEDRIVE_PLAN="premium")

    manifest = installation.read()

    assert (manifest.visibility, manifest.plan, manifest.verdict.status) == (True, "premium", "complete")
    by_role = {line["asked"]["id"]: line["answer"] for line in answers(installation, "roles/{id}/pipelines")}
    assert by_role.keys() == {str(role) for role in company.roles}
    hidden = [pipeline.id for pipeline in company.pipelines.values() if role_id in pipeline.hidden_from]
    assert by_role[str(role_id)]["data"] == {"pipeline_ids": hidden, "visible": False}
    settings = {line["asked"]["id"]: line["answer"] for line in answers(installation, "roles/{id}")}
    assert settings["1"]["additional_data"]["settings"] == company.roles[1].settings
    (pipelines,) = answers(installation, "pipelines")
    assert [row["id"] for row in pipelines["answer"]["data"]] == [1, 2, 3, 4, 5]
    (teams,) = answers(installation, "legacyTeams")
    assert [row["name"] for row in teams["answer"]["data"]] == [
        "Closers",
        "Onboarding",
        "Key accounts",
        "Field desk",
    ]


def test_nothing_is_asked_unless_it_is_switched_on(home: Path, serve: Serve) -> None:
    simulator = serve(users=12, clean=True)
    manifest = Installation.of(home, simulator).read()
    assert asked(simulator) == {}
    assert (manifest.visibility, manifest.plan) == (False, None)
    assert not {"pipelines", "legacyTeams"} & manifest.coverage.keys()


@pytest.mark.parametrize("collect", ["every-user", "by-access"])
def test_plan_knows_the_calls_exactly(home: Path, serve: Serve, collect: str) -> None:
    simulator = serve(users=30, clean=True)
    installation = watching(home, simulator, PIPEDRIVE_COLLECT=collect)
    for day in range(2):
        (outlook,) = on(installation, day).command("plan", "--json").objects
        (way,) = [way for way in outlook["plans"] if way["collect"] == collect]
        before = simulator.limits.account(simulator.token).spent
        installation.read()
        spent = simulator.limits.account(simulator.token).spent - before
        assert way["tokens"]["least"] == spent
        if collect == "every-user":
            assert way["tokens"]["most"] == spent


@pytest.mark.parametrize("status", [403, pytest.param(404, marks=pytest.mark.slow), 410])
def test_a_feature_that_is_not_offered_leaves_the_snapshot_complete(
    home: Path, serve: Serve, status: int
) -> None:
    simulator = serve(users=30, clean=True, refuse_visibility=status)
    installation = watching(home, simulator)
    for day in range(2):
        manifest = on(installation, day).read()
        outcome = "refused" if status == 403 else "gone"
        assert manifest.verdict.status == "complete"
        for endpoint, count in {"pipelines": 1, "legacyTeams": 1, "roles/{id}/pipelines": 2}.items():
            coverage = manifest.coverage[endpoint]
            assert (coverage.asked, getattr(coverage, outcome)) == (count, count)
        assert asked(simulator)["roles/{id}/pipelines"] == 2
        (outlook,) = on(installation, day + 1).command("plan", "--json").objects
        assert outlook["plans"][0]["tokens"]["least"] > 0
        simulator.requests.clear()


def test_a_server_without_any_of_it_is_read_as_before(home: Path, serve: Serve) -> None:
    simulator = serve(users=12, clean=True, dialect="brief")
    installation = watching(home, simulator)
    manifest = installation.read()
    assert manifest.verdict.status == "complete"
    assert manifest.coverage["pipelines"].gone == 1


def test_failures_make_the_snapshot_partial_and_never_rejected(home: Path, serve: Serve) -> None:
    simulator = serve(users=30, clean=True)
    refused = faults.status(400)
    for path in ("pipelines", r"roles/\d+/pipelines", r"roles/\d+"):
        simulator.faults.add(path, refused, times=None)
    installation = watching(home, simulator)
    verdict = installation.read().verdict
    assert verdict.status == "partial"
    roles = len(simulator.company.roles)
    assert verdict.reason == (
        f"{2 * roles} of {2 * roles} calls about who can see what were not answered. The list pipelines was"
        " not answered: pipelines: answered with status 400: internal error."
    )
    # the next run asks again
    simulator.faults.clear()
    simulator.requests.clear()
    assert installation.read().verdict.status == "complete"
    assert asked(simulator)["roles/{id}/pipelines"] == roles


def test_a_role_deleted_during_the_run_counts_as_missing_and_stays_known(home: Path, serve: Serve) -> None:
    simulator = serve(users=30, clean=True)
    role_id = max(simulator.company.roles)
    simulator.faults.add(rf"roles/{role_id}(/pipelines)?", faults.not_found, times=None)
    installation = watching(home, simulator)
    manifest = installation.read()
    roles = len(simulator.company.roles)
    assert manifest.verdict.status == "partial"
    assert manifest.verdict.reason == (f"1 of {2 * roles} calls about who can see what were not answered.")
    assert role_id in installation.landing().known(manifest).roles


def test_a_403_for_settings_means_that_they_are_not_offered(home: Path, serve: Serve) -> None:
    simulator = serve(users=30, clean=True)
    simulator.faults.add(r"roles/\d+", faults.forbidden, times=None)
    manifest = watching(home, simulator).read()
    assert manifest.verdict.status == "complete"
    assert manifest.coverage["roles/{id}"].refused == len(simulator.company.roles)


def test_pipelines_are_read_page_by_page(home: Path, serve: Serve) -> None:
    simulator = serve(users=12, clean=True, page_limit=2)
    installation = watching(home, simulator)
    manifest = installation.read()
    assert manifest.coverage["pipelines"].answered == 3
    lines = answers(installation, "pipelines")
    assert [[row["id"] for row in line["answer"]["data"]] for line in lines] == [[1, 2], [3, 4], [5]]
    cursors = [line["asked"].get("cursor") for line in lines]
    assert cursors[0] is None
    assert len(set(cursors)) == 3


def test_a_cursor_that_never_ends_makes_the_snapshot_partial(home: Path, serve: Serve) -> None:
    simulator = serve(users=12, clean=True)
    forever = faults.edit(lambda body: body["additional_data"].update(next_cursor="MA=="))
    simulator.faults.add("pipelines", forever, times=None)
    manifest = watching(home, simulator).read()
    assert manifest.verdict.status == "partial"
    assert manifest.verdict.reason == (
        "The list pipelines announces more rows than it gives; new ones may be missing."
    )


def test_an_interrupted_run_asks_no_role_twice(home: Path, serve: Serve) -> None:
    simulator = serve(users=30, clean=True)
    installation = watching(home, simulator)
    roles = sorted(simulator.company.roles)
    broken = simulator.faults.add(r"roles/\d+/pipelines", faults.cloudflare, after=3)
    with pytest.raises(Exception, match="Cloudflare"):
        installation.read()
    first = asked(simulator)
    simulator.faults.remove(broken)
    assert installation.read().verdict.status == "complete"
    second = asked(simulator)
    assert first["roles/{id}"] == len(roles)
    assert second["roles/{id}"] == 0
    lines = answers(installation, "roles/{id}/pipelines")
    assert sorted(int(line["asked"]["id"]) for line in lines) == roles
    assert len(answers(installation, "roles/{id}")) == len(roles)


def test_a_role_deleted_before_the_run_is_resumed_is_proven_gone(home: Path, serve: Serve) -> None:
    simulator = serve(users=30, clean=True)
    installation = watching(home, simulator)
    installation.read()
    role_id = max(simulator.company.roles)
    simulator.company.pipelines[1].hidden_from.clear()
    simulator.faults.add(r"roles/\d+/pipelines", faults.cloudflare)
    new = max(simulator.company.roles) + 1
    simulator.company.roles[new] = Role(new, "New team", 1)
    with pytest.raises(Exception, match="Cloudflare"):
        installation.read()
    simulator.faults.clear()
    for rows in simulator.company.assignments.values():
        rows[:] = [row for row in rows if row.role_id != role_id]
    simulator.company.remove_role(role_id)
    manifest = installation.read()
    assert role_id not in installation.landing().known(manifest).roles
    outcomes = {line["asked"]["id"]: line["outcome"] for line in answers(installation, "roles/{id}")}
    assert outcomes[str(role_id)] == "gone"
    assert outcomes[str(new)] == "answered"


def test_a_resumed_run_leaves_out_what_was_switched_off(home: Path, serve: Serve) -> None:
    simulator = serve(users=30, clean=True)
    installation = watching(home, simulator)
    simulator.faults.add(r"roles/\d+/pipelines", faults.cloudflare, after=3)
    with pytest.raises(Exception, match="Cloudflare"):
        installation.read()
    simulator.faults.clear()
    installation.variables["PIPEDRIVE_VISIBILITY"] = "false"
    manifest = installation.read()
    assert manifest.visibility is False
    assert not {"pipelines", "legacyTeams", "roles/{id}/pipelines"} & manifest.coverage.keys()
    assert not [file for file in manifest.files if file.rows and "ipelines" in file.name]


def test_lost_memory_is_rebuilt_with_the_rotation(home: Path, serve: Serve) -> None:
    simulator = serve(users=30, clean=True)
    installation = watching(home, simulator)
    on(installation, 0).read()
    (memory,) = home.glob("landing/default/*/memory.json.gz")
    content = memory.read_bytes()
    memory.write_bytes(b"damaged")
    asked(simulator)
    on(installation, 1).read()
    assert memory.read_bytes() == content
    assert asked(simulator)["roles/{id}/pipelines"] in (1, 2)


# The rotation.

Roles = st.lists(st.integers(1, 300), min_size=1, max_size=60, unique=True).map(sorted)


@given(Roles, st.binary(min_size=32, max_size=32))
def test_every_role_is_asked_once_a_week_and_the_days_are_even(roles: list[int], seed: bytes) -> None:
    asked_at = dict.fromkeys(roles, MONDAY)
    counts = []
    for day in range(1, 15):
        now = MONDAY + timedelta(days=day)
        wanted = due(roles, asked_at, now, seed)
        counts.append(len(wanted))
        asked_at |= dict.fromkeys(wanted, now)
    assert sum(counts[:7]) == sum(counts[7:]) == len(roles)
    assert max(counts) - min(counts) <= 1


@pytest.mark.slow
@given(Roles, st.lists(st.floats(0.01, 12), min_size=1, max_size=12), st.data())
def test_whenever_the_runs_are_no_role_is_older_than_a_week(
    roles: list[int], pauses: list[float], data: st.DataObject
) -> None:
    asked_at: dict[int, datetime] = {}
    now = MONDAY
    for pause in pauses:
        now += timedelta(days=pause)
        listed = sorted(data.draw(st.sets(st.sampled_from(roles), min_size=1)))
        for role in due(listed, asked_at, now, SEED):
            if data.draw(st.booleans(), label="answered"):
                asked_at[role] = now
        late = [role for role in listed if role in asked_at and now - asked_at[role] >= timedelta(days=8)]
        assert not set(late) - set(due(listed, asked_at, now, SEED))


def test_a_new_role_is_asked_at_once_and_moves_no_other() -> None:
    roles = list(range(1, 15))
    asked_at = dict.fromkeys(roles, MONDAY)
    tomorrow = MONDAY + timedelta(days=1)
    before = due(roles, asked_at, tomorrow, SEED)
    assert due([*roles, 99], asked_at, tomorrow, SEED) == [*before, 99]


# Addresses and paging.


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.pipedrive.com/v1", "https://api.pipedrive.com/api/v2"),
        ("https://acme.pipedrive.com/api/v1", "https://acme.pipedrive.com/api/v2"),
        ("http://127.0.0.1:8970/v1", "http://127.0.0.1:8970/api/v2"),
        ("https://proxy.example/pipedrive/v1", "https://proxy.example/pipedrive/api/v2"),
    ],
)
def test_v2_is_on_the_same_host(base_url: str, expected: str) -> None:
    assert versioned(base_url, 2) == expected
    assert versioned(base_url, 1) == base_url


def test_the_call_asks_for_the_pipelines_that_a_role_does_not_see() -> None:
    assert Call(Endpoint.ROLE_PIPELINES, "7").query == {"visible": "false"}
    assert Call(Endpoint.PIPELINES, limit=500, cursor="MTAw").query == {"limit": "500", "cursor": "MTAw"}


# Settings.


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PIPEDRIVE_VISIBILITY", "perhaps", "The variable PIPEDRIVE_VISIBILITY must be true or false."),
        (
            "PIPEDRIVE_PLAN",
            "gold",
            "The variable PIPEDRIVE_PLAN must be lite, growth, premium or ultimate, not 'gold'.",
        ),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(
    home: Path, variable: str, value: str, sentence: str
) -> None:
    installation = Installation(home, {"PIPEDRIVE_API_TOKEN": "x" * 40, variable: value})
    result = installation.command("plan")
    assert (result.code, result.sentence) == (2, sentence)


def test_each_company_has_its_own_settings(home: Path) -> None:
    home.mkdir(exist_ok=True)
    file = home / "companies.toml"
    file.write_text(
        '[acme]\napi_token_env = "ACME"\nvisibility = true\nplan = "lite"\n[other]\napi_token_env = "OTHER"\n'
    )
    installation = Installation(home, {"PIPEDRIVE_PLAN": "growth"})
    assert [(c.name, c.visibility, c.plan) for c in installation.settings.companies] == [
        ("acme", True, "lite"),
        ("other", False, "growth"),
    ]
    file.write_text('[acme]\napi_token_env = "ACME"\nvisibility = "yes"\n')
    assert "acme]: visibility (line 3) must be true or false." in installation.command("plan").err
    file.write_text('[acme]\napi_token_env = "ACME"\nplan = "gold"\n')
    assert "must be lite, growth, premium or ultimate, not 'gold'." in installation.command("plan").err


def test_an_unpublished_snapshot_without_it_does_not_replace_a_run(home: Path, serve: Serve) -> None:
    simulator = serve(users=12, clean=True)
    installation = Installation.of(home, simulator)
    manifest = installation.read()
    (company,) = installation.settings.companies
    assert replaces_a_read(manifest, company, Collect.EVERY_USER)
    for other in (replace(company, visibility=True), replace(company, plan=Plan.LITE)):
        assert not replaces_a_read(manifest, other, Collect.EVERY_USER)
