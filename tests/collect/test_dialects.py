"""Both descriptions of the API tell the same story of the same company."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from installation import Installation, Silent
from published import query, tables

from pipedrive_graph.simulator.model import NEWER_APPS
from pipedrive_graph.simulator.server import Options, Simulator

pytestmark = pytest.mark.slow

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
        "127.0.0.1 does not accept the API token in a header: it is sent in the URL (?api_token=), "
        "where servers and proxies may log it."
    ]
    explained = "SELECT count(*) FROM user_role_permissions WHERE len(granted_by) > 0"
    assert query(installation.published, explained) == [(0,)]


def test_the_official_dialect_needs_no_warning(told) -> None:
    installation, warnings = told["official"]
    assert warnings == []
    assert query(installation.published, "SELECT count(*) > 0 FROM permission_sets") == [(True,)]


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


FOUND = "SELECT rule, subject_kind, subject_id, object FROM findings ORDER BY ALL"


def test_the_forms_in_which_the_api_says_the_same_make_no_difference(told, serve, home) -> None:
    """Texts for numbers, pages without `next_start`, a root that is its own parent, other levels."""
    simulator = serve(
        **COMPANY,
        paging="limit",
        page_limit=4,
        role_ids="text",
        lang="text",
        root_parent="itself",
        levels="example",
        empty_admin_sets=True,
    )
    installation = Installation.of(home, simulator)
    plain = told["official"][0]

    assert installation.night().verdict.status == "complete"

    assert query(installation.published, "SELECT count(*) FROM unreadable_values") == [(0,)]
    after, before = (tables(path, clock=False) for path in (installation.published, plain.published))
    for name in ("users", "role_tree", "user_roles", "user_permissions", "role_permissions"):
        assert after[name] == before[name], name
    for text in (
        FOUND,
        "SELECT role_id, name, depth, members FROM roles ORDER BY ALL",
        "SELECT source, target FROM edges WHERE kind = 'child_of' ORDER BY ALL",
    ):
        assert query(installation.published, text) == query(plain.published, text)
    assert query(
        installation.published,
        "SELECT DISTINCT contents, grants_everything FROM permission_sets WHERE type = 'admin'",
    ) == [([], True)]


def test_flat_pages_make_no_difference(told, serve, home) -> None:
    simulator = serve(**COMPANY, paging="flat", page_limit=4)
    installation = Installation.of(home, simulator)

    assert installation.night().verdict.status == "complete"

    after, before = (
        tables(path, clock=False) for path in (installation.published, told["official"][0].published)
    )
    assert {name: after[name] for name in SAME} == {name: before[name] for name in SAME}


def test_whom_support_deleted_is_deleted_whatever_the_name_is(serve, home) -> None:
    """And apps that are new are apps."""
    simulator = serve(users=12, clean=True)
    company = simulator.company
    regular = {app: company.add_app(app) for app in NEWER_APPS}
    installation = Installation.of(home, simulator)
    installation.night()
    before = query(installation.published, FOUND)
    assert before == []
    assert query(
        installation.published,
        "SELECT DISTINCT app, permission_set_id FROM user_permission_sets"
        " WHERE app IN ('nova', 'partnership') ORDER BY ALL",
    ) == sorted(regular.items())
    first, second = [u.id for u in company.users.values() if u.active and not u.admin_apps][:2]
    company.delete(first)
    company.delete(second, by_support=True)

    installation.night()

    found = query(installation.published, FOUND)
    rules = {
        user: {(rule, object_) for rule, _, subject, object_ in found if subject == str(user)}
        for user in (first, second)
    }
    assert rules[first] == rules[second]
    assert query(
        installation.published,
        "SELECT DISTINCT live, deleted FROM users WHERE user_id IN (?, ?)",
        first,
        second,
    ) == [(False, True)]
