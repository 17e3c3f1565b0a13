"""The authorisation server that the simulator plays: what it hands out, and what that is worth."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from pipedrive_graph.simulator.server import Options, Simulator

from .calling import Answer

BACK = "http://127.0.0.1:1/callback"
SEED = Options().refresh_token


@contextmanager
def running(**options: Any) -> Iterator[Simulator]:
    with Simulator(Options(users=12, **options)) as simulator:
        yield simulator


def ask(
    simulator: Simulator,
    path: str,
    *,
    form: dict[str, str] | None = None,
    basic: str = "simulator-client:simulator-client-secret",
    **headers: str,
) -> Answer:
    """GET a path, or POST a form to it as the app."""
    where = urlsplit(simulator.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)
    if form is not None:
        credentials = base64.b64encode(basic.encode()).decode()
        headers = {
            "authorization": f"Basic {credentials}",
            "content-type": "application/x-www-form-urlencoded",
            **headers,
        }
    try:
        connection.request("GET" if form is None else "POST", path, form and urlencode(form), headers)
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def authorise(simulator: Simulator, client: str = "simulator-client") -> dict[str, str]:
    query = urlencode({"client_id": client, "redirect_uri": BACK, "state": "s"})
    answer = ask(simulator, f"/oauth/authorize?{query}")
    assert answer.status == 302
    target = urlsplit(answer.headers["location"])
    assert target._replace(query="").geturl() == BACK
    return {key: values[0] for key, values in parse_qs(target.query).items()}


def exchange(simulator: Simulator, code: str, redirect_uri: str = BACK, **how: Any) -> Answer:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    return ask(simulator, "/oauth/token", form=form, **how)


def refresh(simulator: Simulator, token: str) -> Answer:
    return ask(simulator, "/oauth/token", form={"grant_type": "refresh_token", "refresh_token": token})


def get(simulator: Simulator, path: str, token: str) -> Answer:
    return ask(simulator, path, authorization=f"Bearer {token}")


def test_a_code_becomes_a_token_once() -> None:
    with running() as simulator:
        told = authorise(simulator)
        tokens = exchange(simulator, told["code"]).json
        assert told["state"] == "s"
        assert tokens["expires_in"] == 3599
        assert tokens["scope"] == "base,users:read,admin"
        assert tokens["api_domain"] == simulator.oauth_url
        assert len(tokens["access_token"]) > 250
        me = get(simulator, "/api/v1/users/me", tokens["access_token"])
        assert me.data["id"] == simulator.company.owner_id
        assert me.headers["x-ratelimit-limit"] == "320"
        again = exchange(simulator, told["code"])
        assert (again.status, again.json["error"]) == (400, "invalid_grant")
        assert again.json["message"] == "Invalid grant: authorization_code is invalid"


def test_who_declines_sends_an_error_back() -> None:
    with running(deny=True) as simulator:
        assert authorise(simulator) == {"error": "user_denied", "state": "s"}


def test_what_the_authorisation_server_refuses() -> None:
    with running() as simulator:
        code = authorise(simulator)["code"]
        assert ask(simulator, "/oauth/authorize?client_id=other").status == 400
        assert ask(simulator, "/oauth/authorize?client_id=simulator-client").status == 400
        assert exchange(simulator, code, basic="simulator-client:wrong").json["error"] == "invalid_client"
        assert exchange(simulator, code, authorization="Bearer x").json["error"] == "invalid_client"
        assert exchange(simulator, code, authorization="Basic ?").json["error"] == "invalid_client"
        assert exchange(simulator, code, **{"content-type": "application/json"}).status == 400
        assert exchange(simulator, code, "http://other/callback").json["error"] == "invalid_grant"
        assert refresh(simulator, "wrong").json["message"] == "Invalid grant: refresh_token is invalid"
        missing = ask(simulator, "/oauth/token", form={"code": code}).json
        assert missing["message"] == "Missing parameter: grant_type"
        unknown = ask(simulator, "/oauth/token", form={"grant_type": "password"}).json
        assert unknown["message"] == "Unsupported grant type"


def test_a_refresh_token_comes_back_the_same() -> None:
    with running() as simulator:
        first, second = (refresh(simulator, SEED).json for _ in range(2))
        assert first["refresh_token"] == second["refresh_token"] == SEED
        assert first["access_token"] != second["access_token"]
        assert simulator.authority.refreshed == 2


def test_refresh_tokens_may_be_replaced_each_time() -> None:
    with running(rotate=True) as simulator:
        first = refresh(simulator, SEED).json
        assert first["refresh_token"] != SEED
        assert refresh(simulator, SEED).status == 400
        assert refresh(simulator, first["refresh_token"]).status == 200


def test_access_tokens_end() -> None:
    with running(token_lifetime=0) as simulator:
        token = refresh(simulator, SEED).json["access_token"]
        answer = get(simulator, "/v1/users", token)
        assert (answer.status, answer.headers["x-401-by-gw"]) == (401, "true")
        assert answer.json["error"] == "Invalid token: access_token is invalid"


def test_tokens_can_be_revoked() -> None:
    with running() as simulator:
        token = refresh(simulator, SEED).json["access_token"]
        assert get(simulator, "/v1/users", token).status == 200
        assert ask(simulator, "/oauth/revoke", form={"token": SEED}).status == 200
        assert get(simulator, "/v1/users", token).status == 401
        assert refresh(simulator, SEED).status == 400


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic abc", "x"])
def test_a_malformed_header_is_a_bad_request(header) -> None:
    with running() as simulator:
        answer = ask(simulator, "/v1/users/me", authorization=header)
        assert (answer.status, answer.json["error"]) == (
            400,
            "Invalid request: malformed authorization header",
        )


def test_scopes_decide_which_paths_are_open() -> None:
    with running(scopes="base,users:read") as simulator:
        token = refresh(simulator, SEED).json["access_token"]
        user = simulator.company.owner_id
        paths = ["users/me", "users", f"users/{user}/permissions", "roles", "permissionSets", "deals"]
        answers = [get(simulator, f"/v1/{path}", token) for path in paths]
        assert [answer.status for answer in answers] == [200, 200, 200, 403, 403, 403]
        assert answers[-1].json["error"] == "Scope and URL mismatch"


def test_the_brief_tells_the_lifetime_in_a_string() -> None:
    with running(dialect="brief", limit=20) as simulator:
        tokens = refresh(simulator, SEED).json
        assert tokens["expires_in"] == "3599"
        answer = get(simulator, "/v1/users/me", tokens["access_token"])
        assert (answer.status, answer.headers["x-ratelimit-limit"]) == (200, "80")


def test_the_log_knows_what_was_asked_of_the_authorisation_server() -> None:
    with running() as simulator:
        refresh(simulator, SEED)
        assert [(seen.method, seen.path, seen.status) for seen in simulator.requests] == [
            ("POST", "/oauth/token", 200)
        ]
        assert SEED not in json.dumps([str(seen) for seen in simulator.requests])
