"""Several companies in one installation: each for itself, one file for all."""

from __future__ import annotations

import pytest
from installation import Installation
from published import query, tables

from pipedrive_graph.simulator import faults

COMPANIES = """
[alpha]
api_token_env = "ALPHA_TOKEN"
base_url = "{alpha}"

[beta]
api_token_env = "BETA_TOKEN"
base_url = "{beta}"
"""


@pytest.fixture
def two(serve, home):
    """Two companies with one published night each, and their simulators."""
    alpha, beta = serve(users=12, seed=1), serve(users=15, seed=2)
    home.mkdir()
    (home / "companies.toml").write_text(COMPANIES.format(alpha=alpha.url, beta=beta.url))
    return Installation(home, {"ALPHA_TOKEN": alpha.token, "BETA_TOKEN": beta.token}), alpha, beta


def of(installation: Installation, company: str) -> dict[str, list[tuple[object, ...]]]:
    """The published rows of one company."""
    return {
        name: [row for row in rows if row[0] == company]
        for name, rows in tables(installation.published).items()
        if name not in {"rule_thresholds", "sensitive_permissions"}
    }


@pytest.mark.slow
def test_one_company_fails_and_the_other_is_published(two) -> None:
    installation, alpha, beta = two
    first = installation.command("sync", "--json")
    assert (first.code, first.err) == (0, "")
    assert [told["company"] for told in first.objects] == ["alpha", "beta"]
    before = {name: of(installation, name) for name in ("alpha", "beta")}
    for simulator in (alpha, beta):
        simulator.company.deactivate(simulator.company.plain_user_id)
    alpha.faults.add("users/me", faults.unauthorised, times=None)

    told = installation.command("sync", "--json")

    assert told.code == 3
    failed, done = told.objects
    assert list(failed) == ["company", "at", "exit_code", "error"]
    assert (failed["company"], failed["exit_code"], failed["error"]) == ("alpha", 3, told.sentence)
    assert (done["company"], done["status"], done["users"]) == ("beta", "complete", 15)
    assert of(installation, "alpha") == before["alpha"]
    assert of(installation, "beta") != before["beta"]
    changed = query(installation.published, "SELECT DISTINCT company, object FROM access_changes")
    assert changed == [("beta", "active")]

    published = tables(installation.published)
    assert installation.command("rebuild").code == 0
    assert tables(installation.published) == published


@pytest.mark.parametrize("command", ["sync", "plan"])
def test_a_refused_token_is_told_with_the_company_and_its_variable(two, command) -> None:
    installation, _, _ = two
    installation.variables["ALPHA_TOKEN"] = "wrong"  # noqa: S105
    installation.variables["PIPEDRIVE_API_TOKEN"] = "of-nobody"  # noqa: S105

    result = installation.command(command, "--company", "alpha", "--json")

    sentence = (
        "alpha: Pipedrive does not accept the API token: check ALPHA_TOKEN"
        " (in Pipedrive: Personal preferences, API)."
    )
    assert (result.code, result.sentence) == (3, sentence)
    assert result.failures == [("alpha", result.code, sentence)]


def test_an_address_that_leads_nowhere_is_told_with_its_key(two) -> None:
    installation, alpha, _ = two
    file = installation.home / "companies.toml"
    file.write_text(file.read_text().replace(alpha.url, f"{alpha.url}7"))

    result = installation.command("doctor")

    assert result.code == 1
    assert "check base_url of [alpha] in companies.toml, which is usually https://" in result.out


def test_a_sentence_that_names_its_company_names_it_once(two) -> None:
    installation, _, _ = two
    del installation.variables["ALPHA_TOKEN"]

    result = installation.command("plan", "--company", "alpha")

    assert result.sentence.startswith(
        "No API token for company 'alpha': set the environment variable ALPHA_TOKEN"
    )


@pytest.mark.slow
def test_one_company_alone(two) -> None:
    installation, alpha, _ = two

    result = installation.command("sync", "--json", "--company", "beta")

    assert (result.code, result.err) == (0, "")
    assert [line["company"] for line in result.objects] == ["beta"]
    assert query(installation.published, "SELECT DISTINCT company FROM users") == [("beta",)]
    assert alpha.requests == []


@pytest.mark.slow
def test_of_several_exit_codes_the_worst_counts(two) -> None:
    installation, alpha, beta = two
    alpha.faults.add(f"users/{alpha.company.plain_user_id}/permissions", faults.forbidden)
    beta.faults.add("users/me", faults.not_found, times=None)

    result = installation.command("sync", "--json")

    assert result.code == 1
    failed, partial = result.objects  # as they end: one that fails waits for no other
    assert (partial["company"], partial["status"]) == ("alpha", "partial")
    assert failed["company"] == "beta"
    assert "is not Pipedrive's API" in failed["error"]


@pytest.mark.slow
def test_another_companys_run_waits_for_the_warehouse(two) -> None:
    installation, _, _ = two

    processes = [installation.process("sync", "--json", "--company", name) for name in ("alpha", "beta")]
    told = [installation.wait(process) for process in processes]

    assert [(one.code, one.objects[0]["status"]) for one in told] == [(0, "complete")] * 2
    assert query(installation.published, "SELECT company, count(*) FROM users GROUP BY 1 ORDER BY 1") == [
        ("alpha", 12),
        ("beta", 15),
    ]
