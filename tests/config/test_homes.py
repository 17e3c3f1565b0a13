"""A home folder may have any name that DuckDB can open; another is refused by a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from installation import Installation

from pipedrive_graph.config import settings
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.warehouse.database import literal


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/srv/a?b", "holds a '?' or a backslash, with which DuckDB cannot open a database"),
        ("/srv/a\\b", "holds a '?' or a backslash, with which DuckDB cannot open a database"),
        ("/srv/a\nb", "holds a control character, such as a line break"),
        ("/srv/a\x1b[31m", "holds a control character, such as a line break"),
        ("/srv/\udcff", "is not UTF-8 text"),
    ],
)
def test_a_home_that_cannot_be_used(path: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings.load({"PIPEDRIVE_GRAPH_HOME": path})
    assert str(caught.value) == (
        f"The path of the home folder {said}: set PIPEDRIVE_GRAPH_HOME to another folder."
    )


def test_a_link_to_such_a_home(tmp_path: Path) -> None:
    (tmp_path / "a?b").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "a?b")
    with pytest.raises(ConfigurationError, match="holds a '\\?' or a backslash"):
        settings.load({"PIPEDRIVE_GRAPH_HOME": str(tmp_path / "home")})


def test_a_carriage_return_at_the_end_of_a_value_does_not_count(tmp_path: Path) -> None:
    loaded = settings.load(
        {
            "PIPEDRIVE_GRAPH_HOME": f"{tmp_path}/h\r",
            "PIPEDRIVE_COMPANY": "acme\r\n",
            "PIPEDRIVE_BASE_URL": "https://api.pipedrive.com/v1\r",
            "PIPEDRIVE_COLLECT": "by-access\r",
            "PIPEDRIVE_ROSTER": "people.csv\r",
            "PIPEDRIVE_DAILY_LIMIT": "7\r",
        }
    )
    assert loaded.folder == tmp_path / "h"
    (company,) = loaded.companies
    assert (company.name, company.base_url, company.collect) == (
        "acme",
        "https://api.pipedrive.com/v1",
        "by-access",
    )
    assert (company.roster, company.daily_limit) == (tmp_path / "h" / "people.csv", 7)


def test_a_pattern_means_itself() -> None:
    assert literal("/a*b/[c]/d?") == "/a[*]b/[[]c]/d[?]"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a*b", "[a]", "[/b]", "#%20;&", 'it\'s "so" ☃', "{a,b} $HOME ~"])
def test_a_whole_night_in_a_home_of_that_name(tmp_path: Path, serve, name: str) -> None:
    simulator = serve(users=8)
    for other in ("axb", "a") if name in {"a*b", "[a]"} else ():  # homes that a pattern would match, too
        neighbour = Installation.of(tmp_path / other / "home", simulator)
        assert neighbour.command("sync").code == 0
    installation = Installation.of(tmp_path.joinpath(name) / "home", simulator)

    told = [
        installation.command(*arguments)
        for arguments in (
            ("sync",), ("rebuild",), ("report",), ("export", "--format", "csv"),
            ("export", "--format", "parquet"),
            ("export", "--format", "xlsx"), ("doctor",),
        )
    ]  # fmt: skip

    assert [(one.code, one.err) for one in told] == [(0, "")] * 7
    for file in ("warehouse.duckdb", "identity_graph.duckdb", "exports/parquet/users.parquet"):
        assert (installation.home / file).is_file()
    assert str(installation.home) in told[2].out
