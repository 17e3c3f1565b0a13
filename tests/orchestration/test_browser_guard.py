"""The browser guard: requests that other sites can cause are refused, all others pass."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.responses import PlainTextResponse

from pipedrive_graph.orchestration.browser_guard import BrowserGuard

OWN = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
FRAME = {**LINK, "sec-fetch-dest": "iframe"}
IMAGE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
NEIGHBOUR = {**IMAGE, "sec-fetch-site": "same-site"}
JSON = {"content-type": "application/json"}
HERE = "localhost:3000"


async def dagster(scope: Any, receive: Any, send: Any) -> None:
    """Stands for the web page: answers everything."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("answered")(scope, receive, send)


def asked(
    scheme: str, method: str, path: str, headers: list[tuple[str, str]], hosts: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """What the guard sends in answer to a request."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": scheme,
        "method": method,
        "path": unquote(path.partition("?")[0]),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(BrowserGuard(dagster, hosts)(scope, None, send))
    return sent


def answer(method: str, path: str, *headers: tuple[str, str], hosts: tuple[str, ...] = ()) -> tuple[int, str]:
    """The status and the text of an answer."""
    start, body = asked("http", method, path, list(headers), hosts)
    return start["status"], body["body"].decode()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {}, 200),
        ("GET", "/", OWN, 200),
        ("GET", "/runs/1", LINK, 200),
        ("GET", "/runs/1", FRAME, 403),
        ("GET", "/static/main.js", IMAGE, 403),
        ("GET", "/static/main.js", NEIGHBOUR, 403),
        ("POST", "/graphql", {**JSON, **OWN, "origin": f"http://{HERE}"}, 200),
        ("POST", "/graphql", {**JSON, **OWN, "origin": f"https://{HERE}"}, 200),
        ("POST", "/graphql", JSON, 200),
        ("POST", "/graphql", {"content-type": "application/json; charset=utf-8"}, 200),
        ("POST", "/graphql", {"content-type": "text/plain; application/json"}, 415),
        ("POST", "/graphql", {"content-type": "application/x-www-form-urlencoded"}, 415),
        ("POST", "/graphql", {"content-type": "Multipart/Form-Data; boundary=x"}, 415),
        ("POST", "/graphql", {**JSON, "origin": "http://localhost:8000"}, 403),
        ("POST", "/graphql", {**JSON, "origin": "http://localhost"}, 403),
        ("POST", "/graphql", {**JSON, "origin": "http://127.0.0.1:3000"}, 403),
        ("POST", "/graphql", {**JSON, "origin": "http://localhost:3000.other.example"}, 403),
        ("POST", "/graphql", {**JSON, "origin": "http://user@localhost:3000"}, 403),
        ("POST", "/graphql", {**JSON, "origin": "null"}, 403),
        ("POST", "/graphql", {**JSON, **LINK}, 403),
        ("POST", "/report_asset_materialization/users", {**JSON, **IMAGE}, 403),
        ("OPTIONS", "/graphql", {"origin": "http://other.example"}, 403),
        ("GET", "/graphql?query={version}", {}, 405),
        ("GET", "/graphql?query={version}", OWN, 405),
        ("GET", "/graphql/", LINK, 405),
        ("GET", "/%67raphql", {}, 405),
        ("HEAD", "/graphql", {}, 405),
    ],
)
def test_a_request_passes_or_is_refused(method, path, headers, status) -> None:
    answered, text = answer(method, path, ("host", HERE), *headers.items())
    assert answered == status
    assert (text == "answered") is (status == 200)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:3000", 200),
        ("127.0.0.1:3000", 200),
        ("[::1]", 200),
        ("[::1]:3000", 200),
        ("dagster.acme.example", 200),
        ("dagster.acme.example:8443", 200),
        ("other.example", 421),
        ("localhost.other.example", 421),
        ("localhost:3000@other.example", 421),
        ("dagster.acme.example.", 421),
        ("0.0.0.0:3000", 421),
        ("", 421),
    ],
)
def test_only_known_host_names_are_answered(host, status) -> None:
    refusal = "This host name is not allowed; PIPEDRIVE_GRAPH_DAGSTER_HOSTS names the hosts of this page.\n"
    assert answer("GET", "/", ("host", host), hosts=("Dagster.Acme.example",)) == (
        status,
        "answered" if status == 200 else refusal,
    )


def test_two_host_names_and_none_are_refused() -> None:
    assert answer("GET", "/", ("host", HERE), ("host", "other.example"))[0] == 421
    assert answer("GET", "/")[0] == 421


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"origin": f"http://{HERE}"}, True),
        ({"origin": "http://other.example"}, False),
        ({"origin": "null"}, False),
        ({"host": "other.example", "origin": "http://other.example"}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, False),
    ],
)
def test_a_connection_passes_or_is_refused(headers, passes) -> None:
    (message,) = asked("websocket", "GET", "/graphql", list({"host": HERE, **headers}.items()))
    assert message["type"] == ("websocket.accept" if passes else "websocket.close")


def test_no_other_page_may_show_an_answer() -> None:
    start, _ = asked("http", "GET", "/", [("host", HERE)])
    assert {(b"x-frame-options", b"DENY"), (b"cross-origin-resource-policy", b"same-origin")} <= {
        *start["headers"]
    }
