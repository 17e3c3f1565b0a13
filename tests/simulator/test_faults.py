"""Faults on demand, each as a client meets it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from urllib.parse import urlsplit

import pytest

from pipedrive_graph.simulator import faults as f
from pipedrive_graph.simulator.server import Options, Simulator

from .calling import call


@pytest.fixture(scope="module")
def shared():
    with Simulator(Options(users=12, limit=100_000)) as running:
        yield running


@pytest.fixture
def running(shared):
    yield shared
    shared.faults.clear()


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_a_burst_of_errors_ends(running, code) -> None:
    running.faults.add("users", f.status(code), times=3)
    assert [call(running, "users").status for _ in range(5)] == [code] * 3 + [200] * 2


def test_a_fault_can_start_late_and_befalls_its_path_alone(running) -> None:
    fault = running.faults.add(r"users/\d+/permissions", f.status(500), times=1, after=2)
    path = f"users/{running.company.owner_id}/permissions"
    assert call(running, "users/me").status == 200
    assert [call(running, path).status for _ in range(4)] == [200, 200, 500, 200]
    assert fault.hits == 1


def test_a_fault_without_end_is_removed(running) -> None:
    fault = running.faults.add("roles", f.not_found, times=None)
    assert [call(running, "roles").status for _ in range(3)] == [404] * 3
    running.faults.remove(fault)
    assert call(running, "roles").status == 200


def test_the_oldest_rule_comes_first(running) -> None:
    running.faults.add("roles", f.status(500))
    running.faults.add(".*", f.status(503))
    assert [call(running, "roles").status for _ in range(3)] == [500, 503, 200]


def test_an_answer_that_trickles_from_its_first_byte_is_whole_in_the_end(running) -> None:
    true = call(running, "users/me").json
    running.faults.add("users/me", f.slow_loris(0.4))
    connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=5)
    started = time.monotonic()
    connection.request("GET", "/v1/users/me", headers={"x-api-token": running.token})
    reply = connection.getresponse()
    began = time.monotonic()
    assert reply.status == 200
    assert json.loads(reply.read()) == true
    assert time.monotonic() - started >= 0.3
    assert began - started >= 0.05
    connection.close()


def test_a_fault_of_get_does_not_befall_put(running) -> None:
    running.faults.add(".*", f.status(500), times=None)
    path = f"users/{running.company.plain_user_id}"
    assert call(running, path, method="PUT", send={"active_flag": True}).status == 200


def test_the_connection_ends_before_the_answer(running) -> None:
    running.faults.add("users", f.cut("before"))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        call(running, "users")
    assert running.requests[-1].status is None
    assert call(running, "users").status == 200


def test_the_connection_ends_within_the_body(running) -> None:
    running.faults.add("users", f.cut("within"))
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        call(running, "users")
    assert call(running, "users").status == 200


def test_the_connection_ends_after_a_whole_answer(running) -> None:
    running.faults.add("users/me", f.cut("after"))
    where = urlsplit(running.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)
    connection.connect()
    first = connection.sock
    headers = {"x-api-token": running.token}
    connection.request("GET", "/v1/users/me", headers=headers)
    response = connection.getresponse()
    assert json.loads(response.read())["success"]
    time.sleep(0.1)
    assert first is not None
    assert first.recv(1) == b""  # the server hung up
    connection.close()


def test_a_body_trickles(running) -> None:
    running.faults.add("users/me", f.slow(0.5))
    began = time.monotonic()
    assert call(running, "users/me").data["is_you"]
    assert 0.4 < time.monotonic() - began < 3


def test_garbage_of_every_kind(running) -> None:
    running.faults.add("users/me", f.truncated)
    with pytest.raises(json.JSONDecodeError):
        call(running, "users/me").json  # noqa: B018
    running.faults.add("users/me", f.html())
    answer = call(running, "users/me")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=UTF-8")
    running.faults.add("users/me", f.unsuccessful)
    assert call(running, "users/me").json["success"] is False
    for content, raw in [(b"\xff\x00", b"\xff\x00"), ("", b""), ({"a": [1]}, b'{"a": [1]}')]:
        running.faults.add("users/me", f.body(content, 200))
        assert call(running, "users/me").body == raw
    running.faults.add("users/me", f.forbidden)
    assert call(running, "users/me").status == 403
    running.faults.add("users/me", f.unauthorised)
    assert call(running, "users/me").status == 401


def test_the_true_answer_can_be_edited(running) -> None:
    running.faults.add("users", f.edit(lambda body: body["data"].pop()))
    assert len(call(running, "users").data) == 11
    assert len(call(running, "users").data) == 12


def test_headers_can_be_set_and_left_out(running) -> None:
    running.faults.add("users/me", f.headers(x_ratelimit_limit="7", x_ratelimit_reset=None))
    answer = call(running, "users/me")
    assert answer.headers["x-ratelimit-limit"] == "7"
    assert "x-ratelimit-reset" not in answer.headers


def test_actions_compose(running) -> None:
    running.faults.add("users/me", f.status(503), f.slow(0.2), f.cut("within"))
    began = time.monotonic()
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        call(running, "users/me")
    assert time.monotonic() - began > 0.15


def test_the_cdn_closes_the_door(running) -> None:
    running.faults.add(".*", f.cloudflare)
    answer = call(running, "users/me")
    assert answer.status == 403
    assert b"Cloudflare" in answer.body
    assert "x-ratelimit-limit" not in answer.headers


def test_silence_blocks_nobody_else(running) -> None:
    running.faults.add("roles", f.silence)
    with pytest.raises(TimeoutError):
        call(running, "roles", timeout=0.3)
    assert call(running, "roles").status == 200


@pytest.mark.parametrize("latency", [0.0, 30.0])
def test_stopping_ends_every_connection_without_an_answer(latency) -> None:
    outcome: list[object] = []

    def wait() -> None:
        try:
            outcome.append(call(running, "users", timeout=20))
        except (http.client.HTTPException, OSError) as error:
            outcome.append(error)

    with Simulator(Options(users=5, latency=latency)) as running:
        if not latency:
            running.faults.add(".*", f.silence, times=None)
        waiting = threading.Thread(target=wait)
        waiting.start()
        while not running.requests:
            time.sleep(0.01)
        running.stop()
        waiting.join(10)
    assert not waiting.is_alive()
    assert isinstance(outcome[0], ConnectionError | http.client.RemoteDisconnected)


def test_faults_leave_the_limits_exact() -> None:
    with Simulator(Options(users=5, limit=3)) as running:
        fault = running.faults.add(".*", f.status(500), times=None)
        assert [call(running, "users").status for _ in range(5)] == [500, 500, 500, 429, 429]
        assert fault.hits == 3
