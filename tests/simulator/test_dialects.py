"""What both dialects answer: the same company, told differently."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipedrive_graph.simulator.company import generate
from pipedrive_graph.simulator.model import DELETED, NEWER_APPS
from pipedrive_graph.simulator.permissions import FLAGS
from pipedrive_graph.simulator.server import Options, Simulator

from . import rules
from .calling import call, pages
from .reading import Reading

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
WRONG = "wrong"


def simulator(dialect, **options) -> Simulator:
    return Simulator(Options(users=40, seed=2, now=NOW, dialect=dialect, limit=100_000, **options))


@pytest.fixture(scope="module")
def official():
    with simulator("official") as running:
        yield running


@pytest.fixture(scope="module")
def brief():
    with simulator("brief") as running:
        yield running


def rows_of(running: Simulator, path: str) -> dict:
    users = pages(running, "users") if path else []
    return {user["id"]: call(running, f"users/{user['id']}/{path}").data for user in users}


def test_both_dialects_describe_the_same_company(official, brief) -> None:
    one, other = call(official, "users").data, pages(brief, "users", limit=7)
    assert len(one) == 40
    volatile = {"phone", "is_admin", "signup_flow_variation"}
    assert [{k: v for k, v in user.items() if k not in volatile} for user in one] == [
        {k: v for k, v in user.items() if k not in volatile} for user in other
    ]
    assert rows_of(official, "permissions") == rows_of(brief, "permissions")
    held = [
        {
            user_id: [(row["user_id"], row["role_id"], row["active_flag"]) for row in rows]
            for user_id, rows in rows_of(running, "roleAssignments").items()
        }
        for running in (official, brief)
    ]
    assert held[0] == held[1]
    assert pages(official, "roles") == pages(brief, "roles", limit=3)


@pytest.mark.parametrize("dialect", ["official", "brief"])
def test_the_answers_over_http_are_those_that_the_truth_was_checked_with(dialect, request) -> None:
    running = request.getfixturevalue(dialect)
    users = pages(running, "users")
    held = rows_of(running, "roleAssignments")
    roles = {role["id"]: role for role in pages(running, "roles")}
    unlisted = {row["role_id"] for rows in held.values() for row in rows} - set(roles)
    sets = None
    if dialect == "official":
        listed = [entry["id"] for entry in call(running, "permissionSets").data]
        sets = {set_id: call(running, f"permissionSets/{set_id}").data[0] for set_id in listed}
    reading = Reading(
        company_id=call(running, "users/me").data["company_id"],
        collector=call(running, "users/me").data["id"],
        users=users,
        roles=roles,
        assignments=held,
        permissions=rows_of(running, "permissions"),
        sets=sets,
    )
    assert {call(running, f"roles/{role_id}").status for role_id in unlisted} <= {404}
    assert rules.findings(reading, NOW) == {tuple(row.values()) for row in running.truth()}


def test_official_users_are_one_list_whatever_is_asked(official) -> None:
    answer = call(official, "users?start=10&limit=5")
    assert len(answer.data) == 40
    assert "additional_data" not in answer.json
    assert all("is_admin" not in user for user in answer.data)


def test_brief_users_come_in_pages(brief) -> None:
    first = call(brief, "users?limit=15").json
    assert len(first["data"]) == 15
    assert first["additional_data"]["pagination"] == {
        "start": 0,
        "limit": 15,
        "more_items_in_collection": True,
        "next_start": 15,
    }
    last = call(brief, "users?start=30&limit=15").json
    assert len(last["data"]) == 10
    assert last["additional_data"]["pagination"] == {
        "start": 30,
        "limit": 15,
        "more_items_in_collection": False,
    }
    assert {user["is_admin"] for user in pages(brief, "users")} == {0, 1}


def test_pages_hold_a_hundred_rows_unless_told_and_five_hundred_at_most() -> None:
    with Simulator(Options(users=620, dialect="brief")) as running:
        for query, size in [("users", 100), ("users?limit=501", 500), ("users?limit=x", 100)]:
            body = call(running, query).json
            assert len(body["data"]) == body["additional_data"]["pagination"]["limit"] == size


def test_the_rows_have_the_documented_shapes(official, brief) -> None:
    owner = official.company.owner_id
    (row,) = call(official, f"users/{owner}/roleAssignments").data
    assert list(row) == ["user_id", "role_id", "parent_role_id", "name", "active_flag", "type"]
    assert row["type"] == "1"
    (row,) = call(brief, f"users/{owner}/roleAssignments").data
    assert list(row) == ["id", "role_id", "user_id", "active_flag"]
    listed = call(official, "roles").data[1]
    assert listed["assignment_count"].isdecimal()
    assert listed["sub_role_count"].isdecimal()
    role = call(official, f"roles/{listed['id']}").json
    assert "level" not in role["data"]
    assert role["additional_data"]["settings"] == call(official, f"roles/{listed['id']}/settings").data
    permissions = call(official, f"users/{owner}/permissions").data
    assert sorted(permissions) == list(FLAGS)
    assert set(permissions.values()) == {True}


def test_counts_agree_with_the_rows(official) -> None:
    wrong = {row["subject_id"] for row in official.truth() if row["rule"] == "count_mismatch"}
    for role in pages(official, "roles"):
        assert (str(role["id"]) in wrong) == (
            int(role["assignment_count"]) != len(pages(official, f"roles/{role['id']}/assignments"))
        )
    for entry in call(official, "permissionSets").data:
        answer = call(official, f"permissionSets/{entry['id']}/assignments")
        assert (entry["id"] in wrong) == (
            entry["assignment_count"] != (len(answer.data) if answer.status == 200 else 0)
        )


def test_permission_sets_are_the_official_dialects_alone(official, brief) -> None:
    listed = call(official, "permissionSets").data
    assert {entry["app"] for entry in call(official, "permissionSets?app=sales").data} == {"sales"}
    assert len(call(official, "permissionSets?app=sales").data) < len(listed)
    set_id = listed[0]["id"]
    for path in ("permissionSets", f"permissionSets/{set_id}", f"permissionSets/{set_id}/assignments"):
        assert call(brief, path).status == 404
    assert call(brief, "roles/1/assignments").status == 404


def test_a_set_that_nobody_has_answers_404_for_its_assignments(official) -> None:
    unheld = [entry["id"] for entry in call(official, "permissionSets").data if not entry["assignment_count"]]
    assert unheld
    answer = call(official, f"permissionSets/{unheld[0]}/assignments")
    assert (answer.status, answer.json) == (404, {"success": False, "error": "Not Found"})


def test_both_prefixes_serve(official) -> None:
    assert call(official, "users/me", prefix="/api/v1").body == call(official, "users/me").body


def test_me_names_the_company(official) -> None:
    me = call(official, "users/me").data
    assert me["id"] == official.company.owner_id
    assert me["is_you"]
    assert me["company_id"] == official.company.id
    assert me["company_name"] == official.company.name
    assert me["language"] == {"language_code": "en", "country_code": "GB"}


def test_find_looks_in_names_or_addresses_of_active_users(official) -> None:
    me = call(official, "users/me").data
    by_email = call(official, f"users/find?term={me['email'][3:]}&search_by_email=1").data
    assert [user["id"] for user in by_email] == [me["id"]]
    assert call(official, f"users/find?term={me['email']}").data == []
    inactive = next(u for u in official.company.users.values() if not u.active and not u.deleted)
    assert call(official, f"users/find?term={inactive.email}&search_by_email=1").data == []
    assert call(official, "users/find").status == 400


def test_what_a_caller_sees_depends_on_the_caller(official) -> None:
    mine = call(official, "users").data
    theirs = call(official, "users", token=official.options.user_token).data
    assert [user["id"] for user in mine if user["is_you"]] == [official.company.owner_id]
    assert [user["id"] for user in theirs if user["is_you"]] == [official.company.plain_user_id]
    assert all(user["phone"] is None for user in mine if not user["is_you"])
    assert any(user["modified"] for user in mine)
    assert not any(user["modified"] for user in theirs)


@pytest.mark.parametrize("dialect", ["official", "brief"])
def test_what_is_not_there_is_a_json_404(dialect, request) -> None:
    running = request.getfixturevalue(dialect)
    for path in ("users/1", "users/abc", "users/1/permissions", "users/1/roleAssignments"):
        answer = call(running, path)
        assert answer.status == 404
        assert answer.json == {"success": False, "error": "User not found or not accessible."}
    for path in ("roles/99999", "nothing", "users/1/2/3", "users/", ""):
        assert call(running, path).status == 404
        assert call(running, path).json["success"] is False
    assert call(running, "users", prefix="/v9").json["error"] == "Unknown method."
    assert call(running, "users", method="DELETE").json["success"] is False


@pytest.mark.parametrize(
    ("shape", "unpack"),
    [
        ("list", lambda body: body["data"][0]),
        ("object", lambda body: body["data"]),
        ("bare", lambda body: body),
    ],
)
def test_a_permission_set_comes_in_three_shapes(shape, unpack) -> None:
    with simulator("official", set_shape=shape) as running:
        set_id = next(iter(running.company.sets))
        entry = unpack(call(running, f"permissionSets/{set_id}").json)
        assert entry["id"] == set_id
        assert entry["contents"] == running.company.sets[set_id].contents


def test_quirks_on_request() -> None:
    with simulator("official", null_lists=True, iso_dates=True) as running:
        running.company.assignments[running.company.owner_id] = []
        assert call(running, f"users/{running.company.owner_id}/roleAssignments").json["data"] is None
        dates = {user["last_login"] for user in call(running, "users").data}
        assert "0000-00-00 00:00:00" in dates
        assert any(date and date.endswith("Z") and "T" in date for date in dates)


@pytest.mark.parametrize(
    ("paging", "expected"),
    [
        (
            "next_start",
            {"pagination": {"start": 0, "limit": 2, "more_items_in_collection": True, "next_start": 2}},
        ),
        ("limit", {"pagination": {"start": 0, "limit": 2, "more_items_in_collection": True}}),
        ("flat", {"start": 0, "limit": 2, "more_items_in_collection": True}),
    ],
)
def test_a_page_speaks_of_the_next_one_in_three_forms(paging, expected) -> None:
    with simulator("official", paging=paging) as running:
        assert call(running, "roles?limit=2").json["additional_data"] == expected


def test_role_ids_and_languages_come_as_texts_on_request() -> None:
    with simulator("official", role_ids="text", lang="text") as running:
        rows = call(running, "users").data
        expected = [
            None if user.role_id is None else str(user.role_id) for user in running.company.users.values()
        ]
        assert [row["role_id"] for row in rows] == expected
        assert {row["lang"] for row in rows} == {"en-GB"}


def test_a_root_is_its_own_parent_and_levels_are_odd_on_request() -> None:
    with simulator("official", root_parent="itself", levels="example") as running:
        rows = {row["id"]: row for row in call(running, "roles").data}
        assert rows[1]["parent_role_id"] == 1
        below = [row for row in rows.values() if row["parent_role_id"] == 1]
        assert {row["level"] for row in below} == {1}
        assert 2 in {row["level"] for row in rows.values()}
        assert call(running, "roles/1").data["parent_role_id"] == 1


def test_admin_sets_list_nothing_on_request() -> None:
    with simulator("official", empty_admin_sets=True) as running:
        for entry in running.company.sets.values():
            shown = call(running, f"permissionSets/{entry.id}").data[0]["contents"]
            assert shown == ([] if entry.kind == "admin" else entry.contents)


def test_the_newer_apps_have_sets_and_users() -> None:
    with simulator("official") as running:
        for app in NEWER_APPS:
            regular = running.company.add_app(app)
            assert {entry["app"] for entry in call(running, f"permissionSets?app={app}").data} == {app}
            assert call(running, f"permissionSets/{regular}/assignments").status == 200


def test_a_user_whom_support_deleted_has_a_random_name() -> None:
    with simulator("official") as running:
        user = running.company.plain_user_id
        running.company.delete(user, by_support=True)
        (row,) = [row for row in call(running, "users").data if row["id"] == user]
        assert (row["active_flag"], row["is_deleted"]) == (False, True)
        assert DELETED not in (row["name"], row["email"])
        assert "@" in row["email"]


def test_an_unlisted_role_answers_by_id() -> None:
    with simulator("official") as running:
        role_id = max(running.company.roles)
        running.company.roles[role_id].listed = False
        assert role_id not in {role["id"] for role in call(running, "roles").data}
        assert call(running, f"roles/{role_id}").status == 200


class TestAuthorisation:
    def test_official_takes_the_header_or_the_query(self, official) -> None:
        assert call(official, "users/me", auth="header").status == 200
        assert call(official, "users/me", auth="query").status == 200

    def test_brief_takes_the_query_only(self, brief) -> None:
        assert call(brief, "users/me", auth="query").status == 200
        assert call(brief, "users/me", auth="header").status == 401

    @pytest.mark.parametrize("dialect", ["official", "brief"])
    @pytest.mark.parametrize("auth", ["header", "query", "none"])
    def test_a_wrong_token_is_a_401(self, dialect, auth, request) -> None:
        answer = call(request.getfixturevalue(dialect), "users/me", token=WRONG, auth=auth)
        assert answer.status == 401
        assert answer.headers["x-401-by-gw"] == "true"
        assert answer.json == {
            "success": False,
            "error": "unauthorized access",
            "errorCode": 401,
            "error_info": "Please check developers.pipedrive.com",
        }

    def test_a_plain_user_may_not_see_roles_and_sets(self, official) -> None:
        token = official.options.user_token
        me = call(official, "users/me", token=token).data
        assert not any(entry["admin"] for entry in me["access"])
        for path in ("roles", "roles/1", "permissionSets", "roles/1/settings"):
            answer = call(official, path, token=token)
            assert answer.status == 403
            assert answer.json == {
                "success": False,
                "error": "You do not have permissions to do this.",
                "error_info": "Please check developers.pipedrive.com",
                "data": None,
                "additional_data": None,
            }
        assert call(official, f"users/{me['id']}/permissions", token=token).status == 200
        assert call(official, "users", method="POST", token=token, send={"email": "a@b.c"}).status == 403

    def test_the_brief_shows_a_plain_user_nobody_else(self, brief) -> None:
        token = brief.options.user_token
        assert call(brief, "users", token=token).status == 403
        me = call(brief, "users/me", token=token).data
        assert me["is_admin"] == 0
        assert call(brief, f"users/{brief.company.owner_id}", token=token).data["id"] == me["id"]

    def test_the_token_of_who_was_deactivated_is_worth_nothing(self) -> None:
        with simulator("official") as running:
            running.company.deactivate(running.company.owner_id)
            assert call(running, "users/me").status == 401


class TestWrites:
    @pytest.fixture(params=["official", "brief"])
    def running(self, request):
        with simulator(request.param) as running:
            yield running

    def test_hire_seat_and_dismiss(self, running) -> None:
        hired = call(running, "users", method="POST", send={"name": "New", "email": "new@x.example"}).data
        user_id = hired["id"]
        brief = running.options.dialect == "brief"
        assert hired["name"] == ("New" if brief else "new@x.example")
        assert (hired["created"], hired["timezone_name"], hired["active_flag"]) == (None, None, True)
        assert [entry["app"] for entry in hired["access"]] == ["sales"]
        rows = call(running, f"users/{user_id}/roleAssignments").data
        assert [row["role_id"] for row in rows] == ([] if brief else [1])
        role_id = max(role["id"] for role in pages(running, "roles") if role["active_flag"])
        moved = call(running, f"roles/{role_id}/assignments", method="POST", send={"user_id": user_id})
        assert moved.json == {"success": True, "data": {"user_id": user_id, "role_id": role_id}}
        rows = call(running, f"users/{user_id}/roleAssignments").data
        assert [row["role_id"] for row in rows] == [role_id]
        assert call(running, f"users/{user_id}").data["role_id"] == role_id
        off = call(running, f"users/{user_id}", method="PUT", send={"active_flag": False, "name": "No"})
        assert (off.data["active_flag"], off.data["name"]) == (False, hired["name"])

    def test_what_is_wrong_changes_nothing(self, running) -> None:
        taken = running.company.users[running.company.owner_id].email.upper()
        for send, code in [({}, 400), ([], 400), ({"name": "A", "email": taken}, 403)]:
            assert call(running, "users", method="POST", send=send).status == code
        wrong_access = {"name": "A", "email": "a@x.example", "access": [{"app": "nowhere"}]}
        assert call(running, "users", method="POST", send=wrong_access).status == 400
        user_id = running.company.owner_id
        assert call(running, f"users/{user_id}", method="PUT", send={"name": "A"}).status == 400
        assert call(running, "users/1", method="PUT", send={"active_flag": True}).status == 404
        assert call(running, "roles/9999/assignments", method="POST", send={"user_id": user_id}).status == 404
        assert call(running, "roles/1/assignments", method="POST", send={"user_id": "1"}).status == 404
        assert len(running.company.users) == 40


def test_a_company_that_changes_answers_differently() -> None:
    company = generate(12, 0, NOW, clean=True)
    with Simulator(Options(), company=company) as running:
        user_id = company.plain_user_id
        company.users[user_id].name = "=cmd()"
        assert call(running, f"users/{user_id}").data["name"] == "=cmd()"
        company.remove_user(user_id)
        assert call(running, f"users/{user_id}").status == 404
        assert len(call(running, "users").data) == 11
