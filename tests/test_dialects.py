"""Both descriptions of the API tell the same story of the same company."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from installation import Installation, Silent
from published import query, tables

from pipedrive_graph.simulator.server import Options, Simulator

SAME = ["users", "roles", "role_tree", "user_roles", "user_permissions", "role_permissions"]

COMPANY: dict[str, Any] = {"users": 60, "seed": 5, "now": datetime(2026, 11, 22, tzinfo=UTC)}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory):
    """The same company, read in either dialect: its tables, and the warnings on the way."""
    told = {}
    for dialect in ("official", "brief"):
        with Simulator(Options(**COMPANY, limit=2000, dialect=dialect)) as simulator:
            installation = Installation.of(tmp_path_factory.mktemp(dialect) / "home", simulator)
            observer = Silent()
            assert installation.night(observer=observer).verdict.status == "complete"
            told[dialect] = (installation, observer.warnings)
    return told


@pytest.mark.parametrize("name", SAME)
def test_the_same_rows(told, name: str) -> None:
    official, brief = (
        tables(told[dialect][0].published, clock=False)[name] for dialect in ("official", "brief")
    )
    assert official == brief != []


def test_the_brief_has_no_permission_sets_and_says_nothing_about_them(told) -> None:
    installation, warnings = told["brief"]
    assert query(installation.published, "SELECT count(*) FROM permission_sets") == [(0,)]
    assert warnings == [
        "127.0.0.1 does not take the API token in a header: it is sent in the URL (?api_token=), "
        "where servers and proxies may log it."
    ]
    explained = "SELECT count(*) FROM user_role_permissions WHERE len(granted_by) > 0"
    assert query(installation.published, explained) == [(0,)]


def test_the_official_dialect_needs_no_warning(told) -> None:
    installation, warnings = told["official"]
    assert warnings == []
    assert query(installation.published, "SELECT count(*) > 0 FROM permission_sets") == [(True,)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"null_lists": True, "iso_dates": True, "set_shape": "object", "reset": "epoch_ms"},
        pytest.param({"set_shape": "bare", "reset": "epoch", "clock_offset": 7200.0}, marks=pytest.mark.slow),
    ],
    ids=lambda options: "-".join(options),
)
def test_the_quirks_of_the_server_make_no_difference(told, serve, home, options) -> None:
    simulator = serve(**COMPANY, **options)
    installation = Installation.of(home, simulator)

    assert installation.night().verdict.status == "complete"

    quirky, plain = (
        tables(path, clock=False) for path in (installation.published, told["official"][0].published)
    )
    for name in [*SAME, "permission_sets", "user_role_permissions"]:
        assert quirky[name] == plain[name], name
