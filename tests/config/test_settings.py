"""Settings from variables and from companies.toml; a secret is looked up when used, and shown nowhere."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pipedrive_graph.config import settings
from pipedrive_graph.config.company import Company
from pipedrive_graph.errors import ConfigurationError


def test_nothing_is_set() -> None:
    loaded = settings.load({})
    assert loaded.companies == (Company("default", "https://api.pipedrive.com/v1", "PIPEDRIVE_API_TOKEN"),)
    assert loaded.folder.name == "pipedrive-graph"
    assert loaded.folder.is_absolute()


def test_everything_is_set_by_variables(tmp_path: Path) -> None:
    loaded = settings.load(
        {
            "PIPEDRIVE_GRAPH_HOME": str(tmp_path),
            "PIPEDRIVE_BASE_URL": "https://acme.pipedrive.com/api/v1/",
            "PIPEDRIVE_COMPANY": "acme",
        }
    )
    assert loaded.companies == (Company("acme", "https://acme.pipedrive.com/api/v1"),)
    assert (loaded.landing, loaded.reports) == (tmp_path / "landing", tmp_path / "reports")
    assert loaded.warehouse == tmp_path / "warehouse.duckdb"
    assert loaded.published == tmp_path / "identity_graph.duckdb"


@pytest.mark.parametrize("blank", ["", " ", "\r", "\t\n"])
def test_empty_variables_are_as_none(blank: str) -> None:
    names = ["PIPEDRIVE_GRAPH_HOME", "PIPEDRIVE_BASE_URL", "PIPEDRIVE_COMPANY"]
    assert settings.load(dict.fromkeys(names, blank)) == settings.load({})


def test_a_home_is_found_from_a_shell(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ana")
    assert settings.load({"PIPEDRIVE_GRAPH_HOME": "~/graph"}).folder == Path("/home/ana/graph")
    assert settings.load({"PIPEDRIVE_GRAPH_HOME": "graph"}).folder == tmp_path / "graph"


def test_companies_are_set_by_the_file(tmp_path: Path) -> None:
    (tmp_path / "companies.toml").write_text(
        '[alpha]\napi_token_env = "ALPHA"\n\n[beta]\napi_token_env = "BETA"\nbase_url = "http://localhost:1/v1"'
    )
    loaded = settings.load({"PIPEDRIVE_GRAPH_HOME": str(tmp_path), "PIPEDRIVE_COMPANY": "ignored"})
    assert loaded.companies == (
        Company("alpha", "https://api.pipedrive.com/v1", "ALPHA"),
        Company(
            "beta", "http://localhost:1/v1", "BETA", base_url_name="base_url of [beta] in companies.toml"
        ),
    )
    assert loaded.company("beta") is loaded.companies[1]


def test_the_way_of_collecting_is_set_by_variables_and_by_the_file(tmp_path: Path) -> None:
    variables = {
        "PIPEDRIVE_GRAPH_HOME": str(tmp_path),
        "PIPEDRIVE_COLLECT": "by-access",
        "PIPEDRIVE_OBSERVE_WITHIN": "3.5",
    }
    (company,) = settings.load({}).companies
    assert (company.collect, company.observe_within) == ("every-user", timedelta(days=7))
    (company,) = settings.load(variables).companies
    assert (company.collect, company.observe_within) == ("by-access", timedelta(days=3.5))
    (tmp_path / "companies.toml").write_text(
        '[alpha]\napi_token_env = "A"\n\n'
        '[beta]\napi_token_env = "A"\ncollect = "every-user"\nobserve_within = 2'
    )
    alpha, beta = settings.load(variables).companies
    assert (alpha.collect, alpha.observe_within) == ("by-access", timedelta(days=3.5))
    assert (beta.collect, beta.observe_within) == ("every-user", timedelta(days=2))


def test_the_daily_budget_is_set_by_variables_and_by_the_file(tmp_path: Path) -> None:
    variables = {
        "PIPEDRIVE_GRAPH_HOME": str(tmp_path),
        "PIPEDRIVE_DAILY_RESERVE": "0.5",
        "PIPEDRIVE_DAILY_LIMIT": " 10000 ",
    }
    assert settings.load({}).companies[0].daily_reserve == 0.25
    assert settings.load(variables).companies == (Company("default", daily_reserve=0.5, daily_limit=10_000),)
    (tmp_path / "companies.toml").write_text(
        '[alpha]\napi_token_env = "A"\n\n[beta]\napi_token_env = "A"\ndaily_reserve = 0\ndaily_limit = 7'
    )
    alpha, beta = settings.load(variables).companies
    assert (alpha.daily_reserve, alpha.daily_limit) == (0.5, 10_000)
    assert (beta.daily_reserve, beta.daily_limit) == (0, 7)


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PIPEDRIVE_DAILY_RESERVE", "a quarter", "must hold a number, such as 0.25"),
        ("PIPEDRIVE_DAILY_RESERVE", "nan", "must hold a number, such as 0.25"),
        ("PIPEDRIVE_DAILY_RESERVE", "1", "PIPEDRIVE_DAILY_RESERVE must be a number from 0 to less than 1"),
        ("PIPEDRIVE_DAILY_RESERVE", "25", "PIPEDRIVE_DAILY_RESERVE must be a number from 0 to less than 1"),
        ("PIPEDRIVE_DAILY_RESERVE", "-0.1", "PIPEDRIVE_DAILY_RESERVE must be a number from 0 to less than 1"),
        ("PIPEDRIVE_COLLECT", "some", "PIPEDRIVE_COLLECT must be every-user or by-access, not 'some'"),
        ("PIPEDRIVE_OBSERVE_WITHIN", "0", "PIPEDRIVE_OBSERVE_WITHIN must be a number of days above 0"),
        ("PIPEDRIVE_RETENTION_DAYS", "0", "PIPEDRIVE_RETENTION_DAYS must be a whole number of days above 0"),
        (
            "PIPEDRIVE_RETENTION_DAYS",
            "1.5",
            "PIPEDRIVE_RETENTION_DAYS must be a whole number of days above 0",
        ),
        ("PIPEDRIVE_OBSERVE_WITHIN", "a week", "must hold a number, such as 7"),
        ("PIPEDRIVE_DAILY_LIMIT", "0", "PIPEDRIVE_DAILY_LIMIT must be a whole number above 0"),
        ("PIPEDRIVE_GRAPH_LOCK_WAIT", "an hour", "LOCK_WAIT must be a number of minutes from 0 to 10080"),
        ("PIPEDRIVE_GRAPH_LOCK_WAIT", "nan", "LOCK_WAIT must be a number of minutes from 0 to 10080"),
        ("PIPEDRIVE_GRAPH_LOCK_WAIT", "-1", "LOCK_WAIT must be a number of minutes from 0 to 10080"),
        ("PIPEDRIVE_DAILY_LIMIT", "1.5", "PIPEDRIVE_DAILY_LIMIT must be a whole number above 0"),
    ],
)
def test_daily_budgets_that_are_none(variable: str, value: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        settings.load({variable: value})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PIPEDRIVE_COMPANY", "a b"),
        ("PIPEDRIVE_BASE_URL", "nowhere"),
        ("PIPEDRIVE_DAILY_RESERVE", "2"),
        ("PIPEDRIVE_DAILY_LIMIT", "0"),
        ("PIPEDRIVE_COLLECT", "nope"),
        ("PIPEDRIVE_OBSERVE_WITHIN", "0"),
    ],
)
def test_the_one_variable_that_is_wrong_is_named(tmp_path: Path, variable: str, value: str) -> None:
    variables = {"PIPEDRIVE_GRAPH_HOME": str(tmp_path), variable: value}
    with pytest.raises(ConfigurationError, match=f"^The variable {variable}(:| must be) ") as alone:
        settings.load(variables)
    assert str(alone.value).count("PIPEDRIVE_") == 1

    (tmp_path / "companies.toml").write_text('[alpha]\napi_token_env = "A"\n')
    if variable != "PIPEDRIVE_COMPANY":  # the file names the companies itself, and not these
        with pytest.raises(ConfigurationError) as several:
            settings.load(variables)
        assert str(several.value) == str(alone.value)


@pytest.mark.parametrize("line", ['daily_reserve = "0.5"', "daily_reserve = true", "daily_limit = true"])
def test_daily_budgets_in_the_file_are_numbers(tmp_path: Path, line: str) -> None:
    (tmp_path / "companies.toml").write_text(f'[alpha]\napi_token_env = "A"\n{line}')
    with pytest.raises(ConfigurationError, match=r"\[alpha\]: daily_\w+ \(line 3\) must be a"):
        settings.load({"PIPEDRIVE_GRAPH_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("daily_limits = 5", "'daily_limits' (line 3) is not a setting; did you mean daily_limit?"),
        ("x = 5", "'x' (line 3) is not a setting."),
        ('roster = " "', "roster (line 3) must be a text."),
        ("base_url = 5", "base_url (line 3) must be a text."),
        ("collect = []", "collect (line 3) must be every-user or by-access, not '[]'."),
        (
            f"daily_limit = -{'9' * 400}",
            "daily_limit (line 3) must be a whole number above 0, such as 80000.",
        ),
        (
            "retention_days = 1.5",
            "retention_days (line 3) must be a whole number of days above 0, such as 365; leave it out to"
            " keep everything.",
        ),
    ],
)
def test_a_mistake_in_the_table_of_a_company(tmp_path: Path, line: str, sentence: str) -> None:
    file = tmp_path / "companies.toml"
    file.write_text(f'[alpha]\napi_token_env = "A"\n{line}')
    with pytest.raises(ConfigurationError) as raised:
        settings.load({"PIPEDRIVE_GRAPH_HOME": str(tmp_path)})
    assert str(raised.value) == f"{file}: [alpha]: {sentence}"


def test_a_company_that_is_not_set() -> None:
    with pytest.raises(ConfigurationError, match=r"The settings have no company 'acme'; there is: default\."):
        settings.load({}).company("acme")


@pytest.mark.parametrize("name", ["", "a b", "../up", "a/b", ".hidden", "-x", "ü", "x" * 64])
def test_names_that_are_none(name: str) -> None:
    if not name:  # not set
        assert settings.load({"PIPEDRIVE_COMPANY": name}).companies[0].name == "default"
        return
    with pytest.raises(ConfigurationError, match="cannot name a company"):
        settings.load({"PIPEDRIVE_COMPANY": name})


@pytest.mark.parametrize(
    "url",
    [
        "api.pipedrive.com/v1",
        "ftp://x/v1",
        "https://",
        "https://x/v1?api_token=abc",
        "https://me:secret@x/v1",
        "/v1",
    ],
)
def test_base_urls_that_are_none(url: str) -> None:
    with pytest.raises(
        ConfigurationError, match="PIPEDRIVE_BASE_URL must be a plain https address"
    ) as caught:
        settings.load({"PIPEDRIVE_BASE_URL": url})
    assert "abc" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_token_is_looked_up_when_it_is_used(monkeypatch) -> None:
    company = Company("acme", token_variable="ACME_TOKEN")  # noqa: S106 - a variable's name
    with pytest.raises(ConfigurationError, match=r"No API token for company 'acme': set .* ACME_TOKEN"):
        company.token()
    monkeypatch.setenv("ACME_TOKEN", "  abc\n")
    assert company.token() == "abc"
    assert "abc" not in repr(company)
