from __future__ import annotations

import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipedrive_graph.common.redaction import Redaction
from pipedrive_graph.pipedrive.answers import Outcome
from pipedrive_graph.pipedrive.body import UnusableError, as_json_string, one_line
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.http_types import Response
from pipedrive_graph.pipedrive.models import PermissionSet, RoleAssignment, User
from pipedrive_graph.pipedrive.responses import RetryableError, parse_response

NONE = "data: none of the rows can be read"
CALLS = [Call(endpoint, "7" if endpoint.takes_id else None) for endpoint in Endpoint]
REDACTION = Redaction("canary-0123456789abcdef")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
field_names = st.sampled_from(
    ["id", "email", "access", "active_flag", "role_id", "user_id", "company_id", "contents", "is_admin"]
)
rows = st.dictionaries(field_names | st.text(), json_values, max_size=6)
envelopes = st.fixed_dictionaries(
    {"data": json_values | rows | st.lists(rows, max_size=4)},
    optional={
        "success": st.just(True) | json_values,
        "additional_data": st.fixed_dictionaries(
            {
                "pagination": st.dictionaries(
                    st.sampled_from(["start", "limit", "more_items_in_collection", "next_start"]),
                    json_values,
                )
            }
        )
        | json_values,
    },
)


def body_of(data: object, **rest: object) -> bytes:
    return json.dumps({"success": True, "data": data, **rest}).encode()


def answered(call: Call, body: bytes):
    return parse_response(call, Response(200, {}, body), REDACTION)


@given(
    st.sampled_from(CALLS),
    st.integers(200, 599),
    st.binary() | json_values.map(json.dumps).map(str.encode) | envelopes.map(json.dumps).map(str.encode),
)
def test_whatever_comes_it_is_an_answer_or_unsettled(call: Call, status: int, body: bytes):
    try:
        answer = parse_response(call, Response(status, {}, body), REDACTION)
    except RetryableError as error:
        answer = error.answer
        assert answer.outcome is Outcome.FAILED
        assert answer.problem
    json.loads(answer.text)
    assert len(answer.text.splitlines()) == 1
    assert len((answer.problem or "x").splitlines()) == 1
    answer.text.encode("utf-8")
    assert (answer.data is None) == (answer.outcome is not Outcome.ANSWERED)


@given(envelopes)
def test_a_document_is_kept_value_for_value(document: dict[str, object]):
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        line, payload = one_line(text.encode("utf-8"))
    except (UnusableError, UnicodeEncodeError):
        return
    assert payload == json.loads(line) == json.loads(text)


@pytest.mark.parametrize("body", [b'{"a": NaN}', b"[Infinity]", b"-Infinity", b'{"a":', b"\xff\xfe"])
def test_what_is_no_json_is_refused(body: bytes):
    with pytest.raises(UnusableError, match="the body is no"):
        one_line(body)


def test_deep_nesting_is_refused():
    with pytest.raises(RetryableError, match="the body is"):
        answered(Call(Endpoint.USERS), b'{"data":' + b"[" * 200_000)
    deep = b"[" * 900 + b"]" * 900
    with pytest.raises(RetryableError, match=f"{NONE}; row 1: id: is missing"):
        answered(Call(Endpoint.USERS), b'{"data": [{"x": ' + deep + b"}]}")
    echo = b'{"data": [{"id": 1, "x": ' + deep + b', "y": "canary-0123456789abcdef"}]}'
    with pytest.raises(RetryableError, match="nested too deeply"):
        answered(Call(Endpoint.USERS), echo)


def test_a_field_that_stands_often_is_found_in_linear_time():
    fields = [f'"f{number}": 1' for number in range(400_000)]
    started = time.process_time()
    with pytest.raises(UnusableError, match="the field 'f399999' appears twice"):
        one_line(("{" + ", ".join([*fields, fields[-1]]) + "}").encode())
    with pytest.raises(UnusableError, match="the field 'a' appears twice"):
        one_line(b"{" + b'"a": 1, ' * 400_000 + b'"a": 1}')
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "piece",
    [
        rb'"\ud800\ud83d\ude00",',
        b'"\xe2\x80\xa8\xc2\x85",',
        b"[" * 500 + b"]" * 500 + b",",
        b"1" * 4_300 + b",",
        b"{},",
    ],
    ids=["surrogates", "line breaks", "nesting", "long numbers", "objects"],
)
def test_a_body_is_read_in_linear_time(piece: bytes):
    body = b"[" + piece * (2**21 // len(piece)) + b"0]"
    started = time.process_time()
    one_line(body)
    assert time.process_time() - started < 3


def test_a_number_of_too_many_digits_and_too_many_values_are_refused():
    with pytest.raises(UnusableError, match="the body is not JSON"):
        one_line(b"[" + b"1" * 5_000_000 + b"]")
    with pytest.raises(UnusableError, match="the body holds more than 4,000,000 values"):
        one_line(b"[" + b"0," * 4_000_000 + b"0]")


def test_half_a_surrogate_pair_is_no_character():
    body = rb'{"data": [{"id": 1, "name": "a\ud800b\ud83d\ude00\\ud800\uDC00"}]}'
    answer = answered(Call(Endpoint.USERS), body)
    assert json.loads(answer.text)["data"][0]["name"] == "a\ufffdb\U0001f600\\ud800\ufffd"


def test_line_breaks_of_every_kind_leave_one_line():
    body = '\ufeff{"data":\r\n [{"id": 1,\n "name": "a\u2028b\x85c"}]}\n'.encode()
    answer = answered(Call(Endpoint.USERS), body)
    assert answer.text.splitlines() == [answer.text]
    assert json.loads(answer.text)["data"][0]["name"] == "a\u2028b\x85c"


def test_ten_megabytes_in_a_name():
    answer = answered(Call(Endpoint.USERS), body_of([{"id": 1, "name": "x" * 10_000_000}]))
    assert [user.id for user in answer.rows(User)] == [1]
    assert len(json.loads(answer.text)["data"][0]["name"]) == 10_000_000


def test_a_body_that_is_no_json_is_kept_as_a_string():
    assert as_json_string(b"  ") == "null"
    assert json.loads(as_json_string(b"<html>\n")) == "<html>"
    assert len(json.loads(as_json_string("ü".encode() * 9000))) == 2000


def test_a_record_is_read_leniently_and_keeps_what_it_does_not_know():
    row = {
        "id": "42",
        "active_flag": "1",
        "is_deleted": 0,
        "role_id": None,
        "access": [{"app": "sales", "admin": 1, "permission_set_id": 7}],
        "favourite_colour": "blue",
    }
    (user,) = answered(Call(Endpoint.USERS), body_of([row])).rows(User)
    assert (user.id, user.active_flag, user.is_deleted, user.role_id) == (42, True, False, None)
    assert user.access is not None
    assert user.access[0].permission_set_id == "7"
    assert not hasattr(user, "favourite_colour")  # it is only in the answer's text


@pytest.mark.parametrize("value", [None, "absent"])
def test_an_absent_access_is_unknown(value):
    row = {"id": 1} if value else {"id": 1, "access": None}
    assert answered(Call(Endpoint.USERS), body_of([row])).rows(User)[0].access is None


def test_an_optional_field_that_cannot_be_read_is_none():
    row = {"id": 1, "role_id": "abc", "access": [{"app": 5, "admin": "no"}, 3], "is_deleted": ["x"]}
    answer = answered(Call(Endpoint.USERS), body_of([{"id": 9}, row]))
    assert answer.rows(User) == [User(id=9), User(id=1)]
    assert answer.unreadable == ()


@pytest.mark.parametrize(
    "contents", ["can_add_deals", {"can_add_deals": True}, 7, ["can_add_deals", 7], [None]]
)
def test_contents_that_cannot_all_be_read_are_not_known(contents: object):
    answer = answered(Call(Endpoint.PERMISSION_SET, "7"), body_of({"id": 7, "contents": contents}))
    assert answer.rows(PermissionSet) == [PermissionSet(id="7")]


def test_one_field_of_an_access_entry_does_not_take_the_entry_with_it():
    row = {"id": 1, "access": [{"app": 5, "admin": True}]}
    (user,) = answered(Call(Endpoint.USERS), body_of([row])).rows(User)
    assert user.access is not None
    assert (user.access[0].app, user.access[0].admin) == (None, True)


@pytest.mark.parametrize(
    ("endpoint", "data", "problem"),
    [
        (Endpoint.USERS, [{"id": True}], f"users: {NONE}; row 1: id: expected an integer, got true"),
        (Endpoint.USERS, [{"id": 2**70}], f"users: {NONE}; row 1: id: expected an integer, got {2**70}"),
        (Endpoint.USERS, [{"name": "x"}, 3], f"users: {NONE}; row 1: id: is missing"),
        (Endpoint.USERS, ["x"], f"users: {NONE}; row 1: expected an object, got 'x'"),
        (Endpoint.USERS, {"id": 1}, "users: data: expected a list, got an object"),
        (Endpoint.PERMISSIONS, None, "users/7/permissions: data: expected a map of flags, got null"),
        (
            Endpoint.PERMISSIONS,
            {"can_x": "maybe"},
            "users/7/permissions: data: expected a map of flags; can_x: expected true or false, got 'maybe'",
        ),
        (Endpoint.ME, {"id": 1}, "users/me: company_id: is missing"),
        (Endpoint.PERMISSION_SET, [], "permissionSets/7: expected an object, got a list"),
    ],
)
def test_what_cannot_be_worked_with_names_endpoint_and_field(endpoint, data, problem):
    call = Call(endpoint, "7" if endpoint.takes_id else None)
    with pytest.raises(RetryableError) as caught:
        answered(call, body_of(data))
    assert caught.value.answer.problem == problem


@pytest.mark.parametrize(
    "body",
    [b"null", b"[]", b'"x"', b"3", b"{}", b"", b'{"success": false, "data": []}', b"<html></html>"],
)
def test_no_envelope_no_answer(body: bytes):
    with pytest.raises(RetryableError):
        answered(Call(Endpoint.USERS), body)


@pytest.mark.parametrize("given", ["", None, True, 1.5, ["x"]])
def test_a_set_without_an_id_does_not_spoil_the_list(given: object):
    """An empty id cannot be requested."""
    answer = answered(Call(Endpoint.PERMISSION_SETS), body_of([{"id": 7}, {"id": given}]))
    assert [row.id for row in answer.rows(PermissionSet)] == ["7"]
    ((problem, content),) = [(row.problem, row.content) for row in answer.unreadable]
    assert problem.startswith("row 2: id: expected an id, got")
    assert json.loads(content) == {"id": given}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"id": None}, "row 2: id: expected an integer, got null"),
        (None, "row 2: expected an object, got null"),
        ({"id": "abc"}, "row 2: id: expected an integer, got 'abc'"),
        ({"id": 99.5}, "row 2: id: expected an integer, got 99.5"),
        ({"id": True}, "row 2: id: expected an integer, got true"),
        ({"id": -1}, "row 2: id: expected an integer, got -1"),
        ({"id": 2**70}, f"row 2: id: expected an integer, got {2**70}"),
        ([1], "row 2: expected an object, got a list"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("endpoint", [Endpoint.USERS, Endpoint.ROLES])
def test_one_row_that_cannot_be_read_is_one_row(endpoint: Endpoint, row: object, problem: str):
    answer = answered(Call(endpoint), body_of([{"id": "7"}, row, {"id": 99.0}]))
    assert [getattr(record, "id", None) for record in answer.data or []] == [7, 99]
    assert [unreadable.problem for unreadable in answer.unreadable] == [problem]


def test_an_assignment_without_its_role_does_not_spoil_the_others():
    rows = [{"user_id": 7, "role_id": None}, {"user_id": 7, "role_id": "3"}]
    answer = answered(Call(Endpoint.ROLE_ASSIGNMENTS, "7"), body_of(rows))
    assert [row.role_id for row in answer.rows(RoleAssignment)] == [3]
    alone = answered(Call(Endpoint.ROLE_ASSIGNMENTS, "7"), body_of(rows[:1]))
    assert (alone.data, len(alone.unreadable)) == ([], 1)


def test_the_last_page_may_hold_nothing_but_a_row_that_cannot_be_read():
    answer = answered(Call(Endpoint.USERS, start=500), body_of([{"id": None}]))
    assert (answer.data, len(answer.unreadable)) == ([], 1)


@pytest.mark.parametrize("given", ["", " ", "0", 0, None])
def test_an_entry_of_access_may_name_no_set(given: object):
    access = [{"app": "sales", "admin": False, "permission_set_id": given}]
    answer = answered(Call(Endpoint.USERS), body_of([{"id": 7, "access": access}]))
    (user,) = answer.rows(User)
    assert user.access is not None
    assert user.access[0].permission_set_id is None


def test_null_is_an_empty_list():
    answer = answered(Call(Endpoint.ROLES), body_of(None))
    assert answer.data == []


def test_flags_are_an_open_set():
    data = {"can_use_api": 1, "can_fly": "false", "can_rest": None, "settings": {"x": 1}}
    answer = answered(Call(Endpoint.PERMISSIONS, "7"), body_of(data))
    flags = {"can_use_api": True, "can_fly": False, "can_rest": None, "settings": None}
    assert answer.data == flags


def test_a_map_in_which_no_flag_can_be_read_is_unusable_however_large_it_is():
    with pytest.raises(RetryableError, match="can_0: expected true or false, got 'maybe'"):
        answered(Call(Endpoint.PERMISSIONS, "7"), body_of({f"can_{n}": "maybe" for n in range(101)}))
    answer = answered(Call(Endpoint.PERMISSIONS, "7"), body_of({"can_x": "maybe", "can_y": None}))
    assert answer.data == {"can_x": None, "can_y": None}


@pytest.mark.parametrize("shape", ["list", "object", "bare"])
def test_a_permission_set_comes_in_three_shapes(shape: str):
    record = {"id": "7", "name": "Deals", "contents": ["can_use_api"]}
    shapes = {"list": body_of([record]), "object": body_of(record), "bare": json.dumps(record).encode()}
    answer = answered(Call(Endpoint.PERMISSION_SET, "7"), shapes[shape])
    assert answer.rows(PermissionSet)[0].contents == ["can_use_api"]


@pytest.mark.parametrize(
    ("pagination", "expected"),
    [
        ({"more_items_in_collection": True, "next_start": 100}, 100),
        ({"more_items_in_collection": "1", "next_start": "100"}, 100),
        ({"next_start": 100}, 100),
        ({"more_items_in_collection": True, "start": 40}, 41),
        ({"more_items_in_collection": True, "start": 40, "limit": 100}, 140),
        ({"more_items_in_collection": True, "start": "40", "limit": "100"}, 140),
        ({"more_items_in_collection": True, "start": 40, "limit": 0}, 41),
        ({"more_items_in_collection": True, "start": 40, "limit": 100, "next_start": 50}, 50),
        ({"more_items_in_collection": True, "start": 40, "next_start": 9 * 10**18}, 41),
        ({"more_items_in_collection": True, "start": 40, "limit": 9 * 10**18}, 41),
        ({"more_items_in_collection": True, "start": 10**9, "limit": 10**9}, 1),
        ({"more_items_in_collection": False, "next_start": 100}, None),
        ({"more_items_in_collection": False}, None),
        ({"more_items_in_collection": math.pi}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_the_next_page_is_where_the_answer_says(pagination, expected):
    for additional in ({"pagination": pagination}, pagination):  # the second as /leads has it
        body = body_of([{"id": 1}], additional_data=additional)
        assert answered(Call(Endpoint.USERS), body).next_start == expected


def test_rows_of_another_kind_are_a_mistake():
    answer = answered(Call(Endpoint.USERS), body_of([{"id": 1}]))
    with pytest.raises(TypeError, match="PermissionSet"):
        answer.rows(PermissionSet)


def test_an_html_404_proves_nothing():
    call = Call(Endpoint.USER, "7")
    assert parse_response(call, Response(404, {}, b"{}"), REDACTION).outcome is Outcome.GONE
    with pytest.raises(RetryableError, match="status 404"):
        parse_response(call, Response(404, {"content-type": "text/html"}, b"<html>"), REDACTION)
