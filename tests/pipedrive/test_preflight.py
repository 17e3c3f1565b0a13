from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipedrive_graph.config.company import Names
from pipedrive_graph.errors import (
    BlockedError,
    ConfigurationError,
    IncompleteError,
    NotAuthorisedError,
    NotPipedriveError,
    UnreachableError,
)
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.http_types import Timeouts
from pipedrive_graph.pipedrive.models import Me
from pipedrive_graph.pipedrive.preflight import withdrawn
from pipedrive_graph.pipedrive.ratelimit.retry import RetryPolicy
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator

from .using import HASTY, use


async def preflight(pipedrive: Pipedrive):
    return await pipedrive.preflight()


def check(url: str, token: str, warnings: list[str] | None = None, **options):
    return use(url, token, preflight, preflight=False, warnings=warnings, **options)


@pytest.fixture(scope="module")
def official() -> Iterator[Simulator]:
    with Simulator(Options(users=5)) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _no_faults(official: Simulator) -> Iterator[None]:
    yield
    official.faults.clear()


def test_an_admin_may_go_on(official: Simulator):
    warnings: list[str] = []
    (me,) = check(official.url, official.token, warnings).rows(Me)
    assert me.company_id == official.company.id
    assert me.is_admin_somewhere
    assert warnings == []
    assert "api_token" not in official.requests[-1].query


def test_the_query_form_is_taken_where_the_header_is_not_and_said_once():
    warnings: list[str] = []

    async def two(pipedrive: Pipedrive):
        await pipedrive.fetch(Call(Endpoint.USERS))
        return await pipedrive.fetch(Call(Endpoint.ME))

    with Simulator(Options(users=5, dialect="brief")) as simulator:
        answer = use(simulator.url, simulator.token, two, warnings=warnings)
        assert answer.rows(Me)
        assert [seen.status for seen in simulator.requests] == [401, 200, 200, 200]
        assert ["api_token" in seen.query for seen in simulator.requests] == [False, True, True, True]
    (warning,) = warnings
    assert "api_token" in warning
    assert simulator.token not in warning


@pytest.mark.parametrize("host", ["api.pipedrive.com", "acme.pipedrive.com", "PIPEDRIVE.COM"])
def test_pipedrive_itself_never_gets_the_query_form(host: str):
    pipedrive = Pipedrive(f"https://{host}/v1", "secret-token", on_warning=print)
    assert not pipedrive._may_try_query()
    assert Pipedrive("https://notpipedrive.com/v1", "secret-token", on_warning=print)._may_try_query()


@pytest.mark.parametrize("dialect", ["official", "brief"])
def test_a_wrong_token_is_said_in_one_sentence(dialect):
    with Simulator(Options(users=5, dialect=dialect)) as simulator:
        with pytest.raises(NotAuthorisedError, match="does not accept the API token"):
            check(simulator.url, "wrong-token-wrong-token")
        assert len(simulator.requests) == 2


def test_a_user_without_any_admin_right_is_refused(official: Simulator):
    with pytest.raises(NotAuthorisedError, match="not an admin"):
        check(official.url, official.options.user_token)


@pytest.mark.parametrize(
    ("fields", "goes_on"),
    [
        ({"access": [], "is_admin": 1}, False),
        ({"access": [{"app": "sales", "admin": "1"}]}, True),
        ({"access": None, "is_admin": 0}, False),
        ({"access": None, "is_admin": 1}, True),
        ({"access": None}, True),
    ],
)
def test_access_decides_then_is_admin_and_silence_goes_on(official, fields, goes_on):
    def change(body):
        del body["data"]["access"]
        body["data"].pop("is_admin", None)
        body["data"].update(fields)

    official.faults.add("users/me", faults.edit(change))
    if goes_on:
        assert check(official.url, official.token).data
    else:
        with pytest.raises(NotAuthorisedError, match="not an admin"):
            check(official.url, official.token)


@pytest.mark.parametrize(
    ("action", "error", "sentence"),
    [
        (faults.forbidden, NotAuthorisedError, "refuses the API token's owner"),
        (faults.status(402), NotAuthorisedError, "account is closed"),
        (faults.not_found, NotPipedriveError, "is not Pipedrive's API"),
        (faults.status(418), NotPipedriveError, "check PIPEDRIVE_BASE_URL"),
        (faults.html(), NotPipedriveError, "the body is not JSON"),
        (faults.body({"hello": "world"}), NotPipedriveError, "data is missing"),
        (faults.body({"success": True, "data": []}), NotPipedriveError, "expected an object"),
        (faults.body("", 302), NotPipedriveError, "status 302"),
        (faults.status(503), UnreachableError, "status 503"),
        (faults.cut("before"), UnreachableError, "No response from"),
        (faults.silence, UnreachableError, "the request timed out"),
        (faults.cloudflare, BlockedError, "Cloudflare"),
        (
            faults.status(429, headers={"x-daily-ratelimit-token-remaining": "0"}),
            IncompleteError,
            "daily budget",
        ),
    ],
)
def test_each_obstacle_has_its_sentence(official: Simulator, action, error, sentence):
    official.faults.add("users/me", action, times=None)
    with pytest.raises(error, match=sentence) as caught:
        check(official.url, official.token)
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "action",
    [
        faults.status(503),
        faults.cut("within"),
        faults.truncated,
        faults.html(),
        faults.unsuccessful,
        lambda reply: faults.headers(x_ratelimit_remaining="0", x_ratelimit_reset="0")(
            faults.status(429)(reply)
        ),
    ],
    ids=["503", "cut", "truncated", "html", "unsuccessful", "429"],
)
def test_what_passes_is_lived_through(official: Simulator, action):
    official.faults.add("users/me", action, times=1)
    assert check(official.url, official.token).data


@pytest.mark.parametrize("action", [faults.silence, faults.slow_loris(9), faults.cut("before")])
@pytest.mark.parametrize("times", [1, 2])
def test_an_answer_that_hangs_or_is_cut_is_asked_for_again(official: Simulator, action, times: int):
    fault = official.faults.add("users/me", action, times=times)
    retry_policy = RetryPolicy(first=0.02, longest=0.05, silence=2.1)
    assert check(official.url, official.token, timeouts=Timeouts(), retry_policy=retry_policy).data
    assert fault.hits == times


def test_a_slow_answer_is_waited_for(official: Simulator):
    official.faults.add("users/me", faults.slow(0.9), times=None)
    retry_policy = RetryPolicy(first=0.02, longest=0.05, silence=2.1)
    assert check(official.url, official.token, timeouts=Timeouts(), retry_policy=retry_policy).data


def test_the_query_form_that_hangs_once_is_asked_for_again():
    with Simulator(Options(users=5, dialect="brief")) as simulator:
        fault = simulator.faults.add("users/me", faults.silence)
        assert check(simulator.url, simulator.token).data
        assert fault.hits == 1


def test_one_lost_answer_to_the_last_question_does_not_end_the_run(official: Simulator):
    """After a long silence, a probe checks whether the server is there; the probe may be lost too."""
    user = official.company.owner_id

    async def one(pipedrive: Pipedrive):
        official.faults.add(f"users/{user}/permissions", faults.cut("before"), times=None)
        official.faults.add("users/me", faults.cut("before"), times=1)
        return await pipedrive.fetch(Call(Endpoint.PERMISSIONS, str(user)))

    answer = use(official.url, official.token, one)
    assert answer.problem == f"users/{user}/permissions: the answer was cut short"


def test_a_base_url_without_the_version_is_not_pipedrives(official: Simulator):
    with pytest.raises(NotPipedriveError, match=r"http://127\.0\.0\.1:\d+ is not"):
        check(official.url.removesuffix("/v1"), official.token)


def test_somebody_elses_server_is_named():
    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>It works!</html>")

        def log_message(self, *_):
            pass

    with serving(Page) as port, pytest.raises(NotPipedriveError, match=f"http://localhost:{port}/x"):
        check(f"http://localhost:{port}/x/", "some-token")


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_nobody_there_is_given_up_before_the_silence_is_over():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        began = time.monotonic()
        with pytest.raises(UnreachableError, match="the connection is refused"):
            check(url, "some-token")
    assert time.monotonic() - began < HASTY.silence  # full jitter: there is no least time


def test_who_listens_and_never_answers_is_given_up_too():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with pytest.raises(UnreachableError, match="timed out"):
            check(url, "some-token", timeouts=Timeouts(read=30), retry_policy=RetryPolicy(silence=1))


def test_the_real_patience_is_less_than_thirty_seconds():
    assert RetryPolicy().silence < 30
    assert RetryPolicy().attempts >= 6
    assert RetryPolicy().longest <= 8


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://api.pipedrive.com", "not an http"),
        ("api.pipedrive.com/v1", "not an http"),
        ("", "not an http"),
        ("https://", "not an http"),
        ("http://api.pipedrive.com/v1", "unencrypted"),
        ("http://127.0.0.1.example.com/v1", "unencrypted"),
        ("https://user:pass@api.pipedrive.com/v1", "no user name"),
        ("https://api.pipedrive.com/v1?api_token=canary", "no user name"),
    ],
)
def test_an_address_that_cannot_be_used(url: str, sentence: str):
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        Pipedrive(url, "some-token", on_warning=print)
    assert "canary" not in str(caught.value)
    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://[::1]:1", "http://localhost/v1"])
def test_loopback_may_be_unencrypted(url: str):
    Pipedrive(url, "some-token", on_warning=print)


@pytest.mark.parametrize("token", ["", "with space", "with\nbreak", "tökén"])
def test_a_token_that_is_none(token: str):
    with pytest.raises(ConfigurationError, match="PIPEDRIVE_API_TOKEN"):
        Pipedrive("https://api.pipedrive.com/v1", token, on_warning=print)


def test_what_cannot_be_used_is_told_by_the_names_that_it_is_set_by():
    names = Names("ACME_TOKEN", "base_url of [acme] in companies.toml")
    with pytest.raises(ConfigurationError, match=r"The API token is missing: set ACME_TOKEN\.$"):
        Pipedrive("https://api.pipedrive.com/v1", "", on_warning=print, names=names)
    with pytest.raises(ConfigurationError, match=r"set base_url of \[acme\] in companies\.toml to an https"):
        Pipedrive("http://api.pipedrive.com/v1", "some-token", on_warning=print, names=names)
    assert str(withdrawn(names, None)).endswith("set ACME_TOKEN to a valid one and run sync again.")
