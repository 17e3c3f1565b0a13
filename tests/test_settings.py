"""Settings from variables and from companies.toml; a secret is looked up when used, and shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipedrive_graph import settings
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.settings import Company


def test_nothing_is_set() -> None:
    loaded = settings.load({})
    assert loaded.companies == (Company("default", "https://api.pipedrive.com/v1", "PIPEDRIVE_API_TOKEN"),)
    assert loaded.home.name == "pipedrive-graph"
    assert loaded.home.is_absolute()


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


def test_empty_variables_are_as_none() -> None:
    names = ["PIPEDRIVE_GRAPH_HOME", "PIPEDRIVE_BASE_URL", "PIPEDRIVE_COMPANY"]
    assert settings.load(dict.fromkeys(names, "")) == settings.load({})


def test_a_home_is_found_from_a_shell(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ana")
    assert settings.load({"PIPEDRIVE_GRAPH_HOME": "~/graph"}).home == Path("/home/ana/graph")
    assert settings.load({"PIPEDRIVE_GRAPH_HOME": "graph"}).home == tmp_path / "graph"


def test_companies_are_set_by_the_file(tmp_path: Path) -> None:
    (tmp_path / "companies.toml").write_text(
        '[alpha]\napi_token_env = "ALPHA"\n\n[beta]\napi_token_env = "BETA"\nbase_url = "http://localhost:1/v1"'
    )
    loaded = settings.load({"PIPEDRIVE_GRAPH_HOME": str(tmp_path), "PIPEDRIVE_COMPANY": "ignored"})
    assert loaded.companies == (
        Company("alpha", "https://api.pipedrive.com/v1", "ALPHA"),
        Company("beta", "http://localhost:1/v1", "BETA"),
    )
    assert loaded.company("beta") is loaded.companies[1]


def test_a_company_that_is_not_set() -> None:
    with pytest.raises(
        ConfigurationError, match=r"There is no company 'acme' in the settings; there is: default\."
    ):
        settings.load({}).company("acme")


@pytest.mark.parametrize("name", ["", " ", "a b", "../up", "a/b", ".hidden", "-x", "ü", "x" * 64])
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
    with pytest.raises(ConfigurationError, match="the base URL must be a plain https address") as caught:
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
